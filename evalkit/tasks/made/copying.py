"""Lists of words said again: what comes next is decided by the list alone, and every wrong answer stands in it too.

To go on right, a model has to find where it is in the list (Olsson et al. 2022, arXiv 2209.11895, on induction heads);
longer lists and a question from the middle are harder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalkit.tasks.made.drawn import Drawn

WORDS = (
    "river", "stone", "lamp", "garden", "bread", "window", "horse", "paper", "silver", "winter", "bridge", "apple",
    "cloud", "table", "music", "forest", "candle", "letter", "island", "mirror", "bottle", "market", "basket",
    "tower", "finger", "button", "castle", "pepper", "spoon", "ladder", "carpet", "engine", "hammer", "rabbit",
    "pocket", "blanket", "kitchen", "shadow", "thunder", "ribbon", "needle", "feather", "barrel", "orange",
    "saddle", "cotton", "marble", "violin",
)  # fmt: skip
LEVELS = {"four words": 4, "eight words": 8, "twelve words": 12, "backwards": 4}


def rows(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`question`, four `choices` of the list, `gold`, and the `level`; the levels by turns."""
    names = list(LEVELS)
    for number in range(count):
        drawn, level = Drawn(seed, "copying", number), names[number % len(names)]
        said = drawn.some(WORDS, LEVELS[level], "words")
        again = said[::-1] if level == "backwards" else said
        place = drawn.within(1, len(said) - 1, "place")
        how = "backwards" if level == "backwards" else "again"
        question = f"List: {' '.join(said)}\nThe list {how}: {' '.join(again[:place])}"
        wrong = drawn.some([word for word in said if word != again[place]], 3, "wrong")
        choices, gold = drawn.placed(again[place], wrong, "gold")
        yield {"question": question, "choices": choices, "gold": gold, "level": level}
