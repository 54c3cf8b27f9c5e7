r"""MADLAD-400's questionable sentences (section 2.3 of the paper), split and counted as OLMo 3's datamap-rs does.

Sentences are the parts of `re.split("[.!?]+\\s+", text)` that are not blank. Rules, each a share of the sentences:

1. document consistency: the sentence is in another language than the document. Approximated by the main script of its
   letters (the programs ask a language model sentence by sentence).
2. list case: at least 12 words, more than half of which begin with an upper-case letter.
3. abnormal length: fewer than 20 or more than 500 characters (datamap-rs: bytes).
4. technical characters: more than 20 % of `[0-9{}+/()>]`.
5. cursed phrases: the regular expressions of the paper's appendix.

OLMo 3 drops a text with fewer than 5 sentences, and one where rules 2 and 5 together hit at least 20 % of them. Its
program takes all but the last four expressions as plain text, so that those with a backslash (`Vol\.`, `\|\s*$`) never
match there: `list_or_cursed_frac` leaves them out, `cursed_frac` has them.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, ratio
from curate.measures.characters import SCRIPT_NAMES, SCRIPT_SHIFT, TECHNICAL, bits, characters
from curate.measures.kernels import U
from curate.measures.phrases import ALL, CURSED, CURSED_CLOSING, FIRST_CURSED, phrases
from curate.segment.kernels import helper
from curate.segment.tables import ALPHA, SPACE, UPPER

FEWEST_LIST_WORDS = 12
SHORTEST, LONGEST = 20, 500
_NAMES = ("inconsistent", "list_case", "length", "technical", "cursed", "list_or_cursed", "questionable")
_GROUPS = 9  # " ..." nine times, and so on
_REACH = 5 * _GROUPS  # characters of the longest match of an expression with wildcards
_FIRST_ESCAPED = FIRST_CURSED + len(CURSED)
_FIRST_CLOSING = len(ALL) - len(CURSED_CLOSING)


def madlad(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `madlad`, without the family's name."""
    segments, chars = batch.segments, batch.once(characters)
    main = np.argmax(chars.scripts, axis=0)
    # Where all letters are of one script no sentence differs from the document.
    main = np.where(np.max(chars.scripts, axis=0, initial=0) == chars.letters, -1, main)
    counts = _madlad(segments.text, segments.words_space, segments.words_uax29, main, bits(), batch.once(phrases))
    out: dict[str, NDArray[np.generic]] = {"sentences": counts[0]}
    return out | {f"{name}_frac": ratio(counts[row + 1], counts[0]) for row, name in enumerate(_NAMES)}


@njit(cache=True)
def _madlad(text, spaced, words, main, table, places):  # type: ignore[no-untyped-def]  # a kernel
    """Rows: sentences, then those hit by rule 1 to 5, by 2 or OLMo 3's part of 5, by any."""
    codes, first = text.codes, text.first
    docs = len(first) - 1
    out = np.zeros((8, docs), dtype=np.int64)
    scripts = np.zeros(len(SCRIPT_NAMES), dtype=np.int64)
    for d in range(docs):
        k = spaced.first[d]
        word = words.first[d]
        place = places.first[d]
        start = first[d]
        while k < spaced.first[d + 1]:
            k, end, following, wild = _sentence(codes, start, k, spaced, spaced.first[d + 1], first[d + 1])
            listed, capitals = 0, 0
            while word < words.first[d + 1] and words.begin[word] < following:
                listed += 1
                capitals += (table[codes[words.begin[word]]] & UPPER) != 0
                word += 1
            cursed, plain = False, wild
            while place < places.first[d + 1] and places.at[place] < end:
                if places.phrase[place] >= FIRST_CURSED and places.at[place] >= start and places.end[place] <= end:
                    cursed |= places.phrase[place] < _FIRST_CLOSING or _blank(codes, places.end[place], end, table)
                    plain |= places.phrase[place] < _FIRST_ESCAPED
                place += 1
            if listed > 0 or not _blank(codes, start, end, table):
                last = end - 1
                while table[codes[last]] & SPACE:
                    last -= 1
                technical = 0
                for at in range(U(start), U(end)):
                    technical += (table[codes[at]] & TECHNICAL) != 0
                cursed = cursed or plain or codes[last] == 124
                inconsistent = main[d] >= 0 and _main_script(codes, start, end, table, scripts) not in (-1, main[d])
                listing = listed >= FEWEST_LIST_WORDS and 2 * capitals > listed
                abnormal = end - start < SHORTEST or end - start > LONGEST
                symbols = 5 * technical > end - start
                out[0, d] += 1
                out[1, d] += inconsistent
                out[2, d] += listing
                out[3, d] += abnormal
                out[4, d] += symbols
                out[5, d] += cursed
                out[6, d] += listing or plain
                out[7, d] += inconsistent or listing or abnormal or symbols or cursed
            start = following
    return out


