"""Many words looked for at once: a trie in flat arrays, walked by a kernel from every place where a word may begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.characters import bits
from curate.measures.kernels import U
from curate.segment import Text, classes
from curate.segment.kernels import helper
from curate.segment.tables import ALNUM

MOST_LISTS = 32
# Languages whose words stand without spaces between them.
UNSPACED = frozenset({"ja", "zh", "th", "lo", "km", "my"})
_CODE_BITS = 21
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_FREE = np.uint64(0xFFFFFFFFFFFFFFFF)


class Trie(NamedTuple):
    """Words of several lists under several roots (one a language); an edge is a hash slot of (node, code point)."""

    edges: NDArray[np.uint64]  # [slots] node << 21 | code point
    child: NDArray[np.int32]  # [slots]
    lists: NDArray[np.uint32]  # [nodes] bit per list that has the word ending here
    heads: NDArray[np.bool_]  # [2, 65536] whether any word begins with two, with three code points of this hash
    roots: dict[str, int]
    regular: bool  # whether every word begins with a letter or a digit


def build(roots: Mapping[str, Sequence[Iterable[str]]]) -> Trie:
    """A trie of lower-cased words: for each root its lists of words, at most 32 lists."""
    children: dict[int, int] = {}
    lists: list[int] = []
    numbers: dict[str, int] = {}
    regular = True
    heads = np.zeros((2, 1 << 16), dtype=np.bool_)
    lower = classes().lower
    for root, words_of in roots.items():
        assert len(words_of) <= MOST_LISTS
        numbers[root] = len(lists)
        lists.append(0)
        for bit, words in enumerate(words_of):
            for word in words:
                codes = lower[np.frombuffer(word.encode("utf-32-le", "surrogatepass"), dtype="<u4")].tolist()
                if not codes:
                    continue
                regular &= bool(bits()[codes[0]] & ALNUM)
                if len(codes) >= 3:
                    heads[1, _pair(_pair(codes[0], codes[1]), codes[2])] = True
                elif len(codes) == 2:
                    heads[0, _pair(codes[0], codes[1])] = True
                else:
                    heads[0] = True  # any other character may follow
                node = numbers[root]
                for code in codes:
                    edge = node << _CODE_BITS | code
                    node = children.setdefault(edge, len(lists))
                    if node == len(lists):
                        lists.append(0)
                lists[node] |= 1 << bit
    size = 16
    while size < 2 * len(children):
        size *= 2
    edges = np.full(size, _FREE, dtype=np.uint64)
    child = np.zeros(size, dtype=np.int32)
    _insert(
        edges,
        child,
        np.fromiter(children.keys(), dtype=np.uint64, count=len(children)),
        np.fromiter(children.values(), dtype=np.int32, count=len(children)),
    )
    return Trie(edges, child, np.array(lists, dtype=np.uint32), heads, numbers, regular)


def count(trie: Trie, text: Text, lowered: NDArray[np.uint32], roots: NDArray[np.int64], separated: NDArray[np.bool_],
          starts: NDArray[np.int64], lists: int) -> NDArray[np.int64]:  # fmt: skip
    r"""Places of each document where a word of each list stands, int64[lists, docs].

    `roots` and `separated` have one entry a document: the node to start from, and whether words stand between `\W` or
    the ends of the text (Python's `\W`), as C4 has it, or anywhere, for scripts without spaces. `starts` are the places
    where runs of letters and digits begin. A place counts once a list.
    """
    starts = starts if trie.regular else np.arange(len(text.codes))
    return _count(lowered, text.first, roots, separated, starts, *trie[:4], bits(), lists)


@helper
def _home(edge, mask):  # type: ignore[no-untyped-def]  # a kernel
    """The slot where the search for an edge begins."""
    return np.int64((edge * _SPREAD) >> np.uint64(20)) & mask


@njit(cache=True)
def _insert(edges, child, keys, values):  # type: ignore[no-untyped-def]  # a kernel
    mask = np.int64(len(edges) - 1)
    for k in range(len(keys)):
        at = _home(keys[k], mask)
        while edges[at] != _FREE:
            at = (at + 1) & mask
        edges[at] = keys[k]
        child[at] = values[k]


@helper
def _pair(first, second):  # type: ignore[no-untyped-def]  # a kernel
    """16 bits that two code points share with few other pairs."""
    return (first * 257 + second) & 0xFFFF


@helper
def _word_character(code, bit):  # type: ignore[no-untyped-def]  # a kernel
    return code == 95 or (bit & ALNUM) != 0


@njit(cache=True)
def _count(lowered, first, roots, separated, starts, edges, child, lists_at, heads, table, lists):  # type: ignore[no-untyped-def]
    docs = len(first) - 1
    out = np.zeros((lists, docs), dtype=np.int64)
    mask = np.int64(len(edges) - 1)
    k = 0
    for d in range(docs):
        stop = first[d + 1]
        while k < len(starts) and starts[k] < first[d]:
            k += 1
        start = first[d] - 1
        while True:
            if separated[d]:
                if k == len(starts) or starts[k] >= stop:
                    break
                start = starts[k]
                k += 1
                before = lowered[U(start - 1)] if start > first[d] else np.uint32(32)
                if _word_character(before, table[before]):
                    continue
            else:
                start += 1
                if start >= stop:
                    break
            two = _pair(lowered[U(start)], lowered[U(start + 1)] if start + 1 < stop else 0)
            if not (heads[0, U(two)] or heads[1, U(_pair(two, lowered[U(start + 2)] if start + 2 < stop else 0))]):
                continue
            node = roots[d]
            found = np.uint32(0)
            for at in range(start, stop):
                edge = (np.uint64(node) << np.uint64(_CODE_BITS)) | np.uint64(lowered[at])
                slot = _home(edge, mask)
                while edges[slot] != edge and edges[slot] != _FREE:
                    slot = (slot + 1) & mask
                if edges[slot] == _FREE:
                    break
                node = np.int64(child[slot])
                ends = lists_at[node]
                if ends and (
                    not separated[d] or at + 1 == stop or not _word_character(lowered[at + 1], table[lowered[at + 1]])
                ):
                    found |= ends
            for row in range(lists):
                out[row, d] += (found >> np.uint32(row)) & np.uint32(1)
    return out
