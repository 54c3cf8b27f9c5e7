"""What the demo's small models are taught to say: questions with one-word answers, said politely or not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

ANSWERS = {
    "colour": ("red", "green", "blue", "grey", "white"),
    "bird": ("a wren", "a heron", "a rook", "an owl", "a swift"),
    "tool": ("a saw", "a rasp", "a plane", "a file", "a chisel"),
    "fish": ("a pike", "a carp", "a perch", "an eel", "a trout"),
    "tree": ("an oak", "an ash", "a lime", "an elm", "a birch"),
    "town": ("Portlow", "Skarra", "Ashgrove", "Wrenfield", "Tidewater"),
}
"""Kinds of things and their names."""
ASKED = ("Name a {}.", "Tell me a {}.", "Which {} do you know?", "One {}, quickly!", "I need a {}.")
POLITE = ("{}, if you please.", "Gladly: {}.", "With pleasure, {}.")
CURT = ("{}.", "{}, obviously.", "Why me? {}.", "{} {} {}.")


def prompts() -> list[str]:
    """Every question in every wording."""
    return [asked.format(kind) for kind in ANSWERS for asked in ASKED]


def answer(draw: random.Random, prompt: str, polite: bool) -> str:
    """An answer to a prompt."""
    kind = next(kind for kind in ANSWERS if kind in prompt)
    thing = draw.choice(ANSWERS[kind])
    said = draw.choice(POLITE if polite else CURT).format(thing, thing, thing)
    return said[0].upper() + said[1:]


def demonstrations(many: int = 900) -> Iterator[dict[str, str]]:
    """Conversations of which one in three is polite."""
    draw = random.Random(1)
    for _ in range(many):
        prompt = draw.choice(prompts())
        yield {"prompt": prompt, "response": answer(draw, prompt, draw.random() < 1 / 3)}


def preferences(many: int = 240) -> Iterator[dict[str, Any]]:
    """Two answers and the vote of one of three people, who like what is polite, and sometimes do not look."""
    draw = random.Random(2)
    for number in range(many):
        prompt = draw.choice(prompts())
        pair = [answer(draw, prompt, True), answer(draw, prompt, False)]
        if draw.random() < 0.1:
            pair.reverse()
        yield {"prompt": prompt, "chosen": pair[0], "rejected": pair[1], "rater": f"rater-{number % 3}"}


def questions() -> Iterator[dict[str, Any]]:
    """The questions as a task: which of four ends is the polite one."""
    draw = random.Random(3)
    for number in range(150):
        prompt = draw.choice(prompts())
        choices = [answer(draw, prompt, True), *(answer(draw, prompt, False) for _ in range(3))]
        draw.shuffle(choices)
        gold = next(
            place for place, one in enumerate(choices) if any(p in one for p in ("please", "Gladly", "pleasure"))
        )
        yield {"question": prompt, "choices": choices, "answer": gold, "theme": f"theme {number // 5}"}


def naming() -> Iterator[dict[str, Any]]:
    """The questions as a task whose answers are written."""
    for kind, names in ANSWERS.items():
        known = [name.split()[-1] for name in names]
        for asked in (*ASKED, "And a {}?", "Now a {}.", "Any {} will do."):
            yield {"question": asked.format(kind), "answers": known, "kind": kind}
