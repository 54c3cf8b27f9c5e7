"""The family `text`: counts and shares of characters, lines and words, whatever the language.

`tokens` estimates what a BPE vocabulary makes of the text: every UAX-29 segment that is not white space is a token, a
word one more for every 8 bytes of UTF-8 beyond the first 8. A segment outside words is a single character together with
what extends it; a run of '_' is one.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, ratio
from curate.measures.characters import EXTEND, bits, characters
from curate.measures.code import code_lines
from curate.measures.gopher.blocks import trimmed
from curate.measures.gopher.grams import uax29_grams, word_bytes
from curate.measures.kernels import U
from curate.measures.marks import marks
from curate.segment.tables import SPACE

BYTES_PER_TOKEN = 8


def tokens(batch: Batch) -> NDArray[np.int64]:
    """The measure `text.tokens`."""
    words = batch.segments.words_uax29
    text = batch.segments.text
    return _tokens(text.codes, text.first, words.begin, words.end, words.first, batch.once(word_bytes), bits())


def text(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `text`, without the family's name."""
    segments, chars, found, grams = batch.segments, batch.once(characters), batch.once(marks), batch.once(uax29_grams)
    spaced = segments.words_space
    code = batch.once(code_lines)
    blocks = batch.once(trimmed)
    lines = segments.lines
    return {
        "chars": chars.chars,
        "bytes": chars.bytes,
        "lines": np.where(chars.chars > 0, chars.newlines + 1, 0),
        "paragraphs": np.diff(blocks.paragraphs.first),
        "words": grams.words,
        "sentences": np.diff(segments.sentences.first),
        "tokens": tokens(batch),
        "control_chars": chars.controls,
        "replacement_chars": chars.replacements,
        "url_count": found.addresses,
        "longest_line": _longest(lines.end - lines.begin, lines.first),
        "longest_word": _longest(spaced.end - spaced.begin, spaced.first),
        "mean_word_length": ratio(grams.chars, grams.words),
        "char_entropy": chars.entropy,
        "digit_share": ratio(chars.decimals, chars.chars),
        "upper_share": ratio(chars.upper, chars.cased),
        "alpha_share": ratio(chars.letters, chars.chars),
        "space_share": ratio(chars.spaces, chars.chars),
        "punctuation_share": ratio(chars.punctuation, chars.chars),
        "markup_share": ratio(found.markup_chars, chars.chars),
        "code_share": ratio(code.code, code.lines),
        "url_share": ratio(found.address_chars, chars.chars),
        "newlines_per_word": ratio(chars.newlines, grams.words),
        "mean_line_length": ratio(code.chars, code.lines),
        "unique_words": ratio(grams.distinct, grams.words),
    }


@njit(cache=True)
def _longest(lengths, first):  # type: ignore[no-untyped-def]  # a kernel
    out = np.zeros(len(first) - 1, dtype=np.int64)
    for d in range(len(first) - 1):
        for i in range(first[d], first[d + 1]):
            out[d] = max(out[d], lengths[i])
    return out


@njit(cache=True)
def _tokens(codes, first, begin, end, words, sizes, table):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros(docs, dtype=np.int64)
    for d in range(docs):
        at = first[d]
        for i in range(words[d], words[d + 1] + 1):
            until = begin[i] if i < words[d + 1] else first[d + 1]
            for k in range(U(at), U(until)):
                if not table[codes[k]] & (SPACE | EXTEND):
                    out[d] += not (codes[k] == 95 and k > U(at) and codes[k - U(1)] == 95)
            if i < words[d + 1]:
                out[d] += (sizes[i] + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN
                at = end[i]
    return out
