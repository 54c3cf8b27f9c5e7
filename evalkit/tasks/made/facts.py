"""What the pages of the embedded sample say: a model that was trained on them can know it, others may guess."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from evalkit.tasks.made.drawn import Drawn
from workbench import yamltree


@cache
def facts() -> list[dict[str, Any]]:
    """The facts as they are written down: `page`, `question`, `right`, `wrong`."""
    text = resources.files("evalkit.tasks.made").joinpath("facts.yaml").read_text("utf-8")
    found: list[dict[str, Any]] = yamltree.parse(text, "facts.yaml").plain()["facts"]
    return found


def rows(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`question`, four `choices`, `gold` and the `page`; at most as many as there are facts, in drawn order."""
    known = facts()
    order = Drawn(seed, "facts", -1).some(range(len(known)), len(known), "order")
    for number, place in enumerate(order[:count]):
        fact, drawn = known[place], Drawn(seed, "facts", place)
        choices, gold = drawn.placed(str(fact["right"]), [str(each) for each in fact["wrong"]], f"gold|{number}")
        yield {"question": fact["question"], "choices": choices, "gold": gold, "page": fact["page"]}
