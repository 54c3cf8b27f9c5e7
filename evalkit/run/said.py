"""A row of `items` in few words: what was asked, what was said, what would have been right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.visible import one_line

_WIDTH = 60


def answer(item: Mapping[str, Any]) -> str:
    """What a model took or said: a choice, the answer that was extracted, or the text."""
    if item["predicted"] is not None and item["choices"]:
        return str(item["choices"][item["predicted"]])
    return str(item["extracted"] if item["extracted"] is not None else (item["outputs"] or [""])[0])


def right_answer(item: Mapping[str, Any]) -> str:
    """The right choices or texts."""
    gold = [item["choices"][place] for place in item["gold"] or []] if item["choices"] else []
    return " | ".join(gold or item["answers"] or [])


def question(item: Mapping[str, Any]) -> str:
    """The end of the prompt: its last block, before which the examples stand."""
    prompts = item["prompts"] or [""]
    return str(prompts[0]).rstrip().rsplit("\n\n", 1)[-1]


def short(text: str) -> str:
    """The beginning and the end of a text, on one line that is safe to print."""
    line = one_line(text)
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH // 2 - 2]} ... {line[-(_WIDTH // 2 - 3) :]}"
