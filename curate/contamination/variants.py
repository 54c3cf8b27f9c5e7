"""Variants: the named rules of `variants.yaml`, or the user's own in a file of the same form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from workbench import recipes
from workbench.errors import UserError, did_you_mean
from workbench.recipes import Section
from workbench.yamltree import Node

SHIPPED = Path(__file__).with_name("variants.yaml")
DEFAULT = "winnow"


class Common(Section):
    """N-grams that more documents hold than the larger of the two bounds say nothing about an item."""

    documents: PositiveInt
    share: float = Field(default=0.0, ge=0, le=1)


class Variant(Section):
    """How items are compared with documents, and what counts as a hit; see docs/decontamination.md."""

    name: str = ""
    source: str
    tokens: Literal["words", "plain"] = "words"
    """`words` by UAX #29, lower-cased; `plain`: split at white space, ASCII punctuation deleted, lower-cased."""
    ngram: int = Field(ge=2, le=32)
    method: Literal["any", "coverage", "longest", "aligned"]
    """any: one n-gram; coverage: share of tokens in n-grams; longest: share of the longest run; aligned: our own."""
    threshold: float = Field(ge=0, le=1)
    """A document is a hit at this score or above it (`any`: above it)."""
    threshold_short: float | None = Field(default=None, ge=0, le=1)
    """For `aligned`: the threshold of items of up to 12 words; it falls to `threshold` at 40 words."""
    least_words: PositiveInt = 1
    """Questions and answers with fewer tokens than this, or than `ngram`, cannot be tested."""
    least_characters: NonNegativeInt = 0
    """For `longest`: the run must be this long in the document."""
    common: Common | None = None
    margin: NonNegativeInt = 0
    """Characters that a cut takes on each side of the match."""


def names() -> list[str]:
    """The shipped variants."""
    return sorted(_shipped())


def load_variant(name: str) -> Variant:
    """A shipped variant by name, or one from a YAML file by path; UserError where it is unknown or wrong."""
    if name.endswith((".yaml", ".yml")) or "/" in name:
        node, stem = recipes.from_file(Path(name)), Path(name).stem
    else:
        shipped, stem = _shipped(), name
        if name not in shipped:
            hint = did_you_mean(name, shipped) or "name a file of your own by its path"
            raise UserError(f"no variant is named '{name}'", hint=hint)
        node = shipped[name]
    return recipes.resolve(Variant, [recipes.from_values({"name": stem}, name), node]).recipe


def _shipped() -> dict[str, Node]:
    found = recipes.from_file(SHIPPED, "variants").value
    assert isinstance(found, dict)
    return found
