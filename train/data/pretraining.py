"""Token shards as the parts and phases of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from train.data.mixture import Mixture, Part, Phase
from train.data.packing import Ints
from train.data.tokens import Tokens
from workbench.errors import Exit, UserError, did_you_mean


class Texts:
    """Documents of token shards as a packer's content.

    A document of n tokens fills n - 1 positions: each holds a token and its next one as label. So every token but the
    first is a label once, also over a cut, and no position is spent on the last token, which predicts nothing.
    """

    whole = False

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.lengths: Ints = np.maximum(tokens.lengths - 1, 0)

    def piece(self, doc: int, start: int, length: int) -> tuple[npt.ArrayLike, npt.ArrayLike]:
        """Tokens and labels of some positions. [length] each"""
        text = self._tokens.read(doc, start, start + length + 1)
        return text[:-1], text[1:]

    def labels(self, doc: Ints, length: Ints) -> Ints:
        """Each position has a label."""
        return length

    def name(self, doc: int) -> str:
        """The document's id in its dataset."""
        return self._tokens.ids[doc]


def parts(tokens: Tokens, *, split: str = "train", at_least: int = 0) -> dict[str, Part]:
    """The documents of each part, those with fewer than `at_least` tokens left out.

    Where a mix has several phases, a part is one of a phase, `phase/part`, with the documents and copies of that phase.
    """
    content = Texts(tokens)
    found = {}
    for column, phase in enumerate(tokens.phases):
        for name in tokens.parts:
            documents = tokens.split(split, name)
            copies = tokens.copies[documents, column].astype(np.int64)
            wanted = (copies > 0) & (tokens.lengths[documents] >= max(at_least, 2))
            if wanted.any():
                key = name if len(tokens.phases) == 1 else f"{phase}/{name}"
                found[key] = Part(content, documents[wanted], copies[wanted])
    if not found:
        message = f"{tokens.run.path} has no document to read in split '{split}'"
        hint = f"documents of {at_least} tokens or more were asked for" if at_least else "prepare more data"
        raise UserError(message, hint=hint, code=Exit.USAGE)
    return found


def phases(
    tokens: Tokens,
    parts: Mapping[str, Part],
    *,
    rows: int,
    width: int,
    steps: int | None = None,
    weights: Mapping[str, float] | None = None,
    only: Sequence[str] = (),
) -> list[Phase]:
    """The schedule that the data suggest: the phases of a mix in their order, else one phase.

    Weights are the tokens that are there, copies counted (or `weights` by part, which is for data of one phase), and
    the steps read them once; with `steps`, the phases are made longer or shorter to that sum. only: phases by name.
    """
    for name in only:
        if name not in tokens.phases:
            raise UserError(f"the data have no phase '{name}'", hint=did_you_mean(name, tokens.phases))
    names = [phase for phase in tokens.phases if not only or phase in only]
    if weights is not None and len(tokens.phases) > 1:
        hint = "leave the weights out, or change the mix"
        raise UserError("the data are a mix whose phases have weights of their own", hint=hint)
    shares = []
    for phase in names:
        mine = {key: part for key, part in parts.items() if len(tokens.phases) == 1 or key.startswith(f"{phase}/")}
        shares.append({key: float(_tokens(part)) for key, part in mine.items()})
    asked = np.array([sum(share.values()) / (rows * width) for share in shares])
    ends = np.cumsum(asked) if steps is None else np.cumsum(asked) / asked.sum() * steps
    lengths = np.diff(np.floor(ends + 1e-9).astype(np.int64), prepend=0)
    if steps is None:
        lengths = np.maximum(lengths, 1)
    return [
        Phase(name, int(length), weights or share)
        for name, length, share in zip(names, lengths, shares, strict=True)
        if share
    ]


def pretraining(
    tokens: Tokens,
    *,
    rows: int,
    micro: int,
    width: int,
    seed: int,
    steps: int | None = None,
    weights: Mapping[str, float] | None = None,
    only: Sequence[str] = (),
    at_least: int = 0,
) -> Mixture:
    """The source of pretraining, annealing and longer contexts (`at_least`): `parts` in their `phases`."""
    found = parts(tokens, at_least=at_least)
    schedule = phases(tokens, found, rows=rows, width=width, steps=steps, weights=weights, only=only)
    return Mixture(found, schedule, rows=rows, micro=micro, width=width, seed=seed)


def _tokens(part: Part) -> int:
    lengths = part.content.lengths[part.documents]
    return int((lengths if part.copies is None else lengths * part.copies).sum())
