"""Sums, differences and products in four sizes, with wrong answers that are near the right one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalkit.tasks.made.drawn import Drawn

LEVELS = ("one digit", "two digits", "three digits", "product")


def rows(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`question` such as `47 + 38 =`, four `choices`, `gold`, and the `level`; the levels by turns."""
    for number in range(count):
        drawn, level = Drawn(seed, "arithmetic", number), LEVELS[number % len(LEVELS)]
        if level == "product":
            a, b = drawn.within(2, 12, "a"), drawn.within(2, 12, "b")
            sign, right = "*", a * b
            near = [right - a, right + a, right - b, right + b, right + 1, right - 1, right + 10]
        else:
            low, high = {"one digit": (1, 9), "two digits": (10, 99), "three digits": (100, 999)}[level]
            a, b = drawn.within(low, high, "a"), drawn.within(low, high, "b")
            sign = drawn.one("+-", "sign")
            a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
            right = a + b if sign == "+" else a - b
            near = [right + 1, right - 1, right + 2, right - 2, right + 10, right - 10, right + 9, right + 11]
        wrong = sorted({value for value in near if value >= 0 and value != right})
        choices, gold = drawn.placed(right, drawn.some(wrong, 3, "wrong"), "place")
        question = f"{a} {sign} {b} ="
        yield {"question": question, "choices": [str(value) for value in choices], "gold": gold, "level": level}
