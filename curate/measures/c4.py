"""C4's rules as datatrove 0.10.1 (the paper's numbers) and as the TFDS code (the code's numbers) apply them.

Both walk over `splitlines()` and drop lines; some lines drop the whole page. Here every line is judged once, and the
page is counted as if no line dropped it, so that each rule can be read on its own: `lorem_ipsum` and `curly_bracket`
count the lines that reach those tests, `lorem_first` tells which of the two the program would have named.

| step | datatrove | TFDS |
|---|---|---|
| 1 | strip | strip |
| 2 | a word of more than 1,000 characters drops the line | same |
| 3 | citations `[12]`, `[edit]`, `[citation needed]` are cut | same |
| 4 | (may be off) no `. ? ! " '` at the end, or `...`, drops the line | `. ? ! "`, never off |
| 5 | fewer than 3 words, counted before step 3, drop the line | fewer than 5, counted after step 3 |
| 6 | "lorem ipsum" drops the page | same |
| 7 | "javascript" drops the line | same |
| 8 | "{" drops the page | same |
| 9 | six policy phrases drop the line | same |
| 10 | fewer than 5 sentences in all drop the page | fewer than 3 |

datatrove counts spaCy's sentences, and so do we; TFDS counts NLTK punkt's, for which our own splitter stands in.
"""

import re
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.measures.characters import characters
from curate.measures.kernels import U
from curate.measures.matching import starts_with
from curate.measures.phrases import C4, phrases
from curate.segment import Segments, Spans, stripped
from curate.segment.tables import DECIMAL, classes

LONGEST_WORD = 1000
_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_LOREM, _JAVASCRIPT = 1, 2  # bits of what a line holds: the phrases of C4 in their order,
_CURLY = 1 << len(C4)  # then "{"
_POLICY = _CURLY - 1 - _LOREM - _JAVASCRIPT
_ELLIPSIS = -1
_EDIT, _NEEDED = (tuple(map(ord, words)) for words in ("edit]", "citation needed]"))


class Lines(NamedTuple):
    """What is known of every line of the batch; all but `first` have one entry a line."""

    first: NDArray[np.int64]  # [docs + 1]
    words: NDArray[np.int64]  # before citations are cut
    longest: NDArray[np.int64]  # characters of the longest word, before citations are cut
    words_cut: NDArray[np.int64]  # this and the following after citations are cut
    holds: NDArray[np.int64]  # bits of phrases
    ends: NDArray[np.int64]  # the last character, or _ELLIPSIS, or 0 for nothing
    sentences: NDArray[np.int64]  # of spaCy's sentencizer
    sentences_own: NDArray[np.int64]  # of our splitter


def c4_lines(batch: Batch) -> Lines:
    """Every line of the batch, judged once."""
    text = batch.segments.text
    lines = stripped(text, batch.segments.splitlines)
    words, longest, holds, ends, *sentences = _facts(batch, lines)
    out = Lines(lines.first, words, longest, words.copy(), holds, ends, sentences[0], sentences[1])
    cited = np.flatnonzero(_cited(text.codes, *lines, batch.once(characters).square, classes().flags))
    if len(cited):
        # Without its citations a line may hold other words and sentences: those few lines are segmented anew.
        cut = [_CITATION.sub("", text.slice(int(lines.begin[i]), int(lines.end[i]))) for i in cited]
        again = Batch(Segments(cut), cut, [None] * len(cut), [None] * len(cut), [None] * len(cut))
        first = again.segments.text.first
        whole = Spans(first[:-1], first[1:], np.arange(len(first)))
        after = _facts(again, whole)
        for column, values in zip(out[3:], (after[0], *after[2:]), strict=True):
            column[cited] = values
    return out


def _facts(batch: Batch, lines: Spans) -> tuple[NDArray[np.int64], ...]:
    """Words, longest word, phrases held, end, spaCy sentences, own sentences of every line."""
    segments, words, found = batch.segments, batch.segments.words_space, batch.once(phrases)
    codes = segments.text.codes
    return (
        *_words(lines.begin, lines.end, words.begin, words.end),
        _holds(codes, *lines, batch.once(characters).curly, found.at, found.phrase),
        _line_ends(codes, lines.begin, lines.end),
        segments.sentence_counts_spacy(lines),
        _starts_inside(segments.sentences.begin, lines.begin, lines.end),
    )


def c4_datatrove(batch: Batch) -> dict[str, NDArray[np.int64]]:
    """The family `c4_datatrove`, without the family's name; `terminal_*` has the terminal-punctuation rule on."""
    lines = batch.once(c4_lines)
    marks = np.frombuffer(b".?!\"'", dtype=np.uint8).astype(np.int64)
    off = _walk(lines, lines.words, lines.sentences, 3, marks[:0])
    on = _walk(lines, lines.words, lines.sentences, 3, marks)
    out = {"lines": np.diff(lines.first), "long_word_lines": off["long_word_lines"]}
    out |= {name: off[name] for name in _SHARED}
    return out | {f"terminal_{name}": on[name] for name in ("no_punct_lines", *_SHARED)}


def c4_tfds(batch: Batch) -> dict[str, NDArray[np.int64]]:
    """The family `c4_tfds`, without the family's name."""
    lines = batch.once(c4_lines)
    marks = np.frombuffer(b'.?!"', dtype=np.uint8).astype(np.int64)
    return {"lines": np.diff(lines.first)} | _walk(lines, lines.words_cut, lines.sentences_own, 5, marks)


def c4_paragraphs(batch: Batch) -> dict[str, NDArray[np.int64]]:
    r"""The family `c4_paragraphs`: mC4 keeps a page with at least three lines of 200 characters; `split("\n")`."""
    spans = batch.segments.lines
    return {
        "lines": np.diff(spans.first),
        "third_longest_line": _third_longest(spans.end - spans.begin, spans.first),
    }


