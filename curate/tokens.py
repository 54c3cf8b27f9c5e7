"""Tokens as the trainer will count them, by a `tokenizer.json`; without one, an estimate, never called a count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.manifest import Input
from workbench.parts import require

if TYPE_CHECKING:
    from curate.recipe import Settings

COUNTED = "tokens"
ESTIMATED = "tokens_estimated"
# Measures of a run: what it counted of each text that it stores, where it names a tokenizer, and the estimate.
COLUMN = "tokens.counted"
ESTIMATE_COLUMN = "text.tokens"
DIGEST = "tokenizer"


class Counter:
    """Counts the tokens of texts, without special tokens, truncation or padding.

    Raises UserError (exit 4) where the file is missing, no tokenizer, or not the one that `digest` names, (exit 6)
    without the library `tokenizers`.
    """

    def __init__(self, path: Path, digest: str | None = None) -> None:
        if not path.is_file():
            raise UserError(f"no tokenizer at {path}", hint="name a tokenizer.json", code=Exit.INPUT)
        if digest is not None and sha256(path) != digest:
            message = f"{path} is not the tokenizer that the run counted with"
            raise UserError(message, hint="bring the file back, or make the run again", code=Exit.INPUT)
        library: Any = require("tokenizers")
        try:
            self._tokenizer = library.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            message = f"{path} is no tokenizer: {error}"
            raise UserError(message, hint="name a tokenizer.json as Hugging Face writes it", code=Exit.INPUT) from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""
        return [len(one.ids) for one in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def as_input(path: Path) -> Input:
    """The tokenizer as the manifest names it."""
    return Input(path=path.name, bytes=path.stat().st_size, digest=sha256(path))


def counter(settings: Settings) -> Callable[[Sequence[str]], Sequence[int]]:
    """What counts the tokens of texts in a run: its tokenizer, else the estimate. Raises UserError as `Counter`."""
    if settings.tokenizer is not None:
        return Counter(Path(settings.tokenizer), settings.digests.get(DIGEST)).count
    return estimate


def estimate(texts: Sequence[str]) -> list[int]:
    """The measure `text.tokens` of texts."""
    from curate.measures import Batch
    from curate.measures.text import tokens
    from curate.segment import Segments

    own, nothing = list(texts), [None] * len(texts)
    found: list[int] = tokens(Batch(Segments(own), own, [*nothing], [*nothing], [*nothing])).tolist()
    return found


def column(measures: Collection[str]) -> str:
    """Which of a run's measures holds its tokens."""
    return COLUMN if COLUMN in measures else ESTIMATE_COLUMN


def label(tokenizer: str | None, what: str = "tokens") -> str:
    """`tokens (estimate)`, or `tokens (tokenizer.json)`: no number of tokens is shown without who counted it."""
    return f"{what} ({'estimate' if tokenizer is None else Path(tokenizer).name})"
