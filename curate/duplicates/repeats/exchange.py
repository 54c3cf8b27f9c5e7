"""What the exchanges of repeated text share: ranges within a budget, digests of units, parts joined to one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.duplicates.repeats.rows import Range, RowFile, ranges, share
from workbench.errors import UserError
from workbench.files import sha256, whole_file
from workbench.units import DONE, Outcome

_GROUP_ROWS = 8192


def ranges_of(files: Sequence[RowFile], row_bytes: int, memory_bytes: int, jobs: int) -> list[Range]:
    """Ranges of keys that a worker can take one of within its part of the memory; one for each worker at least."""
    rows = sum(file.rows for file in files)
    return ranges(files, max(1, min(share(memory_bytes, jobs, row_bytes), -(-rows // jobs))))


def unit_digest(directory: Path, pattern: str) -> str:
    """What stands for the content of a unit: its list of files with their hashes, or the files where it has none."""
    done = directory / DONE
    return " ".join(sha256(path) for path in ([done] if done.is_file() else sorted(directory.glob(pattern))))


def concatenated(outcomes: Sequence[Outcome], name: str, directory: Path, schema: pl.Schema) -> Path:
    """The tables of all parts, one after the other, as one table of small row groups with statistics."""
    failed = next((outcome for outcome in outcomes if outcome.failed), None)
    if failed is not None:
        raise UserError(f"the exchange of repeated text failed: {failed.error}", hint="run it again: it goes on")
    tables = [pl.scan_parquet(outcome.directory / name, glob=False) for outcome in outcomes]
    with whole_file(directory / name) as temporary:
        (pl.concat(tables) if tables else pl.LazyFrame(schema=schema)).sink_parquet(
            temporary, compression="zstd", statistics=True, row_group_size=_GROUP_ROWS, maintain_order=True
        )
    return directory / name
