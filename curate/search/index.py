"""Making the index: texts of a run into a SQLite file with FTS5, shard by shard, so that an interruption costs one.

Two tables hold what the hits are shown with (facts small and apart, so that filters read little), one the words of
titles and texts without the texts themselves. The same run, sample and seed give the same bytes, interrupted or not:
every shard is one transaction, and what is published is a copy without the pages that the making left behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
import zstandard

from curate.ask.finished import FinishedRun
from curate.search.place import About, read_about, write_about
from curate.search.words import TOKENIZER, prepare
from workbench import manifest
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import leftovers, remove, whole_file
from workbench.locks import Lock
from workbench.tables import parquet_files

SAMPLE = 100_000
_COLUMNS = ["id", "url", "host", "lang", "title", "text"]
_ROWS = 1000  # texts in memory
_HASH_BYTES = 64 << 20  # words held before FTS5 writes them; its default of 1 MiB writes a quarter more and frees it
_CACHE_KIB = 1 << 16
_PAGE_BYTES = 1 << 14  # short texts leave less of a page empty than with 4 KiB: 7 % of the file
_TABLES = (
    "CREATE TABLE documents (row INTEGER PRIMARY KEY, id TEXT, url TEXT, host TEXT, lang TEXT, state TEXT, rule TEXT)",
    "CREATE TABLE texts (row INTEGER PRIMARY KEY, title TEXT, text BLOB)",
    f"""CREATE VIRTUAL TABLE words USING fts5(title, text, content='', tokenize="{TOKENIZER}")""",
)


@dataclass(frozen=True, slots=True)
class Built:
    """The index; `was_done` where it stood there before."""

    path: Path
    about: About
    bytes: int
    was_done: bool


def build(run: FinishedRun, path: Path, *, sample: int | None, seed: int, listener: Listener) -> Built:
    """Index `sample` texts of the run (None: all), kept and dropped, chosen by a keyed hash of their ids.

    An index of the same is left as it is, another is replaced once the new one is whole. Raises UserError: exit 4 for
    a run without texts or a damaged one, 5 when another process is writing here, 7 when the index cannot be written.
    """
    shards = _shards(run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"{path.parent} is a file", hint="choose another --to", code=Exit.OUTPUT) from None
    lock = Lock(path.with_name(f"{path.name}.lock"))
    part = path.with_name(f"{path.name}.part")
    try:
        keys = [_keys(shard, seed) for _, shard in shards]
        everything = np.concatenate(keys)
        bound = _bound(everything, sample)
        about = About(
            run.run.id, manifest.digest(run.path), sample, seed, len(everything), int((everything <= bound).sum())
        )
        if _is(path, about):
            return Built(path, about, path.stat().st_size, True)
        for old in leftovers(path.parent, path.name):
            remove(old)
        if not _is(part, about):
            _remove(part)
        with closing(sqlite3.connect(part, isolation_level=None)) as database:
            _fill(database, about, run, shards, [key <= bound for key in keys], listener)
            with whole_file(path) as whole:
                database.execute("VACUUM INTO ?", (str(whole),))
        _remove(part)
        return Built(path, about, path.stat().st_size, False)
    except sqlite3.OperationalError as error:
        if "no such module" in str(error):
            hint = "install a Python whose SQLite has it, such as python.org's"
            raise UserError("the SQLite of this Python has no FTS5", hint=hint, code=Exit.MISSING) from None
        hint = "free some space or choose another --to; the same command goes on from there"
        raise UserError(f"cannot write {path}: {error}", hint=hint, code=Exit.OUTPUT) from None
    except sqlite3.DatabaseError as error:
        _remove(part)
        message = f"what an interruption left of {path} was damaged: {error}"
        raise UserError(message, hint="the same command makes it anew", code=Exit.OUTPUT) from None
    finally:
        lock.release()


def _shards(run: FinishedRun) -> list[tuple[str, Path]]:
    """State and file of every shard with texts, in the order in which they are indexed."""
    if not run.has("documents"):
        message = f"{run.path} is a {run.run.started.kind} run and holds no texts"
        raise UserError(message, hint="index the run that it was made from", code=Exit.INPUT)
    found = []
    for state, table in (("kept", "documents"), ("dropped", "dropped")):
        if run.has(table):
            run.scan(table)  # says which file is damaged
            found += [(state, shard) for shard in parquet_files(run.path / table)]
    return found


def _keys(shard: Path, seed: int) -> np.ndarray:
    """A hash of each id of a shard, uint64 [rows]: the least are the sample, whatever else the run holds."""
    with _reading(shard):
        ids = pq.read_table(shard, columns=["id"])["id"].to_pylist()
    return np.array([xxhash.xxh3_64_intdigest(key.encode(), seed=seed) for key in ids], np.uint64)


def _bound(keys: np.ndarray, sample: int | None) -> np.uint64:
    if sample is None or sample >= len(keys):
        return np.uint64(2**64 - 1)
    return np.uint64(np.partition(keys, sample - 1)[sample - 1])


def _is(path: Path, about: About) -> bool:
    """Whether the file is, or will be, this index; what is torn or of another version is not."""
    if not path.is_file():
        return False
    try:
        # Not by `opened`: a writer that was killed has left a journal, which SQLite must roll back first.
        with closing(sqlite3.connect(path)) as database:
            return read_about(database, path) == about
    except (UserError, sqlite3.DatabaseError):
        return False


def _remove(part: Path) -> None:
    remove(part)
    remove(part.with_name(f"{part.name}-journal"))


def _fill(
    database: sqlite3.Connection,
    about: About,
    run: FinishedRun,
    shards: Sequence[tuple[str, Path]],
    chosen: Sequence[np.ndarray],
    listener: Listener,
) -> None:
    """Everything that is not yet in the unfinished file."""
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        database.execute("BEGIN")
        for table in _TABLES:
            database.execute(table)
        database.execute("INSERT INTO words(words, rank) VALUES ('hashsize', ?)", (_HASH_BYTES,))
        write_about(database, about)
        database.execute("COMMIT")
    (done,) = database.execute("PRAGMA user_version").fetchone()  # shards that are committed
    begins = np.concatenate([[0], np.cumsum([int(mask.sum()) for mask in chosen])]).tolist()
    for number, (begin, end) in enumerate(pairwise(begins)):
        if number < done:
            continue
        state, shard = shards[number]
        rules = _rules(run, shard) if state == "dropped" and end > begin else {}
        database.execute("BEGIN")
        row = begin
        for batch in _batches(shard, chosen[number]):
            _insert(database, row, batch, state, rules)
            row += len(batch["id"])
            counts = {"documents": row}
            listener(Event("progress", "index", "indexing", counts=counts, fraction=row / max(begins[-1], 1)))
        database.execute(f"PRAGMA user_version = {number + 1}")
        database.execute("COMMIT")
        assert row == end
    listener(Event("progress", "index", "merging", counts={"documents": begins[-1]}, fraction=1.0))
    database.execute("INSERT INTO words(words) VALUES ('optimize')")


def _batches(shard: Path, chosen: np.ndarray) -> Iterator[dict[str, list[Any]]]:
    """The chosen rows of a shard, column by column, a few at a time."""
    at = 0
    with _reading(shard), pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(_ROWS, columns=_COLUMNS):
            mask = pa.array(chosen[at : at + batch.num_rows])
            at += batch.num_rows
            rows = batch.filter(mask)
            if rows.num_rows:
                yield {name: rows[name].to_pylist() for name in _COLUMNS}


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Damage that a file's first and last bytes do not show is a UserError (exit 4) too."""
    try:
        yield
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        hint = f"see curate verify {file.parents[1]}"
        raise UserError(f"cannot read {file}: {error}", hint=hint, code=Exit.INPUT) from None


