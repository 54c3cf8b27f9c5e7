"""The file of votes, labels and notes: one row a decision, the last one of a person counts, earlier ones are kept."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from workbench.errors import Exit, UserError
from workbench.events import now

FILE = Path("people") / "people.sqlite"
"""Where, under the workspace, the file lies."""
CHOICES = ("a", "b", "tie", "both_bad", "skip")
_PATIENCE_S = 5.0
_TABLES = """
CREATE TABLE IF NOT EXISTS votes (
  number INTEGER PRIMARY KEY, arena TEXT NOT NULL, pair TEXT NOT NULL, rater TEXT NOT NULL, choice TEXT NOT NULL,
  left TEXT NOT NULL, seconds REAL, reason TEXT NOT NULL, time TEXT NOT NULL, undone INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS one_vote ON votes (arena, pair, rater) WHERE undone = 0;
CREATE INDEX IF NOT EXISTS votes_of ON votes (arena, rater, undone, number);
CREATE TABLE IF NOT EXISTS labels (
  number INTEGER PRIMARY KEY, run TEXT NOT NULL, item TEXT NOT NULL, about TEXT NOT NULL, rater TEXT NOT NULL,
  label TEXT NOT NULL, time TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS labels_of ON labels (run, about, item);
CREATE TABLE IF NOT EXISTS notes (
  number INTEGER PRIMARY KEY, run TEXT NOT NULL, item TEXT NOT NULL, rater TEXT NOT NULL, text TEXT NOT NULL,
  time TEXT NOT NULL);
"""

Choice = Literal["a", "b", "tie", "both_bad", "skip"]


@dataclass(frozen=True, slots=True)
class Vote:
    """What a rater said of a pair. choice: of `a` and `b` as the pair names them, wherever they were shown.

    left: which of them stood on the left. seconds: until the vote. reason: of a `skip`.
    """

    arena: str
    pair: str
    rater: str
    choice: Choice
    left: Literal["a", "b"] = "a"
    seconds: float | None = None
    reason: str = ""
    time: str = field(default_factory=now, compare=False)


@dataclass(frozen=True, slots=True)
class Label:
    """What a rater said of a document or item of a run; `about` names the question, such as a rule."""

    run: str
    item: str
    about: str
    rater: str
    label: str
    time: str = field(default_factory=now, compare=False)


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on a run or one item of it."""

    run: str
    item: str
    rater: str
    text: str
    time: str = field(default_factory=now, compare=False)


def jsonl(rows: Iterable[Label | Note]) -> str:
    """One JSON object a line, as they are exported and as a run that reads them digests them."""
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


class People:
    """The file under a workspace; safe for several threads and processes.

    Raises UserError for a file that is none of these (exit 4) or cannot be written (exit 7).
    """

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path.parent} cannot be made: {error.strerror}", code=Exit.OUTPUT) from None
        with self._told():
            self._connection = sqlite3.connect(
                self.path, timeout=_PATIENCE_S, check_same_thread=False, isolation_level=None
            )
        try:
            with self._told():
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")  # a vote that was confirmed survives a power cut
                self._connection.executescript(_TABLES)
        except UserError:
            self._connection.close()
            raise

    def vote(self, vote: Vote) -> bool:
        """Keep a vote; False where this rater has voted on this pair already, and that vote stays."""
        if vote.choice not in CHOICES or vote.left not in ("a", "b"):
            raise ValueError(f"no such vote: {vote.choice} with {vote.left} on the left")
        row = (vote.arena, vote.pair, vote.rater, vote.choice, vote.left, vote.seconds, vote.reason, vote.time)
        columns = "arena, pair, rater, choice, left, seconds, reason, time"
        return self._write(f"INSERT OR IGNORE INTO votes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row) == 1  # noqa: S608

    def undo(self, arena: str, rater: str) -> Vote | None:
        """Take the rater's last vote back, and return it; None where there is none. It stays in the file, marked."""
        with self._lock, self._told():
            cursor = self._connection.execute(
                "UPDATE votes SET undone = 1 WHERE number = (SELECT max(number) FROM votes WHERE arena = ? AND "
                "rater = ? AND undone = 0) RETURNING arena, pair, rater, choice, left, seconds, reason, time",
                (arena, rater),
            )
            found = cursor.fetchall()
        return Vote(*found[0]) if found else None

    def votes(self, arena: str, rater: str | None = None) -> list[Vote]:
        """The votes on an arena's pairs, in their order; of one rater where named."""
        one, values = ("", (arena,)) if rater is None else (" AND rater = ?", (arena, rater))
        rows = self._rows(
            "SELECT arena, pair, rater, choice, left, seconds, reason, time FROM votes "  # noqa: S608 - no value in it
            f"WHERE arena = ?{one} AND undone = 0 ORDER BY number",
            values,
        )
        return [Vote(*row) for row in rows]

    def stamp(self, arena: str) -> tuple[int, int, int]:
        """What changes with every vote on an arena, every vote taken back, and every label: a key for a cache."""
        [found] = self._rows(
            "SELECT coalesce(max(number), 0), coalesce(sum(undone), 0), "
            "(SELECT coalesce(max(number), 0) FROM labels WHERE run = ?1) FROM votes WHERE arena = ?1",
            (arena,),
        )
        last, undone, label = found
        return last, undone, label

    def label(self, label: Label) -> None:
        """Keep a label; the last one of a rater on an item and question counts."""
        row = (label.run, label.item, label.about, label.rater, label.label, label.time)
        self._write("INSERT INTO labels (run, item, about, rater, label, time) VALUES (?, ?, ?, ?, ?, ?)", row)

    def labels(self, run: str, about: str | None = None) -> list[Label]:
        """The labels of a run's items that count, by item and rater; on one question where named. "" is none."""
        rows = self._rows(
            "SELECT run, item, about, rater, label, time FROM labels WHERE number IN (SELECT max(number) FROM labels "
            "WHERE run = ? AND (? IS NULL OR about = ?) GROUP BY item, about, rater) AND label != '' "
            "ORDER BY about, item, rater",
            (run, about, about),
        )
        return [Label(*row) for row in rows]

    def note(self, note: Note) -> None:
        """Keep a remark."""
        row = (note.run, note.item, note.rater, note.text, note.time)
        self._write("INSERT INTO notes (run, item, rater, text, time) VALUES (?, ?, ?, ?, ?)", row)

    def notes(self, run: str, item: str | None = None) -> list[Note]:
        """The remarks on a run, or on one item of it, in their order."""
        rows = self._rows(
            "SELECT run, item, rater, text, time FROM notes WHERE run = ? AND (? IS NULL OR item = ?) ORDER BY number",
            (run, item, item),
        )
        return [Note(*row) for row in rows]

    def _write(self, statement: str, row: Sequence[object]) -> int:
        with self._lock, self._told():
            return self._connection.execute(statement, row).rowcount

    def _rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        with self._lock, self._told():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UserError(
                f"{self.path}: {error}", hint="is the disk full, or the folder read-only?", code=Exit.OUTPUT
            ) from None
        except sqlite3.DatabaseError as error:
            hint = "move it away: a new file is made"
            raise UserError(
                f"{self.path} is no file of votes and labels: {error}", hint=hint, code=Exit.INPUT
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
