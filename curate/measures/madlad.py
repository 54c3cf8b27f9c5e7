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
from curate.measures.phrases import ALL, CURSED, CURSED_CLOSING, FIRST_CURSED, phrases
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
    text, words, chars = batch.segments.text, batch.segments.words_uax29, batch.once(characters)
    found = batch.once(phrases)
    main = np.argmax(chars.scripts, axis=0)
    # Where all letters are of one script no sentence differs from the document.
    main = np.where(np.max(chars.scripts, axis=0, initial=0) == chars.letters, -1, main)
    counts = _madlad(
        text.codes, text.first, words.begin, words.first, main, bits(), found.at, found.end, found.phrase, found.first
    )
    out: dict[str, NDArray[np.generic]] = {"sentences": counts[0]}
    return out | {f"{name}_frac": ratio(counts[row + 1], counts[0]) for row, name in enumerate(_NAMES)}


@njit(cache=True)
def _madlad(  # type: ignore[no-untyped-def]  # a kernel
    codes, first, word_begin, word_first, main, table, found_at, found_end, found, found_first
):
    """Rows: sentences, then those hit by rule 1 to 5, by 2 or OLMo 3's part of 5, by any."""
    docs = len(first) - 1
    out = np.zeros((8, docs), dtype=np.int64)
    for d in range(docs):
        word = word_first[d]
        place = found_first[d]
        start = first[d]
        while start < first[d + 1]:
            end, following, technical, wild = _sentence(codes, start, first[d + 1], table)
            words, capitals = 0, 0
            while word < word_first[d + 1] and word_begin[word] < following:
                words += 1
                capitals += (table[codes[word_begin[word]]] & UPPER) != 0
                word += 1
            cursed, plain = False, False
            while place < found_first[d + 1] and found_at[place] < end:
                if found[place] >= FIRST_CURSED and found_at[place] >= start and found_end[place] <= end:
                    cursed |= found[place] < _FIRST_CLOSING or _blank(codes, found_end[place], end, table)
                    plain |= found[place] < _FIRST_ESCAPED
                place += 1
            if words > 0 or not _blank(codes, start, end, table):
                last = end - 1
                while last > start and table[codes[last]] & SPACE:
                    last -= 1
                plain |= wild
                cursed = cursed or plain or codes[last] == 124
                inconsistent = main[d] >= 0 and _main_script(codes, start, end, table) not in (-1, main[d])
                listing = words >= FEWEST_LIST_WORDS and 2 * capitals > words
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


@njit(cache=True)
def _sentence(codes, start, stop, table):  # type: ignore[no-untyped-def]
    """Where the sentence at `start` ends, where the next begins, technical characters, whether wildcards match."""
    technical = 0
    wild = False
    end, following = stop, stop
    at = start
    while at < stop:
        code = codes[at]
        bit = table[code]
        if bit & ALPHA:
            at += 1
            continue
        technical += (bit & TECHNICAL) != 0
        if code == 46 or code == 33 or code == 63:
            end = at
            while at < stop and (codes[at] == 46 or codes[at] == 33 or codes[at] == 63):
                at += 1
            if at < stop and table[codes[at]] & SPACE:
                while at < stop and table[codes[at]] & SPACE:
                    at += 1
                following = at
                break
            end = stop
            continue
        # Groups of three, four or one character follow each other: look closer only where two of them do.
        if (
            code == 32
            and at + 10 < stop
            and (
                codes[at + 1] == 0x2116
                or (codes[at + 4] == 32 and codes[at + 8] == 32)
                or (codes[at + 5] == 32 and codes[at + 10] == 32)
                or (codes[at + 2] == 32 and codes[at + 4] == 32)
            )
        ):
            wild = wild or _wild(codes, at, stop, table)
        elif code == 44 and at + 4 < stop and codes[at + 4] == 44:
            wild = wild or _pairs(codes, at, _end(codes, at, stop, table))
        elif code == 32 and at + 1 < stop and codes[at + 1] == 0x2116:
            wild = True
        at += 1
    return end, following, technical, wild


@njit(cache=True)
def _end(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """Where the sentence around `at` ends, as far as an expression can reach."""
    limit = min(stop, at + _REACH)
    while at < limit:
        if codes[at] != 46 and codes[at] != 33 and codes[at] != 63:
            at += 1
            continue
        end = at
        while at < stop and (codes[at] == 46 or codes[at] == 33 or codes[at] == 63):
            at += 1
        if at < stop and table[codes[at]] & SPACE:
            return end
    return limit


@njit(cache=True)
def _blank(codes, start, end, table):  # type: ignore[no-untyped-def]
    for at in range(start, end):  # noqa: SIM110  # `all` over a generator does not compile
        if not table[codes[at]] & SPACE:
            return False
    return True


@njit(cache=True)
def _main_script(codes, start, end, table):  # type: ignore[no-untyped-def]
    """The script of most letters, the first named among equals; -1 without letters."""
    scripts = np.zeros(len(SCRIPT_NAMES), dtype=np.int64)
    for at in range(start, end):
        bit = table[codes[at]]
        if bit & ALPHA:
            scripts[bit >> SCRIPT_SHIFT] += 1
    best = np.argmax(scripts)
    return best if scripts[best] > 0 else -1


@njit(cache=True)
def _wild(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """Whether " №" or one of the three expressions that begin with a space matches at `at`, inside its sentence."""
    if codes[at + 1] == 0x2116:
        return True
    end = _end(codes, at, stop, table)
    return _spaced(codes, at, end, 3) or _spaced(codes, at, end, 4) or _single_characters(codes, at, end)


@njit(cache=True)
def _spaced(codes, at, end, width):  # type: ignore[no-untyped-def]
    """A space and `width` characters but line feeds, nine times."""
    if at + _GROUPS * (width + 1) > end:
        return False
    for k in range(_GROUPS * (width + 1)):
        code = codes[at + k]
        if (k % (width + 1) == 0 and code != 32) or code == 10:
            return False
    return True


@njit(cache=True)
def _single_characters(codes, at, end):  # type: ignore[no-untyped-def]
    """A space and one character but a space, nine times."""
    if at + 2 * _GROUPS > end:
        return False
    for k in range(_GROUPS):  # noqa: SIM110  # `all` over a generator does not compile
        if codes[at + 2 * k] != 32 or codes[at + 2 * k + 1] == 32:
            return False
    return True


@njit(cache=True)
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