def _rules(run: FinishedRun, shard: Path) -> dict[str, str]:
    """The rule that dropped each document of a shard."""
    if not run.has("decisions"):
        return {}
    wanted = pl.scan_parquet(shard, glob=False).select("id")
    dropped = run.scan("decisions").filter(pl.col("state") == "dropped").select("id", "rule")
    with _reading(run.path / "decisions" / "*.parquet"):
        found = dropped.join(wanted, on="id", how="semi").collect()
    return dict(reversed(found.rows()))  # a repeated record stands after the first of its id


def _insert(
    database: sqlite3.Connection, first: int, batch: dict[str, list[Any]], state: str, rules: dict[str, str]
) -> None:
    rows = range(first, first + len(batch["id"]))
    facts = zip(rows, *(batch[name] for name in ("id", "url", "host", "lang")), strict=True)
    database.executemany(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", ((*fact, state, rules.get(fact[1])) for fact in facts)
    )
    pack = zstandard.ZstdCompressor(level=3).compress
    texts = [text or "" for text in batch["text"]]
    database.executemany(
        "INSERT INTO texts VALUES (?, ?, ?)",
        zip(rows, batch["title"], (pack(text.encode()) for text in texts), strict=True),
    )
    database.executemany(
        "INSERT INTO words(rowid, title, text) VALUES (?, ?, ?)",
        zip(rows, (prepare(title or "") for title in batch["title"]), map(prepare, texts), strict=True),
    )
