"""WARC, WET and ARC files: units of members or records, and each record as a page.

Written on the decompressors directly rather than on a WARC library: a damaged member must cost one member, a wrong
length one record, and every record must know the byte it starts at. FastWARC ends a file at its first damaged member.
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.sources.compression import PLAIN
from curate.sources.files import RawFile
from curate.sources.framing import ArcGrammar, Frame, Grammar, WarcGrammar, frames, no_record, skip_to_record
from curate.sources.members import MAX_LOOKBACK_BYTES, Chain, Gap, Group
from curate.sources.options import ReadOptions
from curate.sources.page import Origin, payload_page, response_page
from curate.sources.record import Record, UnitCounts, UnitSpec
from curate.sources.urls import clean_url
from curate.sources.window import Window

_PAGES = frozenset({"response", "resource", "conversion", "revisit"})
_HEAD_ROOM = 64 << 10  # HTTP headers come on top of the body's cap


def read_warc(spec: UnitSpec, options: ReadOptions, counts: UnitCounts) -> Iterator[Record]:
    """The records that start in the unit's byte range, in file order."""
    grammar: Grammar = ArcGrammar() if spec.source == "arc" else WarcGrammar()
    with RawFile(spec.path, spec.size) as raw:
        read = _plain_frames if spec.codec == PLAIN else _member_frames
        for frame in read(raw, spec, grammar, options.max_body_bytes + _HEAD_ROOM, counts):
            record = _record(frame, spec.file, options)
            if record is not None:
                yield record
            else:
                counts.skipped[frame.fields.get("warc-type", "unknown").lower()] += 1


def _member_frames(raw: RawFile, spec: UnitSpec, grammar: Grammar, cap: int, counts: UnitCounts) -> Iterator[Frame]:
    last: Group | Gap | None = None
    for part in Chain(raw, spec.codec, grammar.starts).walk(spec.begin, spec.end):
        if last is not None:  # only now is its end final: damage reaches to the next group
            counts.bytes_in += last.end - last.start
        if isinstance(part, Gap):
            yield Frame(part.start, {}, b"", error=no_record(part.start))
        else:
            for frame in frames(Window(part.chunks), grammar, cap):
                # In a file of one member this is the offset in the decompressed stream.
                frame.offset += part.start
                yield frame
        last = part
    if last is not None:
        counts.bytes_in += last.end - last.start


def _plain_frames(raw: RawFile, spec: UnitSpec, grammar: Grammar, cap: int, counts: UnitCounts) -> Iterator[Frame]:
    # As for members: begin some way before, so that an archive inside a page is passed over as part of its page.
    lookback = min(MAX_LOOKBACK_BYTES, (spec.end - spec.begin) // 8)
    window = Window(raw.chunks, max(0, spec.begin - lookback - 1))
    if window.tell() > 0:
        skip_to_record(window, grammar, spec.end)
        if window.tell() >= spec.end:
            return
    mine = spec.begin == 0
    for frame in frames(window, grammar, cap):
        if frame.error is None:
            if frame.offset >= spec.end:
                return
            mine = frame.offset >= spec.begin
        if mine:
            counts.bytes_in += window.tell() - frame.offset
            yield frame


def _record(frame: Frame, file: str, options: ReadOptions) -> Record | None:
    """The page of a record; None for the types that hold no page."""
    fields = frame.fields
    kind = fields.get("warc-type", "").lower()
    origin = Origin(
        file,
        frame.offset,
        clean_url(fields.get("warc-target-uri")),
        fields.get("warc-date"),
        fields.get("warc-record-id", "").strip("<> ") or None,
        fields.get("warc-payload-digest"),
        fields.get("warc-truncated") or ("length" if frame.cut else "cap" if frame.capped else None),
    )
    if frame.error is not None:
        return origin.failed(frame.error)
    if kind not in _PAGES:
        return origin.failed(f"the file ends inside this {kind or 'unknown'} record") if frame.clipped else None
    if kind == "revisit":
        return origin.dropped("read.revisit", fields.get("warc-profile", "").rstrip("/").rpartition("/")[2])
    content_type = fields.get("content-type")
    if kind == "conversion":
        return payload_page(origin, frame.block, content_type or "text/plain; charset=utf-8")
    if kind == "resource":
        return payload_page(origin, frame.block, content_type)
    return response_page(origin, frame.block, options, content_type)
