"""The exchanges of repeated paragraphs and stretches: whatever several documents hold, the one of lowest rank keeps.

What is cut of a document: its paragraphs that a document of lower rank has too, and every code point that lies in a
stretch of `substrings.min_chars` which a document of lower rank has too, code point by code point. Since the rank falls
from each cut to the copy that is its reason, one copy is always left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates.budget import workers
from curate.duplicates.config import Duplicates
from curate.duplicates.repeats.exchange import concatenated, finished, held_by, ranges_of, unit_digest
from curate.duplicates.repeats.passage_kernels import Owners, match, merged, owners
from curate.duplicates.repeats.passages import DOCS, PARAGRAPH, PRINT
from curate.duplicates.repeats.rows import Range, RowFile, Rows
from curate.duplicates.repeats.texts import Texts
from curate.duplicates.repeats.tidy import Cut, tidied
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.tables import write_table
from workbench.units import Report, Unit, Work, fingerprint

MATCH, CUT = (f"curate.duplicates.repeats.cuts:{name}" for name in ("match_step", "cut_step"))
KINDS = ("paragraph:repeated", "substring:repeated")
SCHEMA = {"doc": pl.Int64, "start": pl.Int64, "end": pl.Int64, "kind": pl.String, "owner": pl.Int64}
FOUND = np.dtype([("doc", "<u8"), ("begin", "<u4"), ("end", "<u4"), ("owner", "<u8"), ("kind", "u1")])

_VERSION = 1
_KEYS = {"paragraphs": 2, "prints": 1}
HELD_BYTES = 96 << 20  # of the comparison: the windows of one fingerprint, and a batch of texts
_BATCH = 4096  # fingerprints whose texts are read at a time


def find_cuts(units: Sequence[Path], config: Duplicates, *, directory: Path, memory_bytes: int, jobs: int,
              on_event: Listener = lambda event: None) -> Path:  # fmt: skip
    """Find what to cut from the documents that `PassageWriter` wrote into the units' directories.

    The documents are numbered through the units. Returns `cuts.parquet` in `directory`: doc, start, end (code points of
    the text as written, not overlapping), kind and owner (the document that keeps it), sorted by doc and start. It is
    the same for any number of workers and any memory; other units or another order only change the numbers.
    """
    docs = [RowFile(unit / DOCS, 0).rows for unit in units]
    setup = {
        "units": [str(unit) for unit in units],
        "starts": np.concatenate([[0], np.cumsum(docs)]).astype(int).tolist(),
        "config": config.model_dump(include={"paragraphs", "substrings"}),
    }
    inputs = {"units": [unit_digest(unit, "*") for unit in units], "config": setup["config"], "version": _VERSION}
    wanted = {"paragraphs": config.paragraphs.enabled, "prints": config.substrings.enabled}
    parts, data = [], 0
    for table, kind, held in (("paragraphs", PARAGRAPH, 0), ("prints", PRINT, HELD_BYTES)):
        files = [file for _, file in _files(units, table)] if wanted[table] else []
        data = max(data, held_by(files, kind.itemsize) + jobs * held)
        for within in ranges_of(files, kind.itemsize, memory_bytes, jobs, held) if files else []:
            payload = {"table": table, "begin": within.begin, "end": within.end}
            parts.append(Unit(fingerprint(step=MATCH, **inputs, **payload), payload))
    options: dict[str, Any] = {"jobs": jobs, "on_event": on_event}
    with workers(memory_bytes, jobs, data):
        matched = run_units(MATCH, parts, directory=directory / "matched", step="passages", setup=setup, **options)
    found = [RowFile(outcome.directory / "found.npy", 1) for outcome in finished(matched)]
    crowded = sum((outcome.result or {})["crowded"] for outcome in matched)
    if crowded:
        message = f"{crowded:,} stretches share a fingerprint with too many others; later copies of them may stay"
        on_event(Event("warning", "passages", message, counts={"crowded": crowded}))
    setup["found"] = [str(outcome.directory / "found.npy") for outcome in matched]
    inputs["found"] = [outcome.unit.fingerprint for outcome in matched]
    parts = [
        Unit(fingerprint(step=CUT, **inputs, range=within), {"begin": within.begin, "end": within.end})
        for within in ranges_of(found, FOUND.itemsize, memory_bytes, jobs)
    ]
    with workers(memory_bytes, jobs, held_by(found, FOUND.itemsize)):
        cut = run_units(CUT, parts, directory=directory / "cut", step="cuts", setup=setup, **options)
    return concatenated(cut, "cuts.parquet", directory, pl.Schema(SCHEMA))


def _files(units: Sequence[Path], table: str) -> list[tuple[int, RowFile]]:
    return [
        (number, RowFile(path, _KEYS[table]))
        for number, unit in enumerate(units)
        for path in sorted(unit.glob(f"{table}-*.npy"))
    ]


@contextmanager
def match_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Compares what has one key, of a range of keys; writes `found.npy`, sorted by document."""
    units = [Path(unit) for unit in setup["units"]]
    starts = np.array(setup["starts"], np.int64)
    length = Duplicates.model_validate(setup["config"]).substrings.min_chars
    known = owners()

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        table = payload["table"]
        rows, unit = _rows(_files(units, table), _range(payload))
        crowded = 0
        if table == "paragraphs":
            found = _paragraphs(rows, starts[unit] + rows["row"])
        else:
            with Texts(units) as texts:
                found, crowded = _stretches(rows, unit, starts, texts, length, known, report)
        order = np.lexsort((found["kind"], found["end"], found["begin"], found["doc"]))
        np.save(out / "found.npy", found[order])
        return {"rows": len(rows), "found": len(found), "crowded": crowded}

    yield work


