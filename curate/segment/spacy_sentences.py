"""Sentences by spaCy's rule-based sentencizer, over the words of `spacy_words`.

A sentence ends after a token that is one of the sentencizer's marks; punctuation that follows still belongs to it.
White space counts as a token (unless it is one space between two tokens), so it can open a sentence.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.kernels import helper
from curate.segment.spacy_rules import PUNCTUATION, SENTENCE_END, rules
from curate.segment.types import Codes, Counts, Offsets, Spans, Text, Words

SPACE = 32


def sentences_spacy(text: Text, words: Words) -> Spans:
    """Sentences of every document, each stripped, blank ones left out: datatrove's English `sent_tokenize`.

    `words` are the `words_spacy` of the text.
    """
    return Spans(*_sentences(text.codes, words.begin, words.end, words.first, rules().bits))


def sentence_counts_spacy(text: Text, words: Words, spans: Spans) -> Counts:
    """Number of sentences in each span as a text of its own, int64[spans]: `len(split_into_sentences(...))`.

    A span without a word counts one. `words` are the `words_spacy` of the text; a span must not cut a chunk between
    white space in two, since it would have other tokens then.
    """
    start = np.searchsorted(words.begin, spans.begin)
    return _counts(text.codes, words.begin, words.end, spans.begin, spans.end, start, rules().bits)


@helper
def _space_token(codes, at, stop):  # type: ignore[no-untyped-def]
    """Whether the white space between two tokens makes a token."""
    return stop - at > 1 or (stop - at == 1 and codes[at] != SPACE)


@helper
def _is_mark(codes, at, stop, bits):  # type: ignore[no-untyped-def]
    """Whether a token is a mark that ends sentences."""
    return stop - at == 1 and bits[codes[at]] & SENTENCE_END != 0


@helper
def _is_punctuation(codes, at, stop, bits):  # type: ignore[no-untyped-def]
    """Whether a token holds nothing but punctuation."""
    while at < stop and bits[codes[at]] & PUNCTUATION:
        at += 1
    return at == stop


@njit(cache=True)
def _sentences(
    codes: Codes, begin: Offsets, end: Offsets, first: Offsets, bits: NDArray[np.uint32]
) -> tuple[Offsets, Offsets, Offsets]:
    docs = len(first) - 1
    marks = docs
    for word in range(len(begin)):
        marks += _is_mark(codes, begin[word], end[word], bits)
    left = np.empty(marks, dtype=np.int64)
    right = np.empty(marks, dtype=np.int64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        ended = False
        for word in range(first[d], first[d + 1]):
            mark = _is_mark(codes, begin[word], end[word], bits)
            spaced = word > first[d] and _space_token(codes, end[word - 1], begin[word])
            opens = ended and (spaced or not (mark or _is_punctuation(codes, begin[word], end[word], bits)))
            if opens or word == first[d]:
                left[n] = begin[word]
                n += 1
            right[n - 1] = end[word]
            ended = mark or (ended and not opens)
        of[d + 1] = n
    return left[:n], right[:n], of


@njit(cache=True)
def _counts(
    codes: Codes,
    begin: Offsets,
    end: Offsets,
    span_begin: Offsets,
    span_end: Offsets,
    start: Offsets,
    bits: NDArray[np.uint32],
) -> Counts:
    out = np.empty(len(span_begin), dtype=np.int64)
    for span in range(len(span_begin)):
        count = 1
        ended = False
        stop = span_end[span]
        before = stop
        word = start[span]
        while word < len(begin) and begin[word] < stop:
            mark = _is_mark(codes, begin[word], end[word], bits)
            spaced = ended and _space_token(codes, before, begin[word])
            opens = ended and (spaced or not (mark or _is_punctuation(codes, begin[word], end[word], bits)))
            count += opens
            ended = mark or (ended and not opens)
            before = end[word]
            word += 1
        count += ended and _space_token(codes, before, stop)
        out[span] = count
    return out
