"""`curate index delete`: documents leave every file of the index, the next of their copies takes their place, and a
tombstone keeps them out of later runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates.index import proof
from curate.duplicates.index.add import ranked, with_state
from curate.duplicates.index.schemas import DUPLICATE, PAIRS, SURVIVOR
from curate.duplicates.index.segment import rewrite
from curate.duplicates.index.settle import settle
from curate.duplicates.index.state import DELETIONS, DOCUMENTS, SEGMENTS, Index, Segment, Writer, proof_path, reading
from curate.duplicates.index.state import PAIRS as PAIRS_FILE
from curate.duplicates.index.tombstones import Deleted, Request, Tombstone, append, deleted
from workbench.errors import UserError
from workbench.events import Event, Listener, now
from workbench.files import write_text

SCHEMA = "curate.index.deletion/1"
FEW = 20  # documents of an index in which a request may name any share
_LOOKED_AT = ("row", "id", "url", "host", "url_key", "text", "set", "state", "kept_id")


@dataclass
class Change:
    """What a deletion comes to: the documents that go and those that were removed for one of them, as rows of
    `documents.parquet` with the number of their segment; what becomes of the latter; sets that nobody has any more."""

    gone: pl.DataFrame
    orphans: pl.DataFrame
    dead_sets: pl.Series

    @property
    def promoted(self) -> pl.DataFrame:
        """The orphans that stay from now on."""
        return self.orphans.filter(pl.col("state") == SURVIVOR).sort("id")

    def counts(self) -> dict[str, int]:
        """Numbers for the tombstone and the screen."""
        return {
            "documents": self.gone.height,
            "survivors": int((self.gone["state"] == SURVIVOR).sum()),
            "promoted": self.promoted.height,
            "moved": self.orphans.height - self.promoted.height,
        }


def change(index: Index, request: Request) -> Change:
    """What deleting would do; nothing is written."""
    asked = Deleted.by([request])
    parts = []
    for number, path in enumerate(index.tables(DOCUMENTS)):
        table = pl.read_parquet(path, columns=list(_LOOKED_AT), glob=False)
        mask = asked.mask(table["id"], table["url_key"], table["host"], table["url"])
        if mask.any():
            rows = table.filter(pl.Series(mask))["row"]
            parts.append(_whole(index, number, pl.col("row").is_in(rows.implode())))
    gone = _concat(parts, index)
    if not gone.height:
        return Change(gone, gone, pl.Series("set", [], pl.String))
    dead = gone["id"].implode()
    left = [~pl.col("id").is_in(dead) for _ in index.state.segments]
    orphans = _collect(index, [here & pl.col("kept_id").is_in(dead) for here in left])
    dead_sets = gone["set"].drop_nulls().unique()
    alive = _collect(index, [here & pl.col("set").is_in(dead_sets.implode()) for here in left])["set"]
    return Change(
        gone,
        _promoted(index, orphans, dead) if orphans.height else orphans,
        dead_sets.filter(~dead_sets.is_in(alive.implode())).sort(),
    )


def most(index: Index, found: Change) -> str:
    """What to say of a deletion that takes more than half of an index, which is rarely meant; empty for others."""
    total = sum(segment.documents for segment in index.state.segments)
    if total < FEW or 2 * found.gone.height <= total:
        return ""
    return f"the request names {found.gone.height:,} of the {total:,} documents of {index.path}, more than half"


def delete(
    writer: Writer,
    request: Request,
    *,
    reason: str,
    root: Path,
    force: bool = False,
    on_event: Listener = lambda event: None,
) -> dict[str, Any]:
    """Deletes for good, and returns the proof report, which also lies in the index.

    Raises UserError: exit 2 when more than half of the documents would go (see `most`) and `force` is not set, 4 when
    a file of the index is damaged; nothing is changed then.

    A request of which nothing is left to do is not written down again: its report has no `number`.
    """
    assert writer.index is not None
    index = writer.index
    with reading(index):
        found = change(index, request)
    if not force and (much := most(index, found)):
        raise UserError(much, hint="look at them with --dry-run; if all of them are meant, add --force")
    if not found.gone.height and _known(deleted(index), request):
        return _report(index, request, reason, found, proof.Searched([], [], []), None)
    on_event(Event("info", "index", f"{found.gone.height:,} documents go"))
    number = index.state.tombstones.count + 1
    with reading(index):
        segments = [
            _rewritten(writer, index, at, segment, found) if _touched(index, at, segment, found) else segment
            for at, segment in enumerate(index.state.segments)
        ]
    on_event(Event("info", "index", "files of runs that still name them"))
    searched = proof.search(index, root, found.gone["id"])
    report = _report(index, request, reason, found, searched, number)
    (writer.path / DELETIONS).mkdir(exist_ok=True)
    write_text(proof_path(writer.path, number), json.dumps(report, indent=1) + "\n")
    ids = found.gone["id"].sort().to_list()
    log = append(index, Tombstone(time=report["time"], asked=request, ids=ids, reason=reason, counts=found.counts()))
    writer.commit(index.state.model_copy(update={"segments": segments, "tombstones": log}))
    return report


def _known(before: Deleted, request: Request) -> bool:
    """Whether tombstones name all that is asked for."""
    return (
        before.ids.issuperset(request.ids)
        and before.url_keys.issuperset(request.url_keys)
        and before.hosts.issuperset(request.hosts)
        and {one.pattern for one in before.regexes}.issuperset(request.regexes)
    )


def _whole(index: Index, number: int, where: pl.Expr) -> pl.DataFrame:
    """Rows of a segment with all columns, and the numbers of the segment and of its batch."""
    segment = index.state.segments[number]
    table = pl.scan_parquet(index.directory(segment) / DOCUMENTS, glob=False).filter(where).collect()
    return table.with_columns(segment=pl.lit(number, pl.Int64), batch=pl.lit(segment.batch, pl.Int64))


def _collect(index: Index, where: Sequence[pl.Expr]) -> pl.DataFrame:
    return _concat([_whole(index, number, one) for number, one in enumerate(where)], index)


def _concat(parts: Sequence[pl.DataFrame], index: Index) -> pl.DataFrame:
    if parts:
        return pl.concat(parts, how="vertical_relaxed")
    if index.state.segments:
        return _whole(index, 0, pl.lit(False))
    return pl.DataFrame(schema={**dict.fromkeys(_LOOKED_AT, pl.String), "row": pl.UInt32, "segment": pl.Int64})


def _promoted(index: Index, orphans: pl.DataFrame, gone: pl.Series) -> pl.DataFrame:
    """The orphans as they stand when those they were removed for are gone: kept, or removed for another that is."""
    sets = orphans["set"].drop_nulls().unique().implode()
    touching = pl.col("left").is_in(sets) | pl.col("right").is_in(sets)
    parts = [pl.scan_parquet(path, glob=False).filter(touching) for path in index.tables(PAIRS_FILE)]
    pairs = pl.concat([pl.LazyFrame(schema=PAIRS), *parts]).unique(["left", "right"]).collect()
    like = pl.concat([orphans["set"], pairs["left"], pairs["right"]]).drop_nulls().unique().implode()
    shares = (
        pl.col("set").is_in(like)
        | pl.col("text").is_in(orphans["text"].drop_nulls().implode())
        | pl.col("url_key").is_in(orphans["url_key"].drop_nulls().implode())
    )
    stays = (pl.col("state") == SURVIVOR) & ~pl.col("id").is_in(gone)
    survivors = _collect(index, [stays & shares for _ in index.state.segments])
    settled = settle(
        ranked(orphans, ["batch", "removed_by_run"], index.settings),
        survivors.sort("segment", "row").with_columns(rank=pl.int_range(survivors.height, dtype=pl.Int64)),
        pairs,
        index.settings,
    )
    return with_state(orphans, settled).select(orphans.columns)


def _touched(index: Index, at: int, segment: Segment, found: Change) -> bool:
    if any((table["segment"] == at).any() for table in (found.gone, found.orphans)):
        return True
    if not found.dead_sets.len() or not any(file.path == PAIRS_FILE for file in segment.files):
        return False
    pairs = pl.scan_parquet(index.directory(segment) / PAIRS_FILE, glob=False)
    dead = found.dead_sets.implode()
    touched = pairs.filter(pl.col("left").is_in(dead) | pl.col("right").is_in(dead))
    return bool(touched.select(pl.len()).collect().item())


def _rewritten(writer: Writer, index: Index, at: int, segment: Segment, found: Change) -> Segment:
    gone = found.gone.filter(segment=at)["row"].sort()
    orphans = found.orphans.filter(segment=at).drop("segment", "batch")
    old = index.directory(segment)
    documents = pl.read_parquet(old / DOCUMENTS, glob=False)
    rest = documents.filter(~pl.col("row").is_in(gone.implode()) & ~pl.col("row").is_in(orphans["row"].implode()))
    name = f"{segment.name.rpartition('-')[0]}-{index.state.generation + 1}"
    return rewrite(
        old,
        segment,
        writer.path / SEGMENTS / name,
        pl.concat([rest, orphans.select(rest.columns)]).sort("row"),
        gone.to_numpy().astype(np.int64),
        found.dead_sets,
    )


def _report(
    index: Index, request: Request, reason: str, found: Change, searched: proof.Searched, number: int | None
) -> dict[str, Any]:
    """The proof: ids and places, no text and no address of what was deleted."""
    runs = [(run.id, str(index.run_path(at))) for at, run in enumerate(index.state.runs)]

    def places(table: pl.DataFrame) -> list[dict[str, Any]]:
        return [
            {
                "id": row["id"],
                "run": runs[row["run"]][0],
                "path": runs[row["run"]][1],
                "file": row["shard"],
                "row": row["shard_row"],
            }
            for row in table.sort("id").iter_rows(named=True)
        ]

    moved = found.orphans.filter(pl.col("state") == DUPLICATE).sort("id")
    return {
        "schema": SCHEMA,
        "number": number,
        "time": now(),
        "asked": request.model_dump(),
        "reason": reason,
        "counts": {**found.counts(), "texts_left": proof.texts(searched.files), "files": len(searched.files)},
        "deleted": places(found.gone),
        "promoted": places(found.promoted),
        "moved": moved.select("id", "kept_id", "method", "jaccard", "containment").to_dicts() if moved.height else [],
        "files": searched.files,
        "missing_runs": searched.missing,
        "not_searched": searched.unread,
    }
