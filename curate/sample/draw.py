"""Chance without a counter: every draw is a hash of the seed and of what it is for, so no draw depends on another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import xxhash

T = TypeVar("T")


def number(below: int, seed: int, *what: object) -> int:
    """A number in [0, below)."""
    return xxhash.xxh3_64_intdigest("\x1f".join(map(str, (seed, *what))).encode()) % below


def one(options: Sequence[T], seed: int, *what: object) -> T:
    """One of `options`."""
    return options[number(len(options), seed, *what)]


def text(alphabet: str, length: int, seed: int, *what: object) -> str:
    """`length` characters of `alphabet`."""
    return "".join(alphabet[number(len(alphabet), seed, *what, place)] for place in range(length))


def order(count: int, seed: int, *what: object) -> list[int]:
    """The numbers below `count`, shuffled."""
    return sorted(range(count), key=lambda place: (number(1 << 62, seed, *what, place), place))
