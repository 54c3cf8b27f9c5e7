"""The index of items: every n-gram of every part in one open-addressed table, with the places where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.contamination.match_tokens import importances, tokens
from curate.segment import Segments
from curate.segment.kernels import helper
from curate.segment.types import Ids, Offsets

_BASE = np.uint64(0xD1342543DE82EF95)  # multiplier of the rolling hash (Steele and Vigna 2021)
_FILTER_BITS = 16  # of the filter for each n-gram of the table


class Part(NamedTuple):
    """A text of an item that is looked for: which item, and what of it."""

    item: int
    kind: str  # question | answer
    text: str


class Index(NamedTuple):
    """Arrays only, so that workers can share it as files. A gram is a distinct n-gram; grams are numbered."""

    keys: NDArray[np.uint64]  # [slots] hash of the gram, 0 where the slot is empty
    grams: NDArray[np.int32]  # [slots] its number
    filter: NDArray[np.uint64]  # bits by hash: most words of a document are refused here, in the cache
    first_place: NDArray[np.int64]  # [grams + 1] its places are place_*[first_place[g]:first_place[g + 1]]
    place_part: NDArray[np.int32]  # [places]
    place_token: NDArray[np.int32]  # [places] token of the part
    items_with: NDArray[np.int32]  # [grams] distinct items that hold the gram
    part_item: NDArray[np.int64]  # [parts]
    first_token: NDArray[np.int64]  # [parts + 1]
    ids: NDArray[np.uint64]  # [tokens of all parts]
    begin: NDArray[np.int64]  # [tokens] code points of the part's text
    end: NDArray[np.int64]  # [tokens]
    importance: NDArray[np.float32]  # [tokens]
    token_gram: NDArray[np.int32]  # [tokens] the gram that begins here, -1 where none does
    ngram: NDArray[np.int64]  # [1]

    @property
    def n(self) -> int:
        """Tokens of a gram."""
        return int(self.ngram[0])

    @property
    def gram_count(self) -> int:
        """Number of distinct n-grams."""
        return len(self.items_with)

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.part_item)

    def distinct_grams(self) -> NDArray[np.int64]:
        """Different n-grams of each part, int64[parts]."""
        return _distinct(self.token_gram, self.first_token, self.gram_count)

    def save(self, directory: Path) -> None:
        """One `.npy` file for each array."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, array in self._asdict().items():
            np.save(directory / f"{name}.npy", array)

    @classmethod
    def load(cls, directory: Path) -> Index:
        """Mapped into memory, so that workers on one machine share the pages."""
        return cls(*(np.asarray(np.load(directory / f"{name}.npy", mmap_mode="c")) for name in cls._fields))


def build(parts: Sequence[Part], kind: str, ngram: int) -> Index:
    """Index the parts' n-grams; `kind` names the tokens (see `match_tokens`). Shorter parts have tokens but no gram."""
    segments = Segments([part.text for part in parts])
    found = tokens(segments, kind)
    hashes, starts = grams_of(found.ids, found.first, ngram)
    order = np.argsort(hashes, kind="stable")  # by gram, the places of each in the order of the parts
    ascending = hashes[order]
    new = np.concatenate([[True], ascending[1:] != ascending[:-1]])[: len(hashes)]
    distinct = ascending[new]
    first_place = np.append(np.flatnonzero(new), len(hashes))
    token_gram = np.full(len(found.ids), -1, dtype=np.int32)
    token_gram[starts[order]] = np.cumsum(new) - 1
    part_of_token = np.repeat(np.arange(len(parts), dtype=np.int64), np.diff(found.first))
    part_item = np.array([part.item for part in parts], dtype=np.int64)
    part_of_gram = part_of_token[starts]
    bits = max(10, (2 * len(distinct)).bit_length())
    keys, grams = _table(distinct, np.uint64(bits))
    base = np.repeat(segments.text.first[:-1], np.diff(found.first))
    return Index(
        keys=keys,
        grams=grams,
        filter=_filter(distinct, np.uint64(max(10, (_FILTER_BITS * len(distinct)).bit_length()))),
        first_place=first_place,
        place_part=part_of_gram[order].astype(np.int32),
        place_token=(starts - found.first[part_of_gram])[order].astype(np.int32),
        items_with=_items_with(token_gram, found.first, part_item, len(distinct)),
        part_item=part_item,
        first_token=found.first,
        ids=found.ids,
        begin=found.begin - base,
        end=found.end - base,
        importance=importances(segments.text.codes, found.begin, found.end),
        token_gram=token_gram,
        ngram=np.array([ngram], dtype=np.int64),
    )


