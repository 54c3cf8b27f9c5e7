"""What a recipe may say to an engine."""

from __future__ import annotations

from typing import Literal, NamedTuple

Favor = Literal["precision", "balanced", "recall"]
FAVORS: tuple[Favor, ...] = ("precision", "balanced", "recall")
BUILTIN = "builtin"


class EngineSettings(NamedTuple):
    """What is favoured where blocks are doubtful, and the file of a model; only the engine winnow knows of either."""

    favor: Favor = "balanced"
    model: str = BUILTIN
