"""The recipe's `decontaminate`: benchmark items looked for in a run, and what is done where one stands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from workbench.recipes import Section


class Decontaminate(Section):
    """Benchmark items looked for in the documents of the run; see docs/decontamination.md."""

    items: list[str] = Field(default_factory=list)
    """Files or folders of benchmark items, one item a row; without any, nothing is looked for."""
    variant: str = "winnow"
    """How items are compared: winnow, gpt3, llama3, longest, or a YAML file of your own."""
    question: str | None = None
    """Field that holds the question (default: guessed)."""
    answer: str | None = None
    """Field that holds the answer (default: guessed)."""
    remove: Literal["none", "document", "span"] = "none"
    """none: report only; document: drop documents that hold an item; span: cut the item out of them."""
    limit: float | None = Field(default=None, ge=0, le=1)
    """A gate of a run that removes nothing: no larger share of a suite's items may be found."""

    @model_validator(mode="after")
    def _items_for_what_is_asked(self) -> Self:
        if not self.items and (self.remove != "none" or self.limit is not None):
            raise ValueError("names no items to look for (items)")
        return self

    @property
    def enabled(self) -> bool:
        """Whether items are named."""
        return bool(self.items)

    @property
    def drops(self) -> bool:
        """Whether documents can be dropped for what they hold; of a cut one, too little may be left."""
        return self.enabled and self.remove != "none"

    @property
    def rule(self) -> str:
        """The rule that decisions name."""
        return f"contamination.{Path(self.variant).stem if self.variant.endswith(('.yaml', '.yml')) else self.variant}"

    def reads(self, path: str) -> bool:
        """Whether a file that the run read, named as its manifest does, holds items."""
        return any(path == item or Path(path).is_relative_to(item) for item in self.items)
