"""What the exchanges of repeated text share: ranges within a budget, digests of units, parts joined to one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.duplicates.budget import Budget, budget
from curate.duplicates.repeats.rows import Range, RowFile, ranges
from workbench.errors import Exit, UserError
from workbench.files import sha256, whole_file
from workbench.units import DONE, Outcome

_GROUP_ROWS = 8192
_LEAST = 8 << 20  # bytes of rows that are taken at a time however small the memory is
COPIES = 4  # with the rows go their order, a sorted copy and the pieces they came in


def ranges_of(
    files: Sequence[RowFile], row_bytes: int, memory_bytes: int, jobs: int, held_bytes: int = 0
) -> list[Range]:
    """Ranges of keys of which a worker can take one within its part of the memory; one for each worker at least.

    held_bytes: what a worker holds besides its rows.
    """
    rows = sum(file.rows for file in files)
    return ranges(files, max(1, min(rows_within(budget(memory_bytes, jobs), row_bytes, held_bytes), -(-rows // jobs))))


def held_by(files: Sequence[RowFile], row_bytes: int) -> int:
    """Bytes of memory that all workers together need for the rows of these files."""
    return COPIES * row_bytes * sum(file.rows for file in files)


def rows_within(room: Budget, row_bytes: int, held_bytes: int) -> int:
    """Rows of a partition."""
    return max(room.room - held_bytes, _LEAST) // (COPIES * row_bytes)


def unit_digest(directory: Path, pattern: str) -> str:
    """What stands for the content of a unit: its list of files with their hashes, or the files where it has none."""
    done = directory / DONE
    return " ".join(sha256(path) for path in ([done] if done.is_file() else sorted(directory.glob(pattern))))


def finished(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes, all of which must have succeeded; raises UserError otherwise."""
    failed = next((outcome for outcome in outcomes if outcome.failed), None)
    if failed is not None:
        message = f"the exchange of repeated text failed: {failed.error}"
        raise UserError(message, hint="run it again: it goes on", code=Exit.PARTIAL)
    return outcomes


def concatenated(outcomes: Sequence[Outcome], name: str, directory: Path, schema: pl.Schema) -> Path:
    """The tables of all parts, one after the other, as one table of small row groups with statistics."""
    tables = [pl.scan_parquet(outcome.directory / name, glob=False) for outcome in finished(outcomes)]
    with whole_file(directory / name) as temporary:
        (pl.concat(tables) if tables else pl.LazyFrame(schema=schema)).sink_parquet(
            temporary, compression="zstd", statistics=True, row_group_size=_GROUP_ROWS, maintain_order=True
        )
    return directory / name
