"""RefinedWeb's line-wise corrections as DCLM's baseline and OLMo 3's datamap-rs run them: what they would remove.

In order: lines with more than half upper case, of digits only, counters ("3 likes"), of fewer than two words; then cut
"items in cart", a trailing "read more..." and a leading "sign-in". A page that loses more than 5 % of its words is
dropped (`removed_word_frac`); the corrected text itself is made by the edits. Each line counts for the first correction
that hits it. Lines are those between line feeds that are not empty.

| step | DCLM | datamap-rs |
|---|---|---|
| upper case, digits | share of characters; `isupper`, `isdigit` | share of bytes; upper case, ASCII digits |
| counter | on the lower-cased line, to the line's end | same (the other pattern of its configuration is not read) |
| fewer than two words | `split()` | UAX-29 words |
| cuts | ignoring case, in lines of at most 10 words | as written, in all lines (the configured limit is not read) |
| words before and after | fastText tokens that begin with a letter or a digit | UAX-29 words |
| in between | the text is stripped after each step | - |

The dots of "read more..." match any character, in both. A text that nothing is left of has lost all its words (1.0).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, lower, ratio
from curate.measures.characters import bits
from curate.measures.line_facts import fasttext_space, line_facts
from curate.measures.matching import starts_with
from curate.measures.phrases import CUTS, FIRST_CURSED, FIRST_CUT, codes_of, phrases
from curate.segment.kernels import helper
from curate.segment.tables import ALNUM, DECIMAL, SPACE

_COUNTED = ("likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes",
            "downloads", "views", "followers")  # fmt: skip
LONGEST_CUT_LINE = 10
MOST_CUTS = 64  # in one line of datamap-rs, which has no limit of words: what follows stays
_UPPER, _DIGITS, _COUNTER, _SHORT, _CUT, _KEPT = range(6)
_NAMES = ("upper", "digit", "counter", "one_word", "cut")
_CART, _MORE, _SIGN_IN = CUTS


def refinedweb(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `refinedweb` (DCLM's reading), without the family's name."""
    text, lines = batch.segments.text, batch.segments.lines
    cuts = (codes_of(_CART), codes_of(_MORE), codes_of(_SIGN_IN))
    facts, has_cuts = batch.once(line_facts), batch.once(_has_cuts)
    return _columns(_dclm(text.codes, batch.once(lower), *lines, facts, has_cuts, bits(), _counted(), cuts))


