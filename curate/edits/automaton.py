"""Many phrases in one pass: an Aho-Corasick automaton over lower-cased code points (Aho and Corasick, CACM 18, 1975).

It only rings: a rule looks closer, with its own regular expression, where one of its phrases occurs. So the cost of a
page does not grow with the number of phrases, and pages without any of them cost one table look-up a character.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment import Spans, Text, classes
from curate.segment.tables import SIZE


class Automaton(NamedTuple):
    """Transition tables: `step[state, symbol[code]]` is the next state, 0 the start."""

    symbol: NDArray[np.uint16]  # [code points] number of the (lower-cased) character, 0 for those in no phrase
    step: NDArray[np.uint16]  # [states, symbols]
    rings: NDArray[np.uint64]  # [states] bits of the phrases that end here


class Hits(NamedTuple):
    """What was heard: bits per line, and the places of the phrases that are wanted one by one."""

    lines: NDArray[np.uint64]  # [lines] every bit that rang within the line
    doc: NDArray[np.int64]  # [places]
    end: NDArray[np.int64]  # [places] offset in the document behind the last character of the phrase
    bits: NDArray[np.uint64]  # [places]


def build(phrases: Iterable[tuple[str, int]]) -> Automaton:
    """An automaton of (phrase, bit number below 64) pairs. Phrases are matched in lower case, anywhere."""
    lower = classes().lower
    words = [([int(lower[ord(char)]) for char in phrase], bit) for phrase, bit in phrases]
    alphabet = {code: number for number, code in enumerate(sorted({code for word, _ in words for code in word}), 1)}
    own = np.zeros(SIZE, dtype=np.uint16)
    own[list(alphabet)] = list(alphabet.values())
    tree: list[dict[int, int]] = [{}]
    rings = [0]
    for word, bit in words:
        state = 0
        for code in word:
            state = tree[state].setdefault(alphabet[code], len(tree))
            if state == len(tree):
                tree.append({})
                rings.append(0)
        rings[state] |= 1 << bit
    assert len(tree) < 1 << 16
    step = np.zeros((len(tree), len(alphabet) + 1), dtype=np.uint16)
    fall = [0] * len(tree)
    queue = deque([0])
    while queue:
        state = queue.popleft()
        if state:
            step[state] = step[fall[state]]
        for symbol, child in tree[state].items():
            fall[child] = int(step[state, symbol])
            rings[child] |= rings[fall[child]]
            step[state, symbol] = child
            queue.append(child)
    return Automaton(own[lower], step, np.array(rings, dtype=np.uint64))


def listen(text: Text, lines: Spans, automaton: Automaton, placed: int) -> Hits:
    """Run the automaton over a batch. Bits in `placed` are reported place by place, the others per line only."""
    return Hits(*_listen(text.codes, text.first, lines.begin, lines.first, *automaton, np.uint64(placed)))


@njit(cache=True)
def _listen(codes, first, line_begin, line_first, symbol, step, rings, placed):  # type: ignore[no-untyped-def]
    heard = np.zeros(len(line_begin), dtype=np.uint64)
    room = 64
    doc = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    bits = np.empty(room, dtype=np.uint64)
    n = 0
    for d in range(len(first) - 1):
        line = line_first[d]
        last = line_first[d + 1] - 1
        state = np.uint16(0)
        for at in range(first[d], first[d + 1]):
            state = step[state, symbol[codes[at]]]
            ring = rings[state]
            if ring == 0:
                continue
            while line < last and at >= line_begin[line + 1]:
                line += 1
            heard[line] |= ring
            if ring & placed:
                if n == room:
                    room *= 2
                    doc = _grown(doc, room)
                    end = _grown(end, room)
                    bits = _grown(bits, room)
                doc[n] = d
                end[n] = at + 1 - first[d]
                bits[n] = ring & placed
                n += 1
    return heard, doc[:n].copy(), end[:n].copy(), bits[:n].copy()


@njit(cache=True)
def _grown(array, room):  # type: ignore[no-untyped-def]
    wider = np.empty(room, dtype=array.dtype)
    wider[: len(array)] = array
    return wider