_SHARED = ("kept_lines", "removed_lines", "short_lines", "javascript_lines", "policy_lines", "sentences",
           "lorem_first", "lorem_ipsum", "curly_bracket")  # fmt: skip


def _walk(
    lines: Lines, words: NDArray[np.int64], sentences: NDArray[np.int64], fewest: int, marks: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    counts = _walk_lines(lines.first, words, lines.longest, lines.holds, lines.ends, sentences, fewest, marks)
    names = ("long_word_lines", "no_punct_lines", *_SHARED)
    return dict(zip(names, counts, strict=True))


@njit(cache=True)
def _walk_lines(first, words, longest, holds, ends, sentences, fewest, marks):  # type: ignore[no-untyped-def]
    docs = len(first) - 1
    out = np.zeros((11, docs), dtype=np.int64)
    for d in range(docs):
        first_drop = 0
        for i in range(first[d], first[d + 1]):
            if longest[i] > LONGEST_WORD:
                out[0, d] += 1
                continue
            if len(marks) > 0:
                found = False
                for mark in marks:
                    found |= ends[i] == mark
                if not found:
                    out[1, d] += 1
                    continue
            if words[i] < fewest:
                out[4, d] += 1
                continue
            if holds[i] & _LOREM:
                out[9, d] += 1
                if first_drop == 0:
                    first_drop = _LOREM
            if holds[i] & _JAVASCRIPT:
                out[5, d] += 1
                continue
            if holds[i] & _CURLY:
                out[10, d] += 1
                if first_drop == 0:
                    first_drop = _CURLY
            if holds[i] & _POLICY:
                out[6, d] += 1
                continue
            out[7, d] += sentences[i]
            out[2, d] += 1
        out[3, d] = first[d + 1] - first[d] - out[2, d]
        out[8, d] = first_drop == _LOREM
    return out


@njit(cache=True)
def _words(begin, end, word_begin, word_end):  # type: ignore[no-untyped-def]  # a kernel
    """Words of each line and the length of the longest."""
    count = np.zeros(len(begin), dtype=np.int64)
    longest = np.zeros(len(begin), dtype=np.int64)
    k = U(0)
    for i in range(U(len(begin))):
        while k < U(len(word_begin)) and word_begin[k] < end[i]:
            count[i] += 1
            longest[i] = max(longest[i], word_end[k] - word_begin[k])
            k += U(1)
    return count, longest


@njit(cache=True)
def _holds(codes, begin, end, first, curly, found_at, found):  # type: ignore[no-untyped-def]  # a kernel
    """Bits of the phrases of C4 and of "{" in each line; `curly` counts the "{" of each document."""
    out = np.zeros(len(begin), dtype=np.int64)
    k = 0
    for d in range(len(first) - 1):
        for i in range(first[d], first[d + 1]):
            if curly[d] > 0:
                for at in range(U(begin[i]), U(end[i])):
                    if codes[at] == 123:
                        out[i] = _CURLY
                        break
            while k < len(found_at) and found_at[k] < end[i]:
                if found_at[k] >= begin[i] and found[k] < len(C4):
                    out[i] |= 1 << found[k]
                k += 1
    return out


@njit(cache=True)
def _cited(codes, begin, end, first, square, flags):  # type: ignore[no-untyped-def]  # a kernel
    """Whether each line holds a citation: "[" and then digits, "edit" or "citation needed", and "]".

    `square` counts the "[" of each document.
    """
    out = np.zeros(len(begin), dtype=np.bool_)
    for d in range(len(first) - 1):
        if square[d] == 0:
            continue
        for i in range(first[d], first[d + 1]):
            for at in range(begin[i], end[i]):
                if codes[at] != 91:
                    continue
                stop = at + 1
                while stop < end[i] and flags[codes[stop]] & DECIMAL:
                    stop += 1
                if (
                    (stop < end[i] and codes[stop] == 93)
                    or starts_with(codes, at + 1, end[i], _EDIT)
                    or starts_with(codes, at + 1, end[i], _NEEDED)
                ):
                    out[i] = True
                    break
    return out


@njit(cache=True)
def _line_ends(codes, begin, end):  # type: ignore[no-untyped-def]  # a kernel
    out = np.zeros(len(begin), dtype=np.int64)
    for i in range(len(begin)):
        b = end[i]
        if b - begin[i] >= 3 and codes[b - 1] == 46 and codes[b - 2] == 46 and codes[b - 3] == 46:
            out[i] = _ELLIPSIS
        elif b > begin[i]:
            out[i] = codes[b - 1]
    return out


@njit(cache=True)
def _starts_inside(starts, begin, end):  # type: ignore[no-untyped-def]  # a kernel
    """Sentences of each window: one, and one more for each sentence that begins inside it; both ascending."""
    out = np.ones(len(begin), dtype=np.int64)
    k = 0
    for i in range(len(begin)):
        while k < len(starts) and starts[k] <= begin[i]:
            k += 1
        while k < len(starts) and starts[k] < end[i]:
            out[i] += 1
            k += 1
    return out


@njit(cache=True)
def _third_longest(lengths, first):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros(docs, dtype=np.int64)
    for d in range(docs):
        one, two, three = np.int64(0), np.int64(0), np.int64(0)
        for i in range(first[d], first[d + 1]):
            size = lengths[i]
            if size > one:
                one, two, three = size, one, two
            elif size > two:
                two, three = size, two
            elif size > three:
                three = size
        if first[d + 1] - first[d] >= 3:
            out[d] = three
    return out
