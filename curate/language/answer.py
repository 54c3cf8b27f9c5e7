"""What every language identifier gives, and the part of a text that it looks at."""

from __future__ import annotations

from typing import NamedTuple, Protocol

UNKNOWN = "und"


class Language(NamedTuple):
    """The most likely language (ISO 639-1 where it exists, else 639-3; `und` for a text without letters) and the next.

    Scores are the model's probabilities; those of different models are not comparable.
    """

    lang: str
    score: float
    runner_up: str
    runner_up_score: float


NONE = Language(UNKNOWN, 0.0, UNKNOWN, 0.0)


class Identifier(Protocol):
    """Identifies texts one by one: the answer for a text depends on nothing else."""

    languages: frozenset[str]
    """The codes it can answer, without `und`."""

    def identify(self, texts: list[str]) -> list[Language]:
        """One answer a text, in order."""


def prefix(text: str, chars: int) -> str:
    """The part of a text that is looked at: its first `chars` characters, without a last word cut in two."""
    if len(text) <= chars:
        return text
    cut = max(text.rfind(" ", 0, chars), text.rfind("\n", 0, chars))
    return text[: cut if cut > chars // 2 else chars]


def has_letters(text: str) -> bool:
    """Whether there is anything to identify."""
    return any(char.isalpha() for char in text)
