"""Signing as a step of its own: rows of a Parquet file with texts in, a signed unit out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.duplicates.config import Duplicates
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter
from curate.segment import Segments
from workbench.units import Report, Work

BATCH_ROWS = 256


@contextmanager
def sign_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Signs `count` rows of a file from row `begin` on, by the settings in `duplicates` (JSON of `Duplicates`).

    Payload: file, begin, count, text, url (names of the columns; url may be null). A row without a text is signed as
    an empty one. The unit's files are those of `store`.
    """
    signer = Signer(Duplicates.model_validate_json(setup["duplicates"]))

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        done = 0
        with UnitWriter(out, signer.bands) as writer:
            for texts, urls in _batches(payload):
                writer.write(signer.sign(Segments(texts), urls))
                done += len(urls)
                report(done / max(payload["count"], 1), records=done)
        if done != payload["count"]:
            raise ValueError(f"{payload['file']} has {done} rows from {payload['begin']} on, not {payload['count']}")
        return {"records": done}

    yield work


def _batches(payload: dict[str, Any]) -> Iterator[tuple[pa.Array, list[str | None]]]:
    """The rows, a batch at a time; of row groups that hold none of them nothing is read."""
    text, url = payload["text"], payload["url"]
    begin, end = payload["begin"], payload["begin"] + payload["count"]
    with pq.ParquetFile(payload["file"]) as file:
        at = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            low, high = max(begin - at, 0), min(end - at, rows)
            if low < high:
                yield from _of_group(file, group, (low, high), text, url)
            at += rows


def _of_group(
    file: pq.ParquetFile, group: int, span: tuple[int, int], text: str, url: str | None
) -> Iterator[tuple[pa.Array, list[str | None]]]:
    columns = [text] if url is None else [text, url]
    at = 0
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
        low, high = max(span[0] - at, 0), min(span[1] - at, batch.num_rows)
        if low < high:
            here = batch.slice(low, high - low)
            urls = [None] * here.num_rows if url is None else here.column(url).to_pylist()
            yield here.column(text).cast(pa.large_string()).fill_null(""), urls
        at += batch.num_rows
