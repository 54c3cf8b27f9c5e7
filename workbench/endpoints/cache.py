"""Answers that were paid for once: a SQLite file, safe for several threads and processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any, Self

import zstandard

from workbench.errors import Exit, UserError

_LARGEST = 64 << 20


class Cache:
    """Bodies by key. An entry is written once and never changed; a file that is no cache is a UserError (exit 4)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30.0, check_same_thread=False, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, body BLOB NOT NULL)")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            hint = "name another file, or delete it: answers are asked again"
            raise UserError(f"{path} is no cache of answers: {error}", hint=hint, code=Exit.INPUT) from None

    def get(self, key: str) -> dict[str, Any] | None:
        """The stored body, or None; a damaged entry counts as none."""
        with self._lock:
            row = self._connection.execute("SELECT body FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            body = json.loads(zstandard.ZstdDecompressor().decompress(row[0], max_output_size=_LARGEST))
        except (zstandard.ZstdError, ValueError):
            return None
        return body if isinstance(body, dict) else None

    def put(self, key: str, body: dict[str, Any]) -> None:
        """Store a body; what another process stored first stays, so that all read the same."""
        packed = zstandard.ZstdCompressor().compress(json.dumps(body, ensure_ascii=True).encode())
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, packed))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