@njit(cache=True)
def grams_of(ids: Ids, first: Offsets, n: int) -> tuple[Ids, Offsets]:
    """Hash of every n-gram that lies within one text, and the token where it begins."""
    count = 0
    for d in range(len(first) - 1):
        count += max(0, first[d + 1] - first[d] - n + 1)
    hashes = np.empty(count, dtype=np.uint64)
    starts = np.empty(count, dtype=np.int64)
    top = power(n)
    at = 0
    for d in range(len(first) - 1):
        state = np.uint64(0)
        for i in range(first[d], first[d + 1]):
            state = state * _BASE + ids[i]
            begin = i - n + 1
            if begin >= first[d]:
                hashes[at] = mixed(state)
                starts[at] = begin
                at += 1
                state -= ids[begin] * top
    return hashes, starts


@njit(cache=True)
def _distinct(token_gram: NDArray[np.int32], first: Offsets, grams: int) -> NDArray[np.int64]:
    out = np.zeros(len(first) - 1, dtype=np.int64)
    last = np.full(grams, -1, dtype=np.int64)
    for part in range(len(first) - 1):
        for i in range(first[part], first[part + 1]):
            gram = token_gram[i]
            if gram >= 0 and last[gram] != part:
                last[gram] = part
                out[part] += 1
    return out


@njit(cache=True)
def _items_with(
    token_gram: NDArray[np.int32], first: Offsets, part_item: NDArray[np.int64], grams: int
) -> NDArray[np.int32]:
    """In how many items each gram stands; the parts of an item follow each other."""
    out = np.zeros(grams, dtype=np.int32)
    last = np.full(grams, -1, dtype=np.int64)
    for part in range(len(first) - 1):
        for i in range(first[part], first[part + 1]):
            gram = token_gram[i]
            if gram >= 0 and last[gram] != part_item[part]:
                last[gram] = part_item[part]
                out[gram] += 1
    return out


@helper
def power(n):  # type: ignore[no-untyped-def]
    """What the first id of an n-gram has been multiplied by."""
    top = np.uint64(1)
    for _ in range(n - 1):
        top *= _BASE
    return top


@helper
def rolled(state, id):  # type: ignore[no-untyped-def]
    """The polynomial with one id more."""
    return state * _BASE + id


@helper
def mixed(state):  # type: ignore[no-untyped-def]
    """The closing rounds of SplitMix64; never 0, which marks an empty slot."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state if state != 0 else np.uint64(1)


@njit(cache=True)
def _table(hashes: Ids, bits: np.uint64) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    slots = np.int64(1) << np.int64(bits)
    keys = np.zeros(slots, dtype=np.uint64)
    grams = np.zeros(slots, dtype=np.int32)
    for gram in range(len(hashes)):
        slot = np.int64(hashes[gram] >> (np.uint64(64) - bits))
        while keys[slot]:
            slot = (slot + 1) & (slots - 1)
        keys[slot] = hashes[gram]
        grams[slot] = gram
    return keys, grams


@njit(cache=True)
def _filter(hashes: Ids, bits: np.uint64) -> NDArray[np.uint64]:
    words = np.zeros((np.int64(1) << np.int64(bits)) >> 6, dtype=np.uint64)
    mask = np.uint64((np.int64(1) << np.int64(bits)) - 1)
    for i in range(len(hashes)):
        bit = hashes[i] & mask  # the low bits: the table takes the high ones
        words[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
    return words