def _range(payload: dict[str, Any]) -> Range:
    begin, end = (None if key is None else tuple(key) for key in (payload["begin"], payload["end"]))
    return Range(begin, end)


def _rows(files: Sequence[tuple[int, RowFile]], within: Range) -> tuple[Rows, np.ndarray]:
    """The rows of a range whose key more than one document has, sorted by key and rank, and the unit of each."""
    pieces = [file.read(within) for _, file in files]
    unit = np.repeat([number for number, _ in files], [len(piece) for piece in pieces])
    rows = np.concatenate(pieces)
    del pieces
    keys = [rows[name] for name in (("low", "high") if "low" in (rows.dtype.names or ()) else ("key",))]
    order = np.lexsort([rows["begin"], rows["rank"], *keys])
    begins = _begins([key[order] for key in keys])
    group = np.cumsum(begins) - 1
    rank = rows["rank"][order]
    lowest = rank[begins]
    several = np.zeros(len(lowest), np.bool_)
    several[group[rank != lowest[group]]] = True
    kept = order[several[group]]
    return rows[kept], unit[kept]


def _begins(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Where a key is another than before, of sorted keys."""
    begins = np.ones(len(keys[0]), np.bool_)
    begins[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return begins


def _paragraphs(rows: Rows, docs: np.ndarray) -> Rows:
    """The paragraphs of all but the document of the lowest rank, which comes first of its key."""
    begins = _begins([rows["low"], rows["high"]])
    first = np.flatnonzero(begins)[np.cumsum(begins) - 1] if len(rows) else np.empty(0, np.int64)
    taken = rows["rank"] != rows["rank"][first]
    found = np.zeros(int(taken.sum()), FOUND)
    found["doc"], found["owner"] = docs[taken], docs[first][taken]
    found["begin"], found["end"] = rows["begin"][taken], rows["end"][taken]
    return found


def _stretches(rows: Rows, unit: np.ndarray, starts: np.ndarray, texts: Texts, length: int, known: Owners,
               report: Report) -> tuple[Rows, int]:  # fmt: skip
    """The stretches that a document of lower rank has too, and how many windows found no room to be remembered."""
    opens = _begins([rows["key"]])
    at, begin, last = (rows[name].astype(np.int64) for name in ("at", "begin", "last"))
    group = np.cumsum(opens) - 1
    totals = np.bincount(group, weights=last - begin + 1).astype(np.int64) if len(rows) else np.empty(0, np.int64)
    known.used[4] = 0
    pieces = [np.empty(0, FOUND)]
    for start in range(0, len(rows), _BATCH):
        here = slice(start, start + _BATCH)
        codes, where = texts.pieces(unit[here], rows["place"][here], begin[here], last[here] + length)
        doc = (starts[unit[here]] + rows["row"][here]).astype(np.uint64)
        rank = np.ascontiguousarray(rows["rank"][here])
        entry, from_, to, owner = match(
            opens[here], totals[group[here]], doc, rank, at[here], begin[here], last[here], codes, where, length, known
        )
        found = np.empty(len(entry), FOUND)
        found["doc"], found["begin"], found["end"], found["owner"], found["kind"] = doc[entry], from_, to, owner, 1
        pieces.append(found)
        report(here.stop / len(rows), fingerprints=min(here.stop, len(rows)))
    return np.concatenate(pieces), int(known.used[4])


@contextmanager
def cut_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Makes one list of what was found of each document, for a range of documents; writes `cuts.parquet`."""
    units = [Path(unit) for unit in setup["units"]]
    starts = np.array(setup["starts"], np.int64)
    files = [RowFile(Path(path), 1) for path in setup["found"]]

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        rows = np.concatenate([np.empty(0, FOUND), *(file.read(_range(payload)) for file in files)])
        rows = rows[np.lexsort((rows["kind"], rows["end"], rows["begin"], rows["doc"]))]
        columns = [np.ascontiguousarray(rows[name]) for name in FOUND.names or ()]
        doc, *cuts, kind = merged(columns[0], *(each.astype(np.int64) for each in columns[1:3]), *columns[3:])
        done: list[tuple[int, int, int, str, int]] = []
        cut_chars = 0
        with Texts(units) as texts:
            edges = np.append(np.flatnonzero(_begins([doc])), len(doc)).tolist() if len(doc) else [0]
            for begin, end in pairwise(edges):
                number = int(doc[begin])
                unit = int(np.searchsorted(starts, number, side="right")) - 1
                of_doc = [
                    Cut(int(cuts[0][i]), int(cuts[1][i]), int(kind[i]), int(cuts[2][i])) for i in range(begin, end)
                ]
                for cut in tidied(texts.text(unit, number - int(starts[unit])), of_doc):
                    done.append((number, cut.start, cut.end, KINDS[cut.kind], cut.owner))
                    cut_chars += cut.end - cut.start
                report(end / len(doc), cuts=len(done))
        write_table(out / "cuts.parquet", pl.DataFrame(done, schema=SCHEMA, orient="row"))
        return {"cuts": len(done), "chars": cut_chars}

    yield work
