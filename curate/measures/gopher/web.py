"""Gopher's rules as DCLM's baseline (Python) and OLMo 3's datamap-rs (Rust) compute them.

Both use white-space words for the quality rules and UAX-29 words for n-grams, and count every copy of what repeats,
the first included. Where they differ from each other:

| measure | DCLM | datamap-rs |
|---|---|---|
| `words` | fastText tokens that begin with a letter or digit | in ASCII text runs of letters and digits, else UAX-29 |
| `mean_word_length` | code points | bytes |
| `symbol_ratio` | over `split()` | over `split()` of the text with ". . ." joined |
| `bullet_lines` | of stripped lines that are not empty | of all lines as they stand |
| lines, paragraphs | stripped, not empty | as they stand, not empty; none at all counts as fully repeated (1.0) |
| n-grams | UAX-29 words that begin with a letter or a digit | all UAX-29 words |
| lengths | code points | bytes |

A ratio without a denominator is 0.0; both programs drop such a text at an earlier rule (`words`, `mean_word_length`).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, lower, ratio
from curate.measures.characters import bits, characters
from curate.measures.gopher.blocks import copies, raw, trimmed, utf8_lengths
from curate.measures.gopher.grams import NAMES, dclm_grams, uax29_grams
from curate.measures.gopher.lines import raw_lines
from curate.measures.kernels import U
from curate.measures.line_facts import line_facts, sums
from curate.measures.marks import marks
from curate.segment import Words
from curate.segment.tables import ALNUM, ALPHA

# "the be to of and that have with" as bytes packed from the first letter up.
_STOP_WORDS = tuple(
    int.from_bytes(word.encode(), "little") for word in ("the", "be", "to", "of", "and", "that", "have", "with")
)

_STOP_HEADS = sum(1 << head for head in {word & 31 for word in _STOP_WORDS})  # bits of their first letters


def gopher_dclm(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `gopher_dclm`, without the family's name."""
    count, non_alpha, stops = batch.once(space_words)
    chars, dots, lines = batch.once(characters), batch.once(marks), batch.once(raw_lines).dclm
    out: dict[str, NDArray[np.generic]] = {
        "words": sums(batch.once(line_facts).tokens, batch.segments.lines.first),
        "mean_word_length": ratio(chars.chars - chars.spaces, count),
        "symbol_ratio": ratio(chars.hashes + dots.dots + dots.spaced_dots + chars.ellipses, count),
        "bullet_lines": ratio(lines.bullets, lines.lines),
        "ellipsis_lines": ratio(lines.ellipses, lines.lines),
        "non_alpha_words": ratio(non_alpha, count),
        "stop_words": stops,
    }
    for name, view in zip(("line", "para"), batch.once(trimmed), strict=True):
        repeated = copies(view, view.end - view.begin)
        out[f"dup_{name}_frac"] = ratio(repeated.copies, repeated.blocks)
        out[f"dup_{name}_char_frac"] = ratio(repeated.copies_length, repeated.length)
    grams, total = _dclm_grams(batch)
    return out | {name: ratio(grams[row], total) for row, name in enumerate(NAMES)}


def gopher_olmo3(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `gopher_olmo3`, without the family's name."""
    count, non_alpha, stops = batch.once(space_words)
    chars, dots, known = batch.once(characters), batch.once(marks), batch.once(raw_lines)
    grams = batch.once(uax29_grams)
    runs = sums(batch.once(line_facts).runs, batch.segments.lines.first)
    lines = known.olmo3
    symbols = chars.hashes + dots.dots + dots.spaced_dots + chars.ellipses
    out: dict[str, NDArray[np.generic]] = {
        "words": np.where(chars.bytes == chars.chars, runs, grams.words),
        "mean_word_length": ratio(chars.bytes - chars.space_bytes, count),
        "symbol_ratio": symbols / np.maximum(count - 2 * dots.spaced_dots, 1),
        "bullet_lines": ratio(lines.bullets, known.olmo3_lines),
        "ellipsis_lines": ratio(lines.ellipses, lines.lines),
        "non_alpha_words": ratio(non_alpha, count),
        "stop_words": stops,
    }
    for name, view in zip(("line", "para"), batch.once(raw), strict=True):
        repeated = copies(view, utf8_lengths(batch, view))
        none = repeated.blocks == 0
        out[f"dup_{name}_frac"] = np.where(none, 1.0, ratio(repeated.copies, repeated.blocks))
        out[f"dup_{name}_char_frac"] = np.where(none, 1.0, ratio(repeated.copies_length, repeated.length))
    return out | {name: ratio(grams.olmo3[row], grams.bytes) for row, name in enumerate(NAMES)}


def _dclm_grams(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The grams of the words that begin with a letter or a digit; most texts have no others."""
    words, grams = batch.segments.words_uax29, batch.once(uax29_grams)
    keep, first, fewer = _beginning_alnum(batch.segments.text.codes, words.begin, words.first, bits())
    if not fewer.any():
        return grams.dclm, grams.chars
    chosen = Words(words.begin[keep], words.end[keep], first, words.ids[keep])
    again, chars = dclm_grams(chosen)
    return np.where(fewer, again, grams.dclm), np.where(fewer, chars, grams.chars)


@njit(cache=True)
def _beginning_alnum(codes, begin, first, table):  # type: ignore[no-untyped-def]  # a kernel
    """The words that begin with a letter or digit, of the documents that have others too; and which these are."""
    keep = np.empty(len(begin), dtype=np.int64)
    of = np.zeros(len(first), dtype=np.int64)
    others = np.zeros(len(first) - 1, dtype=np.bool_)
    n = 0
    for d in range(len(first) - 1):
        start = n
        for i in range(U(first[d]), U(first[d + 1])):
            keep[U(n)] = i
            n += (table[codes[U(begin[i])]] & ALNUM) != 0
        others[d] = n - start < first[d + 1] - first[d]
        if not others[d]:
            n = start
        of[d + 1] = n
    return keep[:n].copy(), of, others


def space_words(batch: Batch) -> NDArray[np.int64]:
    """Rows: `split()` words, those without a letter, stop words; int64[3, docs]."""
    text, words = batch.segments.text, batch.segments.words_space
    return _space_words(text.codes, batch.once(lower), words.begin, words.end, words.first, bits())


@njit(cache=True)
def _space_words(codes, lowered, begin, end, first, table):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros((3, docs), dtype=np.int64)
    for d in range(docs):
        out[0, d] = first[d + 1] - first[d]
        for i in range(U(first[d]), U(first[d + 1])):
            letter = False
            for at in range(U(begin[i]), U(end[i])):
                if table[codes[at]] & ALPHA:
                    letter = True
                    break
            out[1, d] += not letter
            head = lowered[U(begin[i])]
            if head < 128 and (_STOP_HEADS >> (head & 31)) & 1 and 2 <= end[i] - begin[i] <= 4:
                packed = np.int64(0)
                for at in range(begin[i], end[i]):
                    packed |= np.int64(min(lowered[at], np.uint32(255))) << (8 * (at - begin[i]))
                for word in _STOP_WORDS:
                    out[2, d] += packed == word
    return out
