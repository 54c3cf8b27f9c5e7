"""Texts to code points, from Python strings or straight from the UTF-8 buffers of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.types import Codes, Offsets, Text

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Texts: TypeAlias = "list[str] | pl.Series | pa.Array | pa.ChunkedArray"


def decode(texts: Texts) -> Text:
    """Code points of a batch. Lone surrogates (possible in Python strings only) keep their code point.

    Raises ValueError when a text is missing (null).
    """
    if isinstance(texts, list):
        first = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)), out=first[1:])
        raw = "".join(texts).encode("utf-32-le", "surrogatepass")
        return Text(np.frombuffer(raw, dtype="<u4"), first)
    import pyarrow as pa

    array = texts if isinstance(texts, (pa.Array, pa.ChunkedArray)) else texts.to_arrow()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count:
        raise ValueError(f"{array.null_count} texts of the batch are missing")
    array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    first_byte = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    utf8 = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    codes, first = _decode_utf8(utf8, first_byte)
    # Like the other path: kernels compile once, for code points that nobody changes.
    codes.flags.writeable = False
    return Text(codes, first)


@njit(cache=True)
def _decode_utf8(utf8: NDArray[np.uint8], first_byte: Offsets) -> tuple[Codes, Offsets]:
    """Decode valid UTF-8 (Arrow guarantees it)."""
    docs = len(first_byte) - 1
    first = np.zeros(docs + 1, dtype=np.int64)
    for d in range(docs):
        count = 0
        for at in range(first_byte[d], first_byte[d + 1]):
            count += (utf8[at] & 0xC0) != 0x80
        first[d + 1] = first[d] + count
    codes = np.empty(first[docs], dtype=np.uint32)
    out = 0
    at = first_byte[0]
    stop = first_byte[docs]
    while at < stop:
        lead = np.uint32(utf8[at])
        if lead < 0x80:
            codes[out] = lead
            at += 1
        elif lead < 0xE0:
            codes[out] = ((lead & 0x1F) << 6) | (utf8[at + 1] & 0x3F)
            at += 2
        elif lead < 0xF0:
            codes[out] = ((lead & 0x0F) << 12) | ((utf8[at + 1] & 0x3F) << 6) | (utf8[at + 2] & 0x3F)
            at += 3
        else:
            codes[out] = (
                ((lead & 0x07) << 18)
                | ((utf8[at + 1] & 0x3F) << 12)
                | ((utf8[at + 2] & 0x3F) << 6)
                | (utf8[at + 3] & 0x3F)
            )
            at += 4
        out += 1
    return codes, first
