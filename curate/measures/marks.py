"""Marks inside the text that several families count: dots, web addresses, mark-up."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, lower
from curate.measures.characters import bits
from curate.measures.kernels import U
from curate.measures.matching import starts_with
from curate.segment.kernels import helper
from curate.segment.tables import ALNUM, ALPHA, SPACE

# Unclosed tags and entities end here, so that no text makes the scan quadratic.
LONGEST_TAG = 1000
LONGEST_ENTITY = 32
DEEPEST_BRACES = 64


class Marks(NamedTuple):
    """Counts by document, each int64[docs]."""

    dots: NDArray[np.int64]  # text.count("...")
    spaced_dots: NDArray[np.int64]  # text.count(". . .")
    addresses: NDArray[np.int64]
    address_chars: NDArray[np.int64]
    markup_chars: NDArray[np.int64]  # in <tags>, &entities; and matched {braces}, each character once


def marks(batch: Batch) -> Marks:
    """Counts of the marks of every document."""
    text = batch.segments.text
    return Marks(*_marks(text.codes, batch.once(lower), text.first, bits(), _interesting()))


def _interesting() -> NDArray[np.bool_]:
    table = np.zeros(128, dtype=np.bool_)
    table[np.frombuffer(b".<&{}hw", dtype=np.uint8)] = True
    return table


@helper
def _address_end(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """Where the web address that begins here ends: at white space, an angle bracket or a quote, less end marks."""
    while at < stop and not table[codes[at]] & SPACE and codes[at] != 34 and codes[at] != 60 and codes[at] != 62:
        at += 1
    while codes[at - 1] in (33, 39, 41, 44, 46, 58, 59, 63, 93):  # ! ' ) , . : ; ? ]
        at -= 1
    return at


@helper
def _tag_end(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """Where the tag that begins at `at` ends, or `at` if none does."""
    if at + 1 >= stop or not (table[codes[at + 1]] & ALPHA or codes[at + 1] in (33, 47, 63)):  # ! / ?
        return at
    for end in range(at + 1, min(stop, at + LONGEST_TAG)):
        if codes[end] == 62:
            return end + 1
        if codes[end] == 60:
            break
    return at


@helper
def _entity_end(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """Where the entity that begins at `at` ends, or `at` if none does."""
    for end in range(at + 1, min(stop, at + LONGEST_ENTITY)):
        if codes[end] == 59 and end > at + 1:
            return end + 1
        if not (table[codes[end]] & ALNUM or codes[end] == 35):
            break
    return at


@njit(cache=True)
def _marks(codes, lowered, first, table, interesting):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros((5, docs), dtype=np.int64)
    inside = np.zeros(DEEPEST_BRACES + 1, dtype=np.int64)  # mark-up found since the brace of this depth opened
    opened = np.zeros(DEEPEST_BRACES + 1, dtype=np.int64)
    for d in range(docs):
        stop = first[d + 1]
        depth = 0
        ignored = 0
        inside[0] = 0
        dots_free = np.int64(0)
        spaced_free = np.int64(0)
        at = first[d]
        while at < stop:
            code = lowered[U(at)]
            if code >= 128 or not interesting[code]:
                at += 1
                continue
            end = at
            if code == 46:
                if at >= dots_free and at + 2 < stop and codes[at + 1] == 46 and codes[at + 2] == 46:
                    out[0, d] += 1
                    dots_free = at + 3
                if at >= spaced_free and starts_with(codes, at, stop, (46, 32, 46, 32, 46)):
                    out[1, d] += 1
                    spaced_free = at + 5
            elif code == 60:
                end = _tag_end(codes, at, stop, table)
                inside[depth] += end - at
            elif code == 38:
                end = _entity_end(codes, at, stop, table)
                inside[depth] += end - at
            elif code == 123:
                if depth == DEEPEST_BRACES:
                    ignored += 1
                else:
                    depth += 1
                    opened[depth] = at
                    inside[depth] = 0
            elif code == 125:
                if ignored > 0:
                    ignored -= 1
                elif depth > 0:
                    depth -= 1
                    inside[depth] += at + 1 - opened[depth + 1]
            elif (
                starts_with(lowered, at, stop, (104, 116, 116, 112, 58, 47, 47))
                or starts_with(lowered, at, stop, (104, 116, 116, 112, 115, 58, 47, 47))
                or (
                    starts_with(lowered, at, stop, (119, 119, 119, 46))
                    and (at == first[d] or not table[codes[at - 1]] & ALNUM)
                )
            ):
                end = _address_end(codes, at + 4, stop, table)
                out[2, d] += 1
                out[3, d] += end - at
            at = max(end, at + 1)
        for level in range(depth + 1):
            out[4, d] += inside[level]
    return out
