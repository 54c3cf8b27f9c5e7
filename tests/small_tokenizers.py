"""A tokenizer of a few hundred tokens, learnt from literal text: for what only needs one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from train.tokenizer.tokenizer import Tokenizer
from train.tokenizer.train import train

TEXTS = (
    "The quick brown fox jumps over the lazy dog. " * 3,
    "def fox(dog):\n    if dog:\n        return dog + 1\n\n\ndef dog():\n    return fox(12345)\n",
    "Der schnelle braune Fuchs springt über den faulen Hund. 敏捷的棕色狐狸跳过懒狗。",
)


@cache
def small_tokenizer(vocab_size: int = 400, texts: Sequence[str] = TEXTS, digits: bool = True) -> Tokenizer:
    """Learnt from `texts`."""
    return train(texts, vocab_size, digits=digits)
