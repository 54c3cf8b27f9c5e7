"""JSON lines, plain or compressed: one object a line, one page an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from curate.sources.compression import PLAIN
from curate.sources.fields import choose_fields, row_page
from curate.sources.files import RawFile
from curate.sources.members import Damage, decompressed
from curate.sources.options import ReadOptions
from curate.sources.page import Origin
from curate.sources.record import Record, UnitCounts, UnitSpec


def read_jsonl(spec: UnitSpec, options: ReadOptions, counts: UnitCounts) -> Iterator[Record]:
    """The lines that start in the unit's range (of the decompressed stream, for compressed files: all of them)."""
    with RawFile(spec.path, spec.size) as raw:
        if spec.codec == PLAIN:
            begin = spec.begin and raw.find(b"\n", spec.begin - 1, spec.end) + 1
            if spec.begin and not begin:
                return  # one line fills the whole range
            end: int | None = spec.end
        else:
            begin, end = 0, None
            counts.bytes_in = raw.size
        offset = begin
        try:
            for offset, length, line in lines(decompressed(raw, spec.codec)(begin), begin, options.max_text_bytes):
                if end is not None:
                    if offset >= end:
                        return
                    counts.bytes_in += length
                if line is None:
                    yield Origin(spec.file, offset).failed(f"line over {options.max_text_bytes} bytes")
                elif line and not line.isspace():
                    yield _page(line, spec.file, offset, options)
                else:
                    counts.skipped["blank line"] += 1
        except Damage as damage:
            # The id of a failed page is that of its place; this one comes after the last line that was read.
            yield Origin(spec.file, offset + 1).failed(str(damage))


def lines(chunks: Iterator[bytes], offset: int, cap: int) -> Iterator[tuple[int, int, bytes | None]]:
    """(offset, length with line end, line without it or None when over `cap`) for each line; memory is one line."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        at = 0
        while (stop := chunk.find(b"\n", at)) >= 0:
            size += stop - at
            if size > cap:
                line = None
            else:
                line = chunk[at:stop] if not parts else b"".join([*parts, chunk[at:stop]])
            parts.clear()
            yield offset, size + 1, line
            offset += size + 1
            at, size = stop + 1, 0
        size += len(chunk) - at
        if size > cap:
            parts.clear()
        elif at < len(chunk):
            parts.append(chunk[at:])
    if size:
        yield offset, size, b"".join(parts) if size <= cap else None


def _page(line: bytes, file: str, offset: int, options: ReadOptions) -> Record:
    try:
        row = parse(line)
    except ValueError as error:
        return Origin(file, offset).failed(f"no JSON: {str(error).partition(chr(10))[0][:200]}")
    if not isinstance(row, dict):
        return Origin(file, offset).failed("no JSON object")
    fields = choose_fields(row, options)
    if fields is None:
        return Origin(file, offset).failed(f"no text field among: {', '.join(list(row)[:20])}"[:300])
    return row_page(row, fields, file, offset, options)


def parse(line: bytes) -> Any:
    """A JSON value. What the strict parser refuses but writers produce is read too: lone surrogates, NaN, bad UTF-8."""
    if line.startswith(b"\xef\xbb\xbf"):
        line = line[3:]
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode("utf-8", "replace"))
