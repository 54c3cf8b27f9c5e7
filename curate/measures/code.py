"""The family `code`: how much of the text is program code. A first, cheap answer from characters and line ends."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, ratio
from curate.measures.characters import bits, characters
from curate.measures.kernels import U
from curate.segment import word_id
from curate.segment.tables import SPACE

# Words that are frequent in code of several languages and rare in prose.
KEYWORDS = """
def elif lambda nullptr println printf const constexpr struct enum typedef sizeof bool int char void string var let func
function async await yield impl fn mut pub unsafe foreach endif ifdef ifndef namespace goto elseif endfor self None True
False null undefined NULL true false args kwargs argv argc str len std cout endl boolean SELECT WHERE INSERT INTO VALUES
FROM instanceof extends implements bash sudo cd mkdir npm pip cargo git
"""
# Two characters that prose does not hold next to each other.
_OPERATORS = "== != => -> :: && || += -= </ /> () {} [] ); ${ <- :="


class CodeLines(NamedTuple):
    """Counts by document of the lines that are not blank, each int64[docs]."""

    lines: NDArray[np.int64]
    chars: NDArray[np.int64]
    code: NDArray[np.int64]  # end in '{', '}' or ';', or hold an operator of two characters
    indented: NDArray[np.int64]  # begin with a tab or two spaces
    comments: NDArray[np.int64]  # begin with '//', '#', '/*', '*', '--', '<!--', ';;'


@cache
def _keyword_ids() -> NDArray[np.uint64]:
    return np.sort(np.array([word_id(word) for word in set(KEYWORDS.split())], dtype=np.uint64))


@cache
def _pairs() -> NDArray[np.bool_]:
    table = np.zeros((128, 128), dtype=np.bool_)
    for pair in _OPERATORS.split():
        table[ord(pair[0]), ord(pair[1])] = True
    return table


def code_lines(batch: Batch) -> CodeLines:
    """The lines of every document, judged one by one."""
    text, lines = batch.segments.text, batch.segments.lines
    return CodeLines(*_code_lines(text.codes, lines.begin, lines.end, lines.first, bits(), _pairs()))


def code(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `code`, without the family's name."""
    chars, lines = batch.once(characters), batch.once(code_lines)
    words = batch.segments.words_uax29
    return {
        "brace_share": ratio(chars.operators, chars.chars),
        "indented_share": ratio(lines.indented, lines.lines),
        "keyword_share": ratio(_members(words.ids, words.first, _keyword_ids()), np.diff(words.first)),
        "comment_share": ratio(lines.comments, lines.lines),
    }


@njit(cache=True)
def _members(ids, first, chosen):  # type: ignore[no-untyped-def]  # a kernel
    """How many of each document's ids are among the chosen (sorted)."""
    docs = len(first) - 1
    out = np.zeros(docs, dtype=np.int64)
    # The top bits of the ids spread evenly: a small table turns most words away without a search.
    heads = np.zeros(4096, dtype=np.bool_)
    for one in chosen:
        heads[one >> np.uint64(52)] = True
    for d in range(docs):
        for i in range(first[d], first[d + 1]):
            if heads[ids[i] >> np.uint64(52)]:
                k = np.searchsorted(chosen, ids[i])
                out[d] += k < len(chosen) and chosen[k] == ids[i]
    return out


@njit(cache=True)
def _code_lines(codes, begin, end, first, table, pairs):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros((5, docs), dtype=np.int64)
    for d in range(docs):
        for i in range(first[d], first[d + 1]):
            a, b = begin[i], end[i]
            while a < b and table[codes[a]] & SPACE:
                a += 1
            if a == b:
                continue
            while table[codes[b - 1]] & SPACE:
                b -= 1
            out[0, d] += 1
            out[1, d] += end[i] - begin[i]
            out[3, d] += codes[begin[i]] == 9 or (codes[begin[i]] == 32 and a - begin[i] >= 2)
            head, second, last = codes[a], codes[min(a + 1, b - 1)], codes[b - 1]
            out[4, d] += (
                head == 35
                or head == 42
                or (head == 47 and (second == 47 or second == 42))
                or (head == 45 and second == 45)
                or (head == 59 and second == 59)
                or (head == 60 and second == 33)
            )
            if last == 123 or last == 125 or last == 59:
                out[2, d] += 1
                continue
            before = np.uint32(0)
            for at in range(U(a), U(b)):
                after = codes[at]
                if before < 128 and after < 128 and pairs[before, after]:
                    out[2, d] += 1
                    break
                before = after
    return out
