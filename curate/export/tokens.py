"""Tokens as the trainer will count them: by a `tokenizer.json`; without one, the run's estimate under another name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.manifest import Input
from workbench.parts import require

COUNTED = "tokens"
ESTIMATED = "tokens_estimated"


class Counter:
    """Counts the tokens of texts, without special tokens, truncation or padding.

    Raises UserError (exit 4) where the file is missing or no tokenizer, (exit 6) without the library `tokenizers`.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"no tokenizer at {path}", hint="name a tokenizer.json", code=Exit.INPUT)
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
