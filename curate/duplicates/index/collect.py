"""From the tables of a run to signed documents: those it kept, and those it dropped as somebody's duplicate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from curate.ask.finished import FinishedRun
from curate.duplicates.config import Duplicates
from curate.duplicates.index.schemas import FACTS, KEYS, hex_keys
from curate.duplicates.index.segment import Rows
from curate.duplicates.index.state import DOCUMENTS, Index
from curate.duplicates.index.tombstones import Deleted, deleted
from curate.duplicates.repeats.cuts import KINDS
from curate.duplicates.repeats.lines import LineWriter
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter
from curate.duplicates.urls import url_keys
from curate.edits import Edit, difference
from curate.segment import Segments
from workbench.tables import write_table
from workbench.units import Report, Unit, Work, fingerprint

STEP = "curate.duplicates.index.collect:sign_step"
RULES = ("duplicates.text", "duplicates.near", "duplicates.url")
BATCH_DOCS = 256
BATCH_CHARS = 4_000_000  # bounds the spans of one batch, as in a run
_COLUMNS = ("id", "url", "host", "date", "chars", "file", "text")


class Wanted(NamedTuple):
    """The rows of one shard that are to be added, and how many are not."""

    shard: str
    rows: Rows
    known: int
    deleted: int


def wanted(run: FinishedRun, index: Index | None) -> Iterator[Wanted]:
    """What the shards of a run hold for the index, shard by shard; ids that it has, or that were deleted, stay out."""
    assert run.run.manifest is not None
    gone = Deleted() if index is None else deleted(index)
    ids = [] if index is None else index.tables(DOCUMENTS)
    rules = pl.col("rule").is_in(RULES)
    removed = run.scan("decisions").filter((pl.col("state") == "dropped") & rules).select("id").collect()
    for table in ("documents", "dropped"):
        files = [file.path for file in run.run.manifest.outputs if file.path.startswith(f"{table}/")]
        for shard in sorted(files):
            frame = pl.read_parquet(run.path / shard, columns=["id", "url", "host"], glob=False).with_row_index("row")
            if table == "dropped":
                frame = frame.join(removed, on="id", how="semi", maintain_order="left")
            if not frame.height:
                continue
            keys = hex_keys(url_keys(frame["url"].to_list())) if gone.url_keys else pl.Series([None] * frame.height)
            barred = gone.mask(frame["id"], keys.cast(pl.String), frame["host"], frame["url"])
            left = frame.filter(~pl.Series(barred))
            new = left if not ids else left.filter(~left["id"].is_in(known_ids(ids, left["id"]).implode()))
            rows = new["row"].to_numpy().astype(np.int64)
            yield Wanted(shard, rows, left.height - new.height, int(barred.sum()))


def known_ids(tables: Sequence[Path], ids: pl.Series) -> pl.Series:
    """Those of the ids that these document tables hold."""
    asked = ids.alias("id").to_frame().lazy()
    parts = [pl.scan_parquet(path, glob=False).select("id").join(asked, on="id", how="semi") for path in tables]
    return pl.concat(parts).collect(engine="streaming")["id"]


def sign_units(run: FinishedRun, found: Sequence[Wanted], staging: Path, number: int) -> list[Unit]:
    """The work of signing the wanted rows, a unit for each shard that has some; row lists lie in `staging`."""
    units = []
    for at, part in enumerate(found):
        rows = staging / f"rows-{at:05d}.npy"
        np.save(rows, part.rows)
        payload = {"shard": part.shard, "rows": str(rows), "run": number}
        units.append(Unit(fingerprint(**payload), payload))
    return units


def signing(settings: Duplicates) -> Duplicates:
    """The settings documents of an index are signed by: texts and addresses always have their keys, for `delete` and
    `trace` go by them whatever the index compares."""
    return settings.model_copy(update={"text": True, "url": True})


@contextmanager
def sign_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Signs the wanted rows of a shard; writes the files of a unit, lines, and FACTS + KEYS as documents.parquet."""
    settings = Duplicates.model_validate(setup["settings"])
    run, edits = Path(setup["run"]), [Path(path) for path in setup["edits"]]
    signer = Signer(signing(settings))

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        shard, rows = str(payload["shard"]), np.load(payload["rows"])
        lines = _Lines(out, settings, edits, run / shard) if settings.lines.enabled else None
        whole = _Whole(edits, run / shard) if setup["passages"] else None
        parts: list[pl.DataFrame] = []
        with UnitWriter(out, signer.bands) as writer:
            for frame in _batches(run / shard, rows):
                urls = frame["url"].to_list()
                segments = Segments(whole.texts(frame) if whole is not None else frame["text"])
                signed = signer.sign(segments, urls)
                writer.write(signed)
                if lines is not None:
                    lines.write(frame)
                digits = {name: hex_keys(key) for name, key in zip(KEYS, signed[:3], strict=True)}
                parts.append(frame.drop("text").with_columns(**digits))
                report(sum(part.height for part in parts) / max(1, len(rows)))
            if lines is not None:
                lines.close()
        facts = pl.concat([pl.DataFrame(schema={name: FACTS.get(name, pl.String) for name in _facts()}), *parts])
        table = facts.with_columns(
            row=pl.int_range(facts.height, dtype=pl.UInt32),
            run=pl.lit(payload["run"], pl.Int64),
            shard=pl.lit(shard),
            removed_by_run=pl.lit(shard.startswith("dropped/")),
        ).select(*FACTS, *KEYS)
        write_table(out / DOCUMENTS, table)
        return {"documents": table.height}

    yield work


