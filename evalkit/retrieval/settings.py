"""How a task's context is looked for in a corpus."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from evalkit.tasks.schema import Text
from workbench.recipes import Section

TEMPLATE = "{% for document in documents %}{{document.text}}\n\n{% endfor %}"


class Retrieve(Section):
    """For every item the `k` documents of a corpus run that fit best, before its question.

    corpus: a finished run of curate. by: BM25 over the run's search index, or the dot product of embeddings. model: a
    train run, checkpoint or Llama directory that embeds. chars: of each document, the passage around what was found.
    query: what is looked for, a template over an item's fields; null: the item's prompt without examples. template:
    how `documents` (each with `text`, `id`, `url`, best first) stand in the prompt.
    """

    corpus: str
    by: Literal["bm25", "embedding"] = "bm25"
    model: str | None = None
    k: int = Field(default=3, ge=1, le=100)
    chars: int = Field(default=2000, ge=50, le=100_000)
    query: Text | None = None
    template: Text = TEMPLATE

    @model_validator(mode="after")
    def _model(self) -> Self:
        if (self.by == "embedding") != (self.model is not None):
            raise ValueError("`by: embedding` needs `model`, and `by: bm25` takes none")
        return self
