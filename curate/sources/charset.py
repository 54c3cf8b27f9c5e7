"""Bytes to text: byte order mark, valid UTF-8, declared charset, detection, in this order.

Bytes that are valid UTF-8 beyond ASCII are UTF-8 whatever the page declares: text in another charset is valid UTF-8 by
chance only if it is a few characters long, while wrong declarations (a server's default of ISO-8859-1) are common.
Otherwise labels mean what browsers take them for (https://encoding.spec.whatwg.org/). Undecodable bytes, NUL and lone
surrogates become U+FFFD, so that a body can be written to any UTF-8 file.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import NamedTuple

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_META_BYTES = 4096  # browsers look at 1024; long comments push the declaration further down
_DETECT_BYTES = 64 << 10
_META = re.compile(
    rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w:.+-]{2,40})|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w:.+-]{2,40})",
    re.IGNORECASE,
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w:.+-]{2,40})", re.IGNORECASE)
_SURROGATES = re.compile("[\ud800-\udfff]")

# resiliparse's name of an encoding -> the WHATWG name, and Python's decoder nearest to the WHATWG one where its own is
# stricter (windows-949 holds EUC-KR, gb18030 holds GBK ...).
_NAMES = {
    "utf-16-le": ("utf-16le", "utf-16-le"),
    "utf-16-be": ("utf-16be", "utf-16-be"),
    "gbk": ("gbk", "gb18030"),
    "big5": ("big5", "big5hkscs"),
    "shift_jis": ("shift_jis", "cp932"),
    "euc_jp": ("euc-jp", "euc_jp"),
    "euc_kr": ("euc-kr", "cp949"),
    "iso2022_jp": ("iso-2022-jp", "iso2022_jp"),
    "iso8859-11": ("windows-874", "cp874"),
    "mac-roman": ("macintosh", "mac-roman"),
    "cp866": ("ibm866", "cp866"),
}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Charset(NamedTuple):
    """An encoding: its WHATWG name in lower case, and the Python codec that decodes it."""

    name: str
    codec: str


UTF8 = Charset("utf-8", "utf-8")
_FALLBACK = Charset("windows-1252", "cp1252")


@lru_cache(maxsize=1024)
def charset_of(label: str) -> Charset | None:
    """The encoding that browsers take `label` for, None for unknown labels."""
    codec = map_encoding_to_html5(label, fallback_utf8=False)
    if codec is None:
        return None
    if codec in _NAMES:
        return Charset(*_NAMES[codec])
    return Charset(codec.replace("cp12", "windows-12").replace("iso8859-", "iso-8859-"), codec)


def header_charset(content_type: str | None) -> str | None:
    """The charset parameter of a Content-Type header."""
    found = _HEADER.search(content_type) if content_type else None
    return found[1] if found else None


def utf16_without_mark(head: bytes) -> str | None:
    """The codec of mostly ASCII text in UTF-16 without a byte order mark: every other byte is NUL."""
    sample = head[:512]
    if b"\0" not in sample[:2] or len(sample) < 4:
        return None
    if sample[1::2].count(0) > 0.8 * len(sample[1::2]) and sample[::2].count(0) < 0.1 * len(sample):
        return "utf-16-le"
    if sample[::2].count(0) > 0.8 * len(sample[::2]) and sample[1::2].count(0) < 0.1 * len(sample):
        return "utf-16-be"
    return None


def decode(data: bytes, declared: str | None) -> tuple[str, str]:
    """The text of a page and the WHATWG name of the charset used; `declared` is the label the HTTP header gives.

    Decoders yield no surrogates, so NUL is all there is to replace.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _without_nul(data[len(mark) :].decode(codec, "replace")), codec.replace("6-", "6")
    if b"\0" in data[:2] and (codec := utf16_without_mark(data) or ""):
        return _without_nul(data.decode(codec, "replace")), codec.replace("6-", "6")
    try:
        text = data.decode("utf-8")
        if b"\x1b" not in data or not text.isascii():
            return _without_nul(text), UTF8.name
    except UnicodeDecodeError:
        pass
    return _decode_other(data, declared)


def clean(text: str) -> str:
    """`text` with U+FFFD for each NUL and each lone surrogate."""
    text = _without_nul(text)
    if text.isascii():
        return text
    try:
        text.encode("utf-8")  # a tenth of the time of looking for surrogates
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _decode_other(data: bytes, declared: str | None) -> tuple[str, str]:
    """For bytes that are no valid UTF-8, or ASCII with the escapes of ISO-2022-JP."""
    meta = _META.search(data[:_META_BYTES])
    labels = [declared, (meta[1] or meta[2]).decode("ascii") if meta else None]
    for charset in (charset_of(label) for label in labels if label):
        if charset is None:
            continue
        if charset.codec.startswith("utf-16"):
            charset = UTF8  # it can be read as ASCII, so it is not UTF-16
        text = data.decode(charset.codec, "replace")
        if _plausible(text):
            return _without_nul(text), charset.name
    detected = detect_encoding(data, max_len=_DETECT_BYTES)
    charset = (charset_of(detected) if detected else None) or _FALLBACK
    return _without_nul(data.decode(charset.codec, "replace")), charset.name


def _plausible(text: str) -> bool:
    """Whether what could not be decoded is less than a tenth of what is not ASCII."""
    bad = text.count("\ufffd")
    return bad == 0 or 10 * bad < len(text) - len(text.encode("ascii", "ignore"))
