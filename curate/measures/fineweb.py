"""FineWeb's own rules as datatrove 0.10.1 computes them (`FineWebQualityFilter`).

Its lines are those of `split("\\n")` that are not blank, taken unstripped: a line that ends in a space ends in no
terminal mark. `fineweb.lines` = 0 is the peer's verdict "empty"; the ratios of such a text are 0.0.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, ratio
from curate.measures.characters import TERMINAL, bits, characters
from curate.measures.gopher.blocks import copies, raw
from curate.segment import Words
from curate.segment.tables import SPACE

SHORT_LINE = 30


def fineweb(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `fineweb`, without the family's name."""
    text, chars = batch.segments.text, batch.once(characters)
    lines = _not_blank(batch)
    punct, short = _line_ends(text.codes, lines.begin, lines.end, lines.first, bits())
    repeated = copies(lines, lines.end - lines.begin)
    return {
        "lines": repeated.blocks,
        "punct_lines": ratio(punct, repeated.blocks),
        "short_lines": ratio(short, repeated.blocks),
        "dup_line_chars": ratio(repeated.excess_length, chars.chars - chars.newlines),
        "list_ratio": ratio(chars.newlines, np.diff(batch.segments.words_spacy.first)),
    }


def _not_blank(batch: Batch) -> Words:
    """The lines that hold more than white space."""
    lines = batch.once(raw).lines
    keep = _holds_more(batch.segments.text.codes, lines.begin, lines.end, bits())
    first = np.concatenate([[0], np.cumsum(keep)])[lines.first].astype(np.int64)
    return Words(lines.begin[keep], lines.end[keep], first, lines.ids[keep])


@njit(cache=True)
def _holds_more(codes, begin, end, table):  # type: ignore[no-untyped-def]  # a kernel
    out = np.zeros(len(begin), dtype=np.bool_)
    for i in range(len(begin)):
        for at in range(begin[i], end[i]):
            if not table[codes[at]] & SPACE:
                out[i] = True
                break
    return out


@njit(cache=True)
def _line_ends(codes, begin, end, first, table):  # type: ignore[no-untyped-def]  # a kernel
    """Rows: lines that end in a terminal mark, short lines."""
    docs = len(first) - 1
    out = np.zeros((2, docs), dtype=np.int64)
    for d in range(docs):
        for i in range(first[d], first[d + 1]):
            out[0, d] += (table[codes[end[i] - 1]] & TERMINAL) != 0
            out[1, d] += end[i] - begin[i] <= SHORT_LINE
    return out
