"""Which pages hold text: the declared MIME type against the first bytes, since servers often declare the wrong one.

Signatures are those of the WHATWG MIME Sniffing standard (https://mimesniff.spec.whatwg.org/) that crawls really hold.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from curate.sources.charset import utf16_without_mark

SNIFF_BYTES = 2048
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
_UNKNOWN_TYPES = frozenset({"", "unknown/unknown", "application/unknown", "*/*", "application/octet-stream", "no-type"})
_XML_TYPES = frozenset({"text/xml", "application/xml"})
OCTETS = "application/octet-stream"
# More control characters than this share of the first bytes, and it is no text.
_BINARY_SHARE = 0.05

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OggS\x00", "application/ogg"),
    (b"ID3\x03", "audio/mpeg"),
    (b"Rar!\x1a\x07", "application/x-rar-compressed"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"BZh91AY&SY", "application/x-bzip2"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\x00asm", "application/wasm"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/avi", b"WAVE": "audio/wave"}

_BLANKS = rb"(?:\xef\xbb\xbf)?[\s\0]*"
_HTML = re.compile(
    _BLANKS
    + rb"(?:<\?xml[^>]{0,400}\?>\s*)?(?:<!--.{0,1500}?-->\s*)*<(?:!doctype\s+html|(?:html|head|body|title|meta|link"
    rb"|script|style|iframe|div|p|h[1-6]|table|center|font|span|form|ul|ol|a|b|br|img|article|section|main|nav|header)"
    rb"[\s/>:]|!--)",
    re.IGNORECASE | re.DOTALL,
)
_HTML_ROOT = re.compile(
    _BLANKS + rb"(?:<\?xml[^>]{0,400}\?>\s*)?(?:<!--.{0,1500}?-->\s*)*<(?:!doctype\s+html|html[\s>:])",
    re.IGNORECASE | re.DOTALL,
)
_XML_ROOT = re.compile(
    _BLANKS
    + rb"(?:<\?.{0,400}?\?>\s*|<!--.{0,1500}?-->\s*|<!doctype[^>\[]{0,400}>\s*)*<([a-zA-Z_][\w.:-]{0,60})[\s/>]",
    re.IGNORECASE | re.DOTALL,
)
_XML_FORMATS = {
    b"rss": "application/rss+xml",
    b"rdf:rdf": "application/rdf+xml",
    b"feed": "application/atom+xml",
    b"svg": "image/svg+xml",
    b"urlset": "application/xml",
    b"sitemapindex": "application/xml",
    b"opensearchdescription": "application/xml",
}
_CONTROL = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B})  # ESC belongs to ISO-2022
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Verdict(NamedTuple):
    """`kind` is "html", "text", or None for a page that holds no text; `mime` is the type it was taken for."""

    kind: str | None
    mime: str


def media_type(header: str | None) -> str:
    """The type of a Content-Type header in lower case without its parameters; "" when there is none."""
    return (header or "").partition(";")[0].partition(",")[0].strip().lower()


def classify(declared: str, body: bytes) -> Verdict:
    """What a page with the `declared` type (see `media_type`) and these first bytes is."""
    head = body[:SNIFF_BYTES]
    binary = _signature(head)
    if binary is not None:
        return Verdict(None, binary)
    if declared in HTML_TYPES:
        return _xml_format(head) or _unless_binary("html", declared, head)
    if declared == "text/plain":
        return Verdict("html", "text/html") if _HTML_ROOT.match(head) else _unless_binary("text", declared, head)
    if declared in _UNKNOWN_TYPES:
        if _HTML.match(head):
            return _xml_format(head) or Verdict("html", "text/html")
        return _unless_binary("text", "text/plain", head) if declared != OCTETS else Verdict(None, OCTETS)
    if declared in _XML_TYPES and _HTML_ROOT.match(head):
        return Verdict("html", "application/xhtml+xml")
    return Verdict(None, declared)


def is_html(head: bytes) -> bool:
    """Whether a file's first bytes are those of an HTML page."""
    return bool(_HTML.match(head[:SNIFF_BYTES]))


def looks_binary(body: bytes) -> bool:
    """Whether the first bytes hold too many control characters for text; UTF-16 is text."""
    head = body[:SNIFF_BYTES]
    if head.startswith(_UTF16_MARKS) or utf16_without_mark(head):
        return False
    return len(head) - len(head.translate(None, _CONTROL)) > _BINARY_SHARE * len(head)


def _signature(head: bytes) -> str | None:
    for magic, mime in _SIGNATURES:
        if head.startswith(magic):
            return mime
    if head[4:8] == b"ftyp":
        return "video/mp4"
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def _xml_format(head: bytes) -> Verdict | None:
    """Feeds, drawings and site maps that are served as HTML."""
    root = _XML_ROOT.match(head)
    mime = _XML_FORMATS.get(root[1].lower()) if root else None
    return Verdict(None, mime) if mime else None


def _unless_binary(kind: str, mime: str, head: bytes) -> Verdict:
    # A page that starts with markup is HTML however many stray control characters it holds.
    if looks_binary(head) and not _HTML.match(head):
        return Verdict(None, OCTETS)
    return Verdict(kind, mime)
