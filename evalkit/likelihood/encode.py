"""Pairs of context and continuation as tokens, cut where lm-eval 0.4.13 cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Vocabulary(Protocol):
    """What is asked of a tokenizer here; `train.tokenizer.tokenizer.Tokenizer` is one."""

    @property
    def bos(self) -> int | None: ...
    @property
    def eos(self) -> int | None: ...
    @property
    def template(self) -> object: ...
    @property
    def frame(self) -> tuple[list[int], list[int]]: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...
    def encode_starts(self, text: str) -> tuple[list[int], list[int]]: ...


class Coder:
    """A tokenizer, and what stands before and after every text that it encodes.

    bos: whether a text begins with the begin-of-text token. None is the tokenizer's own way: what its files put
    around a text, as transformers does; a tokenizer made here writes no such thing down, and its models have seen the
    token before every document, so there None is True. prefix: the token that stands for nothing having been said:
    begin of text, else end of text, None where there is neither.
    """

    def __init__(self, tokenizer: Vocabulary, bos: bool | None = None) -> None:
        self.tokenizer = tokenizer
        self.prefix = tokenizer.eos if tokenizer.bos is None else tokenizer.bos
        before, after = tokenizer.frame
        if bos is None:
            bos = tokenizer.template is not None and not before
            self.before, self.after = before, after
        else:
            self.before, self.after = [], []
        if bos and tokenizer.bos is not None:
            self.before = [tokenizer.bos]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, with what stands before and after it."""
        return [self.before + ids + self.after for ids in self.tokenizer.encode_batch(texts)]


class Encoded(NamedTuple):
    """Tokens of a context and of the continuation that is scored. cut: tokens of the context that were left out."""

    context: list[int]
    continuation: list[int]
    cut: int = 0


def encode_pairs(coder: Coder, pairs: Sequence[tuple[str, str]], positions: int | None) -> list[Encoded | str]:
    """The tokens of every pair, or why it cannot be scored.

    As lm-eval does it (`api/model.py`, `_encode_pair` and `loglikelihood`): white space at the end of a context moves
    to the continuation; the whole is encoded and cut at the length of the encoded context. After an empty context the
    continuation stands behind `prefix`, which is not doubled where it begins with it. What does not fit into so many
    positions is left out at the beginning of the context.
    """
    moved = [_moved(*pair) for pair in pairs]
    contexts = list(dict.fromkeys(context for context, _ in moved))
    known = dict(zip(contexts, coder.encode(contexts), strict=True))
    wholes = coder.encode([context + continuation for context, continuation in moved])
    bare = iter(coder.tokenizer.encode_batch([continuation for context, continuation in moved if not context]))
    found: list[Encoded | str] = []
    for (context, _), whole in zip(moved, wholes, strict=True):
        if context:
            before = known[context]
            parts = before, whole[len(before) :]
        else:
            parts = [] if coder.prefix is None else [coder.prefix], next(bare)
            if parts[0] == parts[1][:1]:
                parts = parts[1][:1], parts[1][1:]
        found.append(_fitted(*parts, positions))
    return found


def _moved(context: str, continuation: str) -> tuple[str, str]:
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation


def _fitted(context: list[int], continuation: list[int], positions: int | None) -> Encoded | str:
    if not continuation:
        return "the continuation adds no token"
    if not context:
        return "nothing stands before the continuation: the tokenizer has no token that begins or ends a text"
    # The last token is only foretold: it takes no position.
    room = len(context) if positions is None else positions + 1 - len(continuation)
    if room < 1:
        return f"the continuation has {len(continuation):,} tokens, the context of the model {positions:,}"
    cut = max(len(context) - room, 0)
    return Encoded(context[cut:], continuation, cut)
