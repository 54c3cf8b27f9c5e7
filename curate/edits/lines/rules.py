"""The line rules that a profile turns on."""

from __future__ import annotations

from functools import cache

from curate.edits.config import LineRules
from curate.edits.lines import winnow
from curate.edits.lines.named import named
from curate.edits.lines.rule import Rule


@cache
def rules(config: LineRules) -> tuple[Rule, ...]:
    """The rules that are on, in the order in which they are asked; built once per process."""
    on: list[Rule] = []
    for option in LineRules.model_fields:
        variant = getattr(config, option)
        if variant == "winnow":
            on += winnow.RULES[option]()
        elif variant != "off" and option != "whitespace":
            on.append(named(option, variant))
    return tuple(on)