def _facts() -> list[str]:
    return [*(name for name in _COLUMNS if name != "text"), "shard_row", *KEYS]


def _batches(shard: Path, rows: Rows) -> Iterator[pl.DataFrame]:
    """The wanted rows of a shard, in order, some hundred documents at a time."""
    begin = 0
    with pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(BATCH_DOCS, columns=list(_COLUMNS), use_threads=False):
            low, high = np.searchsorted(rows, [begin, begin + batch.num_rows])
            frame = pl.DataFrame(pl.from_arrow(batch))[rows[low:high] - begin]
            frame = frame.with_columns(shard_row=pl.Series(rows[low:high], dtype=pl.Int64)).select(
                *_COLUMNS, "shard_row"
            )
            begin += batch.num_rows
            ends = frame["text"].str.len_chars().cum_sum()
            pieces = (ends - 1) // BATCH_CHARS
            for piece in pieces.unique(maintain_order=True):
                yield frame.filter(pieces == piece)


class _Whole:
    """The texts of a shard as they were compared: with the passages that the run cut once documents were decided."""

    def __init__(self, edits: Sequence[Path], shard: Path) -> None:
        ids = pl.scan_parquet(shard, glob=False).select("id")
        own = [pl.scan_parquet(path, glob=False).join(ids.lazy(), on="id", how="semi") for path in edits]
        every = pl.concat(own).collect(engine="streaming").sort("id", "start", "end")
        cut = every.filter(pl.col("kind").is_in(KINDS))["id"].unique()
        rows = every.filter(pl.col("id").is_in(cut.implode()))
        self._edits = {str(key): table for (key,), table in rows.partition_by("id", as_dict=True).items()}

    def texts(self, frame: pl.DataFrame) -> list[str]:
        """The texts of a batch."""
        return [self._text(key, text) for key, text in frame.select("id", "text").iter_rows()]

    def _text(self, key: str, text: str) -> str:
        rows = self._edits.get(key)
        if rows is None:
            return text
        columns = ("step", "kind", "start", "end", "removed", "digest", "replacement")
        pieces = difference(text, [Edit(0, *row) for row in rows.select(columns).iter_rows()])
        return "".join(
            piece.before or "" if piece.edit is not None and piece.edit.kind in KINDS else piece.after
            for piece in pieces
        )


class _Lines:
    """Writes the lines of the pages as they were before the run took lines out of them."""

    def __init__(self, out: Path, settings: Duplicates, edits: Sequence[Path], shard: Path) -> None:
        self._writer = LineWriter(out, settings.lines.max_chars)
        ids = pl.scan_parquet(shard, glob=False).select("id")
        line = pl.col("kind").str.starts_with("line:") & pl.col("removed").is_not_null()
        parts = [pl.scan_parquet(path, glob=False).filter(line).select("id", "removed") for path in edits]
        removed = pl.concat(parts).join(ids, on="id", how="semi").collect(engine="streaming")
        self._removed = removed.group_by("id").agg(pl.col("removed").str.join("\n"))

    def write(self, frame: pl.DataFrame) -> None:
        """Count a batch; removed lines stand below what is left of the text, for their order says nothing."""
        joined = frame.join(self._removed, on="id", how="left", maintain_order="left")
        text = joined.select(pl.concat_str("text", "removed", separator="\n", ignore_nulls=True)).to_series()
        self._writer.write(Segments(text).text, frame["host"].to_list(), frame["url"].to_list())

    def close(self) -> None:
        """Write what is held."""
        self._writer.close()
