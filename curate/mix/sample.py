"""Which documents: a keyed hash of each id against the epochs of its group, so that few move when a weight changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from curate.mix.weights import Floats

Hashes = npt.NDArray[np.uint64]

_HALVINGS = 54  # to the last bit of a share


def hashes(ids: Iterable[str], seed: int, what: str) -> Hashes:
    """One number of 64 bits for each id, that depends on the id, the seed and the purpose alone. [documents]"""
    prefix = f"{what}:".encode()
    return np.fromiter((xxhash.xxh3_64_intdigest(prefix + key.encode(), seed=seed) for key in ids), np.uint64)


def copies(epochs: Floats, draws: Hashes) -> npt.NDArray[np.int64]:
    """How often each document is read: floor(epochs), and once more where its hash lies below the rest.

    More epochs never take a document away: raising a group's weight only adds documents of that group.
    """
    whole = np.floor(epochs)
    bound = ((epochs - whole) * 2.0**64).astype(np.uint64)  # the rest is below 1, so this is below 2^64
    return whole.astype(np.int64) + (draws < bound)


class Ask(NamedTuple):
    """What one phase wants: the group of each document (-1: none) [documents], and of each group tokens that are
    there and tokens that are wanted [groups]."""

    member: npt.NDArray[np.int64]
    available: Floats
    wanted: Floats


class Drawn(NamedTuple):
    """What it gets: how often each document is read [documents], and by which epochs of each group [groups]."""

    copies: npt.NDArray[np.int64]
    epochs: Floats


def by_phase(asks: Sequence[Ask], tokens: npt.NDArray[np.int64], draws: Hashes) -> list[Drawn]:
    """Copies in each of consecutive phases: what the epochs so far give, less what earlier phases have read.

    So a later phase goes on where the one before stopped, and repeats a document only when its group is used up.
    """
    so_far = np.zeros(len(draws))
    before = np.zeros(len(draws), np.int64)
    found = []
    for ask in asks:
        epochs = _nearest(ask, so_far, before, tokens, draws)
        so_far = so_far + _of_documents(epochs, ask.member)
        now = copies(so_far, draws)
        found.append(Drawn(now - before, epochs))
        before = now
    return found


def _nearest(
    ask: Ask, so_far: Floats, before: npt.NDArray[np.int64], tokens: npt.NDArray[np.int64], draws: Hashes
) -> Floats:
    """The epochs of each group whose documents hold the number of tokens nearest to what is wanted. [groups]

    Few long documents of a small group can be far from the share of documents that its epochs say, so the share is
    moved to where the tokens are right; more wanted tokens still only add documents. Found by bisection between the
    whole numbers of epochs around it.
    """
    inside = ask.member >= 0
    member = ask.member[inside]

    def taken(epochs: Floats) -> Floats:
        now = copies(so_far[inside] + epochs[member], draws[inside]) - before[inside]
        sums = np.bincount(member, weights=(now * tokens[inside]).astype(np.float64), minlength=len(epochs))
        return np.asarray(sums, np.float64)

    there = ask.available > 0
    asked = np.divide(ask.wanted, ask.available, out=np.zeros_like(ask.wanted), where=there)
    low = np.floor(asked)
    high = np.where(asked > low, low + 1, low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        over = taken(middle) > ask.wanted
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    best = asked
    for other in (low, high):
        nearer = np.abs(taken(other) - ask.wanted) < np.abs(taken(best) - ask.wanted)
        best = np.where(nearer, other, best)
    return best


def _of_documents(epochs: Floats, member: npt.NDArray[np.int64]) -> Floats:
    return np.where(member >= 0, epochs[member], 0.0)
