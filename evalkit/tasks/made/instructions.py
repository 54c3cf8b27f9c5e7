"""Instructions with rules that a program can check, one to three of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from evalkit.tasks.made.drawn import Drawn

_SUBJECTS = (
    "the sea in winter", "a small bakery", "how to mend a bicycle tyre", "a walk through an old town", "the moon",
    "why bread rises", "a letter to a neighbour", "the life of a honeybee", "how a lighthouse works", "a train journey",
    "a garden in spring", "learning to swim", "a rainy market day", "the history of the pencil", "keeping a diary",
    "how to make tea", "a lost umbrella", "the first day at school", "mountains", "an evening without electricity",
)  # fmt: skip
_WORDS = ("river", "window", "slowly", "yellow", "together", "morning", "paper", "quiet", "always", "stone")
_BANNED = ("very", "because", "important", "beautiful", "people", "time")
Rule = tuple[str, dict[str, Any]]
"""How a rule is said, and how it is checked."""


def _words(drawn: Drawn) -> Rule:
    if drawn.below(2, "least or most"):
        least = drawn.one((30, 50, 80, 120), "least")
        return f"Use at least {least} words.", {"rule": "words", "least": least}
    most = drawn.one((15, 25, 40, 60), "most")
    return f"Use at most {most} words.", {"rule": "words", "most": most}


def _contains(drawn: Drawn) -> Rule:
    texts = drawn.some(_WORDS, drawn.within(1, 2, "many"), "texts")
    said = " and ".join(f'"{text}"' for text in texts)
    return f"Use the word{'s' if len(texts) > 1 else ''} {said}.", {"rule": "contains", "texts": texts}


def _without(drawn: Drawn) -> Rule:
    text = drawn.one(_BANNED, "text")
    return f'Do not use the word "{text}".', {"rule": "without", "texts": [text]}


def _bullets(drawn: Drawn) -> Rule:
    many = drawn.within(2, 6, "many")
    said = f"Answer with exactly {many} bullet points, each on a line that begins with a hyphen."
    return said, {"rule": "bullets", "least": many, "most": many}


def _paragraphs(drawn: Drawn) -> Rule:
    many = drawn.within(2, 4, "many")
    said = f"Write exactly {many} paragraphs with an empty line between them."
    return said, {"rule": "paragraphs", "least": many, "most": many}


def _ends(drawn: Drawn) -> Rule:
    text = drawn.one(("That is all.", "Thank you.", "The end.", "Any questions?"), "text")
    return f'End with exactly this: "{text}"', {"rule": "ends", "text": text}


def _starts(drawn: Drawn) -> Rule:
    text = drawn.one(("Dear reader", "Imagine", "Long ago", "First"), "text")
    return f'Begin with exactly this: "{text}"', {"rule": "starts", "text": text}


_FORM: tuple[Callable[[Drawn], Rule], ...] = (_bullets, _paragraphs)
_WORDING: tuple[Callable[[Drawn], Rule], ...] = (
    _contains,
    _without,
    lambda drawn: ("Write in lower case only.", {"rule": "lower"}),
    lambda drawn: ("Write in capital letters only.", {"rule": "upper"}),
    lambda drawn: ("Do not use any commas.", {"rule": "no-commas"}),
    lambda drawn: ("Give it a title in double angle brackets, such as <<title>>.", {"rule": "title"}),
)
_EDGES: tuple[Callable[[Drawn], Rule], ...] = (_words, _ends, _starts)
_CASED = {"lower", "upper"}


def rows(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`prompt`, and `rules` as `evalkit.tasks.rules` checks them; one to three, of different families."""
    for number in range(count):
        drawn = Drawn(seed, "instructions", number)
        families = drawn.some((_FORM, _WORDING, _EDGES), 1 + number % 3, "families")
        rules = [drawn.one(family, f"rule {place}")(drawn) for place, family in enumerate(families)]
        if any(rule["rule"] in _CASED for _, rule in rules):
            # A beginning or an end in capitals would contradict a text without any.
            rules = [each for each in rules if each[1]["rule"] not in ("starts", "ends")]
        asked = " ".join([f"Write about {drawn.one(_SUBJECTS, 'subject')}.", *(said for said, _ in rules)])
        yield {"prompt": asked, "rules": [rule for _, rule in rules], "level": str(len(rules))}
