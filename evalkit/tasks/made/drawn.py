"""Random choices that are a hash of what is chosen for, never the state of a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import xxhash

T = TypeVar("T")


class Drawn:
    """Choices for one item: the same seed, set, number and purpose give the same choice, in any order of asking."""

    def __init__(self, seed: int, name: str, number: int) -> None:
        self._key = f"{seed}|{name}|{number}|"

    def below(self, many: int, what: str) -> int:
        """A whole number from 0 up to, not including, `many`."""
        return int(xxhash.xxh3_64_intdigest((self._key + what).encode()) % many)

    def within(self, low: int, high: int, what: str) -> int:
        """A whole number from `low` to `high`."""
        return low + self.below(high - low + 1, what)

    def one(self, values: Sequence[T], what: str) -> T:
        """One of the values."""
        return values[self.below(len(values), what)]

    def some(self, values: Sequence[T], many: int, what: str) -> list[T]:
        """`many` different ones, in drawn order."""
        order = sorted(range(len(values)), key=lambda place: self.below(1 << 62, f"{what}|{place}"))
        return [values[place] for place in order[:many]]

    def placed(self, right: T, wrong: Sequence[T], what: str) -> tuple[list[T], int]:
        """The choices with the right one at a drawn place, and that place."""
        place = self.below(len(wrong) + 1, what)
        return [*wrong[:place], right, *wrong[place:]], place
