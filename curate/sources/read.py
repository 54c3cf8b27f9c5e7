"""Reading one unit, whatever its source."""

from __future__ import annotations

from collections.abc import Iterator

from curate.sources.folder import read_html
from curate.sources.jsonl import read_jsonl
from curate.sources.options import ReadOptions
from curate.sources.record import Record, UnitCounts, UnitSpec
from curate.sources.registry import Reader, virtual_reader
from curate.sources.tables import read_arrow, read_parquet
from curate.sources.warc import read_warc

_READERS: dict[str, Reader] = {
    "warc": read_warc,
    "arc": read_warc,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "arrow": read_arrow,
    "html": read_html,
}


class UnitReader(Iterator[Record]):
    """The pages of one unit, one at a time; `counts` is complete when they are used up."""

    def __init__(self, spec: UnitSpec, options: ReadOptions) -> None:
        self.counts = UnitCounts()
        reader = _READERS.get(spec.source) or virtual_reader(spec.source)
        assert reader is not None, f"no reader is registered for {spec.source}"
        self._records = reader(spec, options, self.counts)

    def __next__(self) -> Record:
        record = next(self._records)
        self.counts.records += 1
        return record


def read_unit(spec: UnitSpec, options: ReadOptions | None = None) -> UnitReader:
    """The pages of a unit, streamed. Raises UserError (exit 4) when the input is gone or is not what was planned."""
    return UnitReader(spec, options or ReadOptions())
