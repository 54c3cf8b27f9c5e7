"""What every language identifier gives, and how one is chosen."""

from __future__ import annotations

from typing import NamedTuple, Protocol

BUILTIN = "builtin"
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

    @property
    def digest(self) -> str:
        """Names the model: two identifiers with one digest give one answer."""

    def identify(self, texts: list[str]) -> list[Language]:
        """One answer a text, in order."""


def identifier(model: str = BUILTIN) -> Identifier:
    """The built-in identifier, or a fastText model (lid.176.bin, lid.176.ftz, GlotLID) by its path.

    Raises UserError: exit 4 for a model that is not there or is none, 6 when fastText is not installed.
    """
    if model == BUILTIN:
        from curate.language.naive_bayes import NaiveBayes

        return NaiveBayes()
    from curate.language.fasttext_model import FastText

    return FastText(model)


def prefix(text: str, chars: int) -> str:
    """The part of a text that is looked at: its first `chars` characters, without a last word cut in two."""
    if len(text) <= chars:
        return text
    cut = max(text.rfind(" ", 0, chars), text.rfind("\n", 0, chars))
    return text[: cut if cut > chars // 2 else chars]


def has_letters(text: str) -> bool:
    """Whether there is anything to identify."""
    return any(char.isalpha() for char in text)
