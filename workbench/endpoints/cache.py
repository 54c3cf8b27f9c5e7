"""Answers that were paid for once: a SQLite file, safe for several threads and processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import zstandard

from workbench.errors import Exit, UserError

_LARGEST = 64 << 20
_PATIENCE_S = 30.0  # while another process writes
# What SQLite answers where the file is at fault; everything else (locked, full, read-only ...) is the place it lies at.
_FOREIGN = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_NOTADB,
}


class Cache:
    """Bodies by key. An entry is written once and never changed.

    Raises UserError for a file that is no cache (exit 4), and for one that cannot be opened or written (exit 7).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from None
        with self._told():
            self._connection = sqlite3.connect(path, timeout=_PATIENCE_S, check_same_thread=False, isolation_level=None)
        try:
            with self._told():
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, body BLOB NOT NULL)"
                )
                self._connection.execute("SELECT key, body FROM answers LIMIT 0")
        except UserError:
            self._connection.close()
            raise

    def get(self, key: str) -> dict[str, Any] | None:
        """The stored body, or None; a damaged entry counts as none and makes room for another."""
        with self._lock, self._told():
            row = self._connection.execute("SELECT body FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            body = json.loads(zstandard.ZstdDecompressor().decompress(row[0], max_output_size=_LARGEST))
        except (zstandard.ZstdError, ValueError, TypeError, RecursionError):
            body = None
        if not isinstance(body, dict):
            with self._lock, self._told():
                self._connection.execute("DELETE FROM answers WHERE key = ? AND body = ?", (key, row[0]))
            return None
        return body

    def put(self, key: str, body: Mapping[str, Any]) -> None:
        """Store a body; what another process stored first stays, so that all read the same."""
        self.put_all({key: body})

    def put_all(self, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """Store several at once: all of them or, where the process is killed before the end, none."""
        rows = [(key, _pack(body)) for key, body in bodies.items()]
        with self._lock, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong with the file, as a UserError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)  # none where the module itself is misused
            if code is None:
                raise
            if code & 0xFF in _FOREIGN:
                hint = "name another file, or delete it: answers are asked again"
                raise UserError(f"{self.path} is no cache of answers: {error}", hint=hint, code=Exit.INPUT) from None
            raise self._unwritable(str(error)) from None

    def _unwritable(self, why: str) -> UserError:
        hint = "free it or its disk, or name another file; what was answered and stored stays"
        return UserError(f"cannot use the cache of answers {self.path}: {why}", hint=hint, code=Exit.OUTPUT)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pack(body: Mapping[str, Any]) -> bytes:
    """With a checksum, so that a bit that has flipped is no answer."""
    text = json.dumps(body, ensure_ascii=True).encode()
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)
