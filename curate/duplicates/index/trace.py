"""`curate index trace`: what a document matches, by every kind, and the cluster it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates.index.collect import signing
from curate.duplicates.index.kinds import Query, kinds, lines_of
from curate.duplicates.index.schemas import SURVIVOR, hex_keys
from curate.duplicates.index.segment import scan
from curate.duplicates.index.state import DOCUMENTS, Index
from curate.duplicates.index.tombstones import read_tombstones
from curate.duplicates.sign import Signer
from curate.duplicates.store import read_set
from curate.duplicates.urls import url_keys
from curate.segment import Segments
from workbench.errors import Exit, UserError

_ID = re.compile(r"[0-9a-f]{8,32}")
_SHOWN = ("id", "url", "host", "date", "chars", "state", "kept_id", "method", "jaccard", "containment")
_MOST = 100  # matches of one kind that are listed


def trace(index: Index, key: str) -> dict[str, Any]:
    """What the document with this id (or beginning of an id, 8 digits at least) or address is in the index.

    Of several documents of one address the one that stays is meant, else the first. Raises UserError (exit 4) when
    there is none; the message tells of a deletion.
    """
    row = _document(index, key)
    segment = index.directory(index.state.segments[row["segment"]])
    shingles = np.empty(0, np.uint32) if row["set"] is None else read_set(segment, row["row"])
    lines = lines_of(segment, row["row"]) if index.settings.lines.enabled else np.empty(0, np.uint64)
    query = Query(row["text"], row["url_key"], row["set"], shingles, row["host"], lines)
    matched = [match for match in _matches(index, query) if match["id"] != row["id"]]
    return {"document": _place(index, row), "matches": matched, "cluster": _cluster(index, row)}


def trace_text(index: Index, text: str) -> dict[str, Any]:
    """What a text that need not be in the index matches there."""
    signed = Signer(signing(index.settings)).sign(Segments([text]), [None])
    keys = [hex_keys(one)[0] for one in (signed.text, signed.url, signed.set)]
    query = Query(keys[0], keys[1], keys[2], signed.shingles, None, np.empty(0, np.uint64))
    return {"document": None, "matches": list(_matches(index, query)), "cluster": None}


def _document(index: Index, key: str) -> dict[str, Any]:
    where = pl.col("id").str.starts_with(key) if _ID.fullmatch(key) else pl.col("url_key") == _url_key(key)
    tables = index.tables(DOCUMENTS)
    found = scan(tables).filter(where).collect() if tables else pl.DataFrame(schema={"id": pl.String})
    if found["id"].n_unique() > 1 and _ID.fullmatch(key):
        raise UserError(f"{found.height} ids begin with '{key}'", hint="give more digits", code=Exit.INPUT)
    if found.is_empty():
        for one in read_tombstones(index):
            if key in one.ids or key in one.asked.ids or _url_key(key) in one.asked.url_keys:
                why = f": {one.reason}" if one.reason else ""
                raise UserError(f"'{key}' was deleted on {one.time[:10]}{why}", code=Exit.INPUT)
        hint = "give an id, the first digits of one, or a URL; --text FILE looks for a text"
        raise UserError(f"no document of {index.path} has the id or URL '{key}'", hint=hint, code=Exit.INPUT)
    return found.sort(pl.col("state") != SURVIVOR, maintain_order=True).row(0, named=True)


def _url_key(url: str) -> str | None:
    return hex_keys(url_keys([url]))[0]


def _matches(index: Index, query: Query) -> Iterator[dict[str, Any]]:
    """Documents that are like it, kind by kind, the most similar first."""
    for kind in kinds(index.settings):
        found = []
        for number, segment in enumerate(index.state.segments):
            where = index.directory(segment)
            hits = kind.find(where, query)
            if hits.height:
                rows = pl.scan_parquet(where / DOCUMENTS, glob=False).with_columns(pl.col("row").cast(pl.Int64))
                facts = rows.drop("jaccard", "containment").join(hits.lazy(), on="row").collect()
                found += [{"segment": number, **row} for row in facts.iter_rows(named=True)]
        found.sort(key=lambda row: (-(row["jaccard"] or 0.0), -(row["lines"] or 0), row["id"]))
        for row in found[:_MOST]:
            similar = {name: row[name] for name in ("jaccard", "containment", "lines")}
            yield {"kind": kind.name, **_place(index, row), **similar}


def _cluster(index: Index, row: dict[str, Any]) -> dict[str, Any]:
    """The document that stays, and those removed for it."""
    kept = row["id"] if row["state"] == SURVIVOR else row["kept_id"]
    table = scan(index.tables(DOCUMENTS)).filter((pl.col("id") == kept) | (pl.col("kept_id") == kept)).collect()
    rows = table.sort(pl.col("id") != kept, "segment", "row")
    return {"survivor": kept, "documents": [_place(index, one) for one in rows.iter_rows(named=True)]}


def _place(index: Index, row: dict[str, Any]) -> dict[str, Any]:
    run = index.state.runs[row["run"]]
    place = {"run": run.id, "path": str(index.run_path(row["run"])), "file": row["shard"], "row": row["shard_row"]}
    return {**{name: row[name] for name in _SHOWN}, **place}


def read_text(path: Path) -> str:
    """The text of a file. Raises UserError (exit 4) when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}", hint="give a UTF-8 text file", code=Exit.INPUT) from None