def refinedweb_olmo3(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `refinedweb_olmo3` (datamap-rs' reading), without the family's name."""
    text, lines, words = batch.segments.text, batch.segments.lines, batch.segments.words_uax29
    cuts = (codes_of(_CART), codes_of(_MORE.capitalize()), codes_of(_SIGN_IN.capitalize()))
    facts, has_cuts = batch.once(line_facts), batch.once(_has_cuts)
    return _columns(_olmo3(text.codes, batch.once(lower), *lines, facts, has_cuts, words, bits(), _counted(), cuts))


def _has_cuts(batch: Batch) -> NDArray[np.bool_]:
    """Whether a document holds any of the phrases to be cut, bool[docs]."""
    found = batch.once(phrases)
    cut = np.concatenate([[0], np.cumsum((found.phrase >= FIRST_CUT) & (found.phrase < FIRST_CURSED))])
    return np.diff(cut[found.first]) > 0


def _counted() -> NDArray[np.uint32]:
    out = np.zeros((len(_COUNTED), max(map(len, _COUNTED))), dtype=np.uint32)
    for row, word in enumerate(_COUNTED):
        out[row, : len(word)] = codes_of(word)
    return out


def _columns(counts: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    """Rows: lines by what hit them (five corrections, none), words before, words after."""
    lines = counts[:6].sum(axis=0)
    before, after = counts[6], counts[7]
    out: dict[str, NDArray[np.generic]] = {"lines": lines}
    out |= {f"{name}_line_frac": ratio(counts[row], lines) for row, name in enumerate(_NAMES)}
    out["removed_line_frac"] = ratio(counts[:_CUT].sum(axis=0), lines)
    out["removed_word_frac"] = ratio(before - after, before)
    return out


@helper
def is_counter(lowered, a, b, table, counted):  # type: ignore[no-untyped-def]
    r"""`^\W*\d(?:,|\.|\d)*(?:k|m|b)?\s+(?:likes|...)\W*$` on a lower-cased line."""
    while a < b and not (table[lowered[a]] & ALNUM or lowered[a] == 95):
        a += 1
    if a == b or not table[lowered[a]] & DECIMAL:
        return False
    while a < b and (table[lowered[a]] & DECIMAL or lowered[a] == 44 or lowered[a] == 46):
        a += 1
    if a < b and (lowered[a] == 107 or lowered[a] == 109 or lowered[a] == 98):
        a += 1
    start = a
    while a < b and table[lowered[a]] & SPACE:
        a += 1
    if a == start:
        return False
    for row in range(len(counted)):
        k = 0
        while k < counted.shape[1] and counted[row, k] != 0 and a + k < b and lowered[a + k] == counted[row, k]:
            k += 1
        if k == counted.shape[1] or counted[row, k] == 0:
            rest = a + k
            while rest < b and not (table[lowered[rest]] & ALNUM or lowered[rest] == 95):
                rest += 1
            return rest == b
    return False


@helper
def _space_before(codes, low, at, table):  # type: ignore[no-untyped-def]
    """Where a match begins that takes one white-space character before it along."""
    return at - 1 if at > low and table[codes[at - 1]] & SPACE else at


@helper
def _cuts(codes, a, b, table, cuts, gap, cut_begin, cut_end):  # type: ignore[no-untyped-def]
    """Windows of the line that the three cuts take, in order of place; `gap` takes the space after a cart along too."""
    cart, more, sign_in = cuts
    n = 0
    at = a
    if starts_with(codes, a, b, sign_in):
        at = a + len(sign_in)
        if at < b and table[codes[at]] & SPACE:
            at += 1
        cut_begin[0], cut_end[0] = a, at
        n = 1
    while at < b and n < len(cut_begin) - 1:
        if codes[at] == cart[0] and starts_with(codes, at, b, cart):
            stop = at + len(cart)
            if gap and stop < b and table[codes[stop]] & SPACE:
                stop += 1
            cut_begin[n] = max(_space_before(codes, a, at, table), cut_end[n - 1] if n else a)
            cut_end[n] = stop
            n += 1
            at = stop
        else:
            at += 1
    tail = b - len(more) - 3
    if tail >= (cut_end[n - 1] if n else a) and starts_with(codes, tail, b, more):
        cut_begin[n] = max(_space_before(codes, a, tail, table), cut_end[n - 1] if n else a)
        cut_end[n] = b
        n += 1
    return n


@helper
def _blank(codes, a, b, table):  # type: ignore[no-untyped-def]
    for at in range(a, b):  # noqa: SIM110  # `all` over a generator does not compile
        if not table[codes[at]] & SPACE:
            return False
    return True


@helper
def _fasttext_words(codes, a, b, table):  # type: ignore[no-untyped-def]
    """fastText tokens of a window that begin with a letter or a digit."""
    count = 0
    after_space = True
    for at in range(a, b):
        count += after_space and (table[codes[at]] & ALNUM) != 0
        after_space = fasttext_space(codes[at])
    return count


@helper
def _strip_text(codes, left, right, alive, low, high, table):  # type: ignore[no-untyped-def]
    """`str.strip()` of the lines that are left, joined: blank lines go at both ends, the outer edges get stripped."""
    for i in range(low, high):
        if not alive[i]:
            continue
        while left[i] < right[i] and table[codes[left[i]]] & SPACE:
            left[i] += 1
        if left[i] < right[i]:
            break
        alive[i] = False
    for i in range(high - 1, low - 1, -1):
        if not alive[i]:
            continue
        while left[i] < right[i] and table[codes[right[i] - 1]] & SPACE:
            right[i] -= 1
        if left[i] < right[i]:
            break
        alive[i] = False


@njit(cache=True)
def _dclm(codes, lowered, begin, end, first, facts, has_cuts, table, counted, cuts):  # type: ignore[no-untyped-def]
    docs = len(first) - 1
    out = np.zeros((8, docs), dtype=np.int64)
    left = begin.copy()
    right = end.copy()
    alive = np.ones(len(begin), dtype=np.bool_)
    cut_begin = np.empty(LONGEST_CUT_LINE, dtype=np.int64)
    cut_end = np.empty(LONGEST_CUT_LINE, dtype=np.int64)
    widest = 1
    for i in range(len(begin)):
        widest = max(widest, end[i] - begin[i])
    rest = np.empty(widest, dtype=codes.dtype)
    cut_words = np.empty(len(begin), dtype=np.int64)
    for d in range(docs):
        low, high = first[d], first[d + 1]
        lines = 0
        for i in range(low, high):
            out[6, d] += facts.tokens[i]
            lines += end[i] > begin[i]
        for step in (_UPPER, _DIGITS, _COUNTER, _SHORT):
            for i in range(low, high):
                size = right[i] - left[i]
                if not alive[i] or size == 0:
                    continue
                if step == _UPPER:
                    hit = facts.upper[i] / size > 0.5
                elif step == _DIGITS:
                    hit = facts.digits[i] / size > 0.999999
                elif step == _COUNTER:
                    hit = facts.digits[i] > 0 and is_counter(lowered, left[i], right[i], table, counted)
                else:
                    hit = facts.words[i] < 2
                alive[i] = not hit
                out[step, d] += hit
            _strip_text(codes, left, right, alive, low, high, table)
        out[_KEPT, d] = lines - out[_UPPER, d] - out[_DIGITS, d] - out[_COUNTER, d] - out[_SHORT, d]
        for i in range(low, high):
            cut_words[i] = -1
            if not alive[i] or not has_cuts[d] or facts.words[i] > LONGEST_CUT_LINE:
                continue
            n = _cuts(lowered, left[i], right[i], table, cuts, False, cut_begin, cut_end)
            if n == 0:
                continue
            out[_CUT, d] += 1
            out[_KEPT, d] -= 1
            size = np.int64(0)
            at = left[i]
            for k in range(n + 1):
                until = cut_begin[k] if k < n else right[i]
                for source in range(at, until):
                    rest[size] = codes[source]
                    size += 1
                at = cut_end[k] if k < n else until
            cut_words[i] = _fasttext_words(rest, 0, size, table)
            alive[i] = not _blank(rest, 0, size, table)
        _strip_text(codes, left, right, alive, low, high, table)
        for i in range(low, high):
            if not alive[i]:
                continue
            if cut_words[i] >= 0:
                out[7, d] += cut_words[i]
            elif left[i] != begin[i] or right[i] != end[i]:
                out[7, d] += _fasttext_words(codes, left[i], right[i], table)
            else:
                out[7, d] += facts.tokens[i]
    return out


@njit(cache=True)
def _olmo3(codes, lowered, begin, end, first, facts, has_cuts, words, table, counted, cuts):  # type: ignore[no-untyped-def]
    docs = len(first) - 1
    out = np.zeros((8, docs), dtype=np.int64)
    cut_begin = np.empty(MOST_CUTS, dtype=np.int64)
    cut_end = np.empty(MOST_CUTS, dtype=np.int64)
    for d in range(docs):
        word = words.first[d]
        out[6, d] = words.first[d + 1] - words.first[d]
        for i in range(first[d], first[d + 1]):
            a, b = begin[i], end[i]
            if a == b:
                continue
            from_word = word
            while word < words.first[d + 1] and words.begin[word] < b:
                word += 1
            if facts.upper[i] / facts.octets[i] > 0.5:
                out[_UPPER, d] += 1
            elif facts.octets[i] == b - a and facts.digits[i] / facts.octets[i] > 0.999999:
                out[_DIGITS, d] += 1
            elif facts.digits[i] > 0 and is_counter(lowered, a, b, table, counted):
                out[_COUNTER, d] += 1
            elif word - from_word < 2:
                out[_SHORT, d] += 1
            else:
                n = 0
                if has_cuts[d]:
                    n = _cuts(codes, a, b, table, cuts, True, cut_begin, cut_end)
                out[_CUT if n else _KEPT, d] += 1
                out[7, d] += word - from_word
                for k in range(n):
                    out[7, d] -= _words_lost(
                        codes, words.begin, words.end, from_word, word, cut_begin[k], cut_end[k], table
                    )
    return out


@helper
def _words_lost(codes, word_begin, word_end, low, high, a, b, table):  # type: ignore[no-untyped-def]
    """Words that a cut takes: those inside it; what is left of a word that sticks out counts if it holds a letter."""
    lost = 0
    for i in range(low, high):
        if word_begin[i] >= b or word_end[i] <= a:
            continue
        left = 0
        for part in range(2):
            low_at = word_begin[i] if part == 0 else max(b, word_begin[i])
            high_at = min(a, word_end[i]) if part == 0 else word_end[i]
            for at in range(low_at, high_at):
                if table[codes[at]] & ALNUM:
                    left += 1
                    break
        lost += 1 - left
    return lost
