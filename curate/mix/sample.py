"""Which documents: a keyed hash of each id against the epochs of its group, so that few move when a weight changes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import xxhash

Hashes = npt.NDArray[np.uint64]


def hashes(ids: Iterable[str], seed: int, what: str) -> Hashes:
    """One number of 64 bits for each id, that depends on the id, the seed and the purpose alone. [documents]"""
    prefix = f"{what}:".encode()
    return np.fromiter((xxhash.xxh3_64_intdigest(prefix + key.encode(), seed=seed) for key in ids), np.uint64)


def copies(epochs: npt.NDArray[np.float64], draws: Hashes) -> npt.NDArray[np.int64]:
    """How often each document is read: floor(epochs), and once more where its hash lies below the rest.

    More epochs never take a document away: raising a group's weight only adds documents of that group.
    """
    whole = np.floor(epochs)
    bound = ((epochs - whole) * 2.0**64).astype(np.uint64)  # the rest is below 1, so this is below 2^64
    return whole.astype(np.int64) + (draws < bound)


def by_phase(epochs: list[npt.NDArray[np.float64]], draws: Hashes) -> list[npt.NDArray[np.int64]]:
    """Copies in each of consecutive phases: what the epochs so far give, less what earlier phases have read.

    So a later phase goes on where the one before stopped, and repeats a document only when its group is used up.
    epochs: for each phase, of each document.
    """
    so_far = np.zeros(len(draws))
    before = np.zeros(len(draws), np.int64)
    found = []
    for phase in epochs:
        so_far = so_far + phase
        now = copies(so_far, draws)
        found.append(now - before)
        before = now
    return found
