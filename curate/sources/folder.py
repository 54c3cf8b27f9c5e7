"""Folders of HTML files: many small files make one unit, each file is one page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from curate.sources.compression import codec_of
from curate.sources.files import RawFile, is_url
from curate.sources.members import Damage, decompressed
from curate.sources.options import ReadOptions
from curate.sources.page import Origin, payload_page
from curate.sources.record import Record, UnitCounts, UnitSpec
from workbench.errors import UserError

_XHTML = (".xhtml", ".xht")


def read_html(spec: UnitSpec, options: ReadOptions, counts: UnitCounts) -> Iterator[Record]:
    """The files of the unit, one page each; a file that cannot be read fails alone. Pages have no URL."""
    for file in spec.files:
        origin = Origin(file, 0)
        path = f"{spec.path}/{file}" if is_url(spec.path) else str(PurePosixPath(spec.path) / file)
        try:
            with RawFile(path) as raw:
                counts.bytes_in += raw.size
                codec = codec_of(raw.read_at(0, 4))
                body = _read(decompressed(raw, codec)(0), options.max_body_bytes)
        except (UserError, Damage) as error:
            yield origin.failed(str(error).replace(path, file))
            continue
        if len(body) > options.max_body_bytes:
            body = body[: options.max_body_bytes]
            origin.truncated = "cap"
        mime = "application/xhtml+xml" if file.removesuffix(".gz").endswith(_XHTML) else "text/html"
        yield payload_page(origin, body, mime)


def _read(chunks: Iterator[bytes], cap: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > cap:
            break
    return b"".join(parts)