@helper
def _sentence(codes, start, k, spaced, last, stop):  # type: ignore[no-untyped-def]
    """The sentence at `start`, whose first white-space word is `k`, word by word.

    Returns the word after it, where it ends, where the next begins, and whether an expression with wildcards matches.
    """
    wild = False
    gap = start
    while True:
        until = spaced.begin[U(k)] if k < last else stop
        for at in range(U(gap), U(until)):
            if codes[at] != 32 or at + U(1) >= U(stop):
                continue
            wild |= codes[at + U(1)] == 0x2116
            # Groups of three, four or one character: look closer only where two of them follow each other.
            if at + U(10) < U(stop) and (
                ((codes[at + U(4)] == 32) & (codes[at + U(8)] == 32))
                | ((codes[at + U(5)] == 32) & (codes[at + U(10)] == 32))
                | ((codes[at + U(2)] == 32) & (codes[at + U(4)] == 32))
            ):
                here = np.int64(at)
                wild = wild or _groups(codes, here, _end(codes, here, stop, spaced, k, last))
        if k == last:
            return k, stop, stop, wild
        end = spaced.end[U(k)]
        k += 1
        code = codes[U(end - 1)]
        if (code == 46 or code == 33 or code == 63) and end < stop:
            following = spaced.begin[k] if k < last else stop
            while end > start and (codes[end - 1] == 46 or codes[end - 1] == 33 or codes[end - 1] == 63):
                end -= 1
            return k, end, following, wild
        if code == 44 and end + 3 < stop and codes[end + 3] == 44:
            wild = wild or _pairs(codes, end - 1, _end(codes, end - 1, stop, spaced, k, last))
        gap = end


@helper
def _end(codes, at, stop, spaced, k, last):  # type: ignore[no-untyped-def]
    """Where the sentence around `at` ends, as far as an expression can reach; `k` is the word that follows."""
    while k < last and spaced.begin[k] < at + _REACH:
        end = spaced.end[k]
        if end < stop and (codes[end - 1] == 46 or codes[end - 1] == 33 or codes[end - 1] == 63):
            while end > at and (codes[end - 1] == 46 or codes[end - 1] == 33 or codes[end - 1] == 63):
                end -= 1
            return end
        k += 1
    return min(stop, at + _REACH)


@helper
def _blank(codes, start, end, table):  # type: ignore[no-untyped-def]
    for at in range(start, end):  # noqa: SIM110  # `all` over a generator does not compile
        if not table[codes[at]] & SPACE:
            return False
    return True


@helper
def _main_script(codes, start, end, table, scripts):  # type: ignore[no-untyped-def]
    """The script of most letters, the first named among equals; -1 without letters. `scripts` is scratch."""
    scripts[:] = 0
    for at in range(start, end):
        bit = table[codes[at]]
        if bit & ALPHA:
            scripts[bit >> SCRIPT_SHIFT] += 1
    best = np.argmax(scripts)
    return best if scripts[best] > 0 else -1


@helper
def _groups(codes, at, end):  # type: ignore[no-untyped-def]
    """Whether one of the three expressions that begin with a space matches at `at`."""
    return _spaced(codes, at, end, 3) or _spaced(codes, at, end, 4) or _single_characters(codes, at, end)


@helper
def _spaced(codes, at, end, width):  # type: ignore[no-untyped-def]
    """A space and `width` characters but line feeds, nine times."""
    if at + _GROUPS * (width + 1) > end:
        return False
    for k in range(_GROUPS * (width + 1)):
        code = codes[at + k]
        if (k % (width + 1) == 0 and code != 32) or code == 10:
            return False
    return True


@helper
def _single_characters(codes, at, end):  # type: ignore[no-untyped-def]
    """A space and one character but a space, nine times."""
    if at + 2 * _GROUPS > end:
        return False
    for k in range(_GROUPS):  # noqa: SIM110  # `all` over a generator does not compile
        if codes[at + 2 * k] != 32 or codes[at + 2 * k + 1] == 32:
            return False
    return True


@helper
def _pairs(codes, at, end):  # type: ignore[no-untyped-def]
    """A comma, then four times: a space, two characters but line feeds, one or two commas."""
    at += 1
    for _ in range(4):
        if at + 4 > end or codes[at] != 32 or codes[at + 1] == 10 or codes[at + 2] == 10 or codes[at + 3] != 44:
            return False
        at += 4
        if at < end and codes[at] == 44:
            # The second comma is optional; the next group begins with a space, so taking it loses nothing.
            at += 1
    return True
