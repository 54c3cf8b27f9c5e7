"""The exchange of repeated lines: counts the pages of every line of every host, out of core, by ranges of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates.budget import workers
from curate.duplicates.config import Lines
from curate.duplicates.repeats.exchange import concatenated, held_by, ranges_of, unit_digest
from curate.duplicates.repeats.line_kernels import pages_of, repeating
from curate.duplicates.repeats.lines import PAGE, ROW, SCHEMA
from curate.duplicates.repeats.rows import Range, RowFile, Rows
from curate.duplicates.types import SignedUnit
from workbench.events import Listener
from workbench.executor import run_units
from workbench.tables import write_table
from workbench.units import Report, Unit, Work, fingerprint

STEP = "curate.duplicates.repeats.count:count_step"
_VERSION = 1
_KEYS = 2


def find_repeated(units: Sequence[SignedUnit], config: Lines, *, directory: Path, memory_bytes: int, jobs: int,
                  on_event: Listener = lambda event: None) -> Path:  # fmt: skip
    """Find the lines that repeat from the files that `LineWriter` wrote into the units' directories.

    Returns `repeated.parquet` in `directory`: host, line (64-bit hashes), pages (of the host that hold the line) and
    host_pages, sorted by host and line. It is the same for any number of workers, any memory and any order of units.
    """
    paths = [sorted(unit.directory.glob("lines-*.npy")) for unit in units]
    files = [RowFile(path, _KEYS) for of_unit in paths for path in of_unit]
    setup = {
        "files": [
            [str(path), unit.excluded.tolist()] for of_unit, unit in zip(paths, units, strict=True) for path in of_unit
        ],
        "config": config.model_dump(),
    }
    digests = sorted([unit_digest(unit.directory, "lines-*.npy"), unit.excluded.tolist()] for unit in units)
    parts = [
        Unit(fingerprint(step=STEP, version=_VERSION, units=digests, config=setup["config"], range=within),
             {"begin": within.begin, "end": within.end})
        for within in ranges_of(files, ROW.itemsize, memory_bytes, jobs)
    ]  # fmt: skip
    with workers(memory_bytes, jobs, held_by(files, ROW.itemsize)):
        outcomes = run_units(
            STEP, parts, directory=directory / "parts", step="lines", jobs=jobs, setup=setup, on_event=on_event
        )
    return concatenated(outcomes, "repeated.parquet", directory, pl.Schema(SCHEMA))


@contextmanager
def count_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Counts one range of keys; writes `repeated.parquet`."""
    config = Lines.model_validate(setup["config"])
    files = [(RowFile(Path(path), _KEYS), np.array(excluded, np.uint32)) for path, excluded in setup["files"]]

    def read(within: Range) -> Rows:
        pieces = [np.empty(0, ROW)]
        for file, excluded in files:
            rows = file.read(within)
            pieces.append(rows[~np.isin(rows["row"], excluded)] if len(excluded) else rows)
        rows = np.concatenate(pieces)
        return np.asarray(rows[np.lexsort((rows["line"], rows["host"]))])

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        begin, end = (None if key is None else tuple(key) for key in (payload["begin"], payload["end"]))
        rows = read(Range(begin, end))
        pages = 0
        if begin is not None and len(rows) and rows["host"][0] == begin[0]:
            home = read(Range((begin[0], PAGE), (begin[0], PAGE + 1)))
            pages = pages_of(home["url"], home["text"])
        host, line, url, text = (np.ascontiguousarray(rows[name]) for name in ("host", "line", "url", "text"))
        found = repeating(host, line, url, text, pages, config.min_pages, config.min_share)
        table = pl.DataFrame(dict(zip(SCHEMA, found, strict=True)), schema=SCHEMA)
        write_table(out / "repeated.parquet", table)
        return {"rows": len(rows), "repeated": table.height}

    yield work
