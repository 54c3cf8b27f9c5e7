"""What the stages on plain text share: tokens, mixtures, what is held out, and the n-gram models printed beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train import ngram
from train.data import pretraining
from train.data.mixture import Mixture, Phase
from train.data.prepare import ensure
from train.data.tokens import KIND, Tokens
from train.evaluate import measured_documents
from train.stages.settings import PhaseSettings, Text
from train.tokenizer.tokenizer import Tokenizer
from workbench import registry
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.runs import Run

BASELINE_TOKENS = 20_000_000
"""With more training tokens than this, no n-gram model is fitted beside a training."""


def open_tokens(text: Text, tokenizer: Tokenizer | None, root: Path, jobs: int, listener: Listener) -> Tokens:
    """The tokens of a recipe's text: prepared before, or now, as a run under `root`."""
    if not text.source:
        raise UserError("no data are named", hint="name a dataset run, a file or a folder with --data")
    tokens = ensure(text.source, tokenizer, root, text.prepare, jobs=jobs, listener=listener)
    for problem in tokens.verify():
        raise UserError(problem, hint="make the tokens again with --force", code=Exit.INPUT)
    return tokens


def is_prepared(source: str, root: Path) -> bool:
    """Whether a dataset's name is that of token shards, which know their tokenizer."""
    if Path(source).exists() and not registry.is_run(Path(source)):
        return False
    return Run.open(registry.find(source, root), root).started.kind == KIND


def mixture(
    tokens: Tokens, text: Text, *, rows: int, micro: int, width: int, seed: int, steps: int, at_least: int = 0
) -> Mixture:
    """The rows of a recipe's text; phases by hand take their share of the steps each."""
    if not text.phases:
        weights = text.weights or None
        return pretraining.pretraining(
            tokens, rows=rows, micro=micro, width=width, seed=seed, steps=steps, weights=weights, at_least=at_least
        )
    if len(tokens.phases) > 1:
        hint = "leave them out of the recipe, or change the mix"
        raise UserError("the data are a mix with phases of its own, and the recipe names phases too", hint=hint)
    parts = pretraining.parts(tokens, at_least=at_least)
    natural = pretraining.phases(tokens, parts, rows=rows, width=width, steps=steps)[0].weights
    phases = [
        Phase(each.name, count, each.weights or text.weights or natural)
        for each, count in zip(text.phases, _divided(text.phases, steps), strict=True)
    ]
    return Mixture(parts, phases, rows=rows, micro=micro, width=width, seed=seed)


def _divided(phases: Sequence[PhaseSettings], steps: int) -> list[int]:
    ends = np.cumsum([each.share for each in phases])
    counts = np.diff(np.round(ends / ends[-1] * steps).astype(np.int64), prepend=0)
    if counts.min() < 1:
        name = phases[int(counts.argmin())].name
        raise UserError(f"phase '{name}' is shorter than a step", hint="give it a larger share, or train longer")
    return [int(count) for count in counts]


@dataclass(frozen=True)
class Documents:
    """Some documents of a corpus and what they are in bytes."""

    tokens: Tokens
    numbers: npt.NDArray[np.int64]

    @property
    def bytes(self) -> int:
        """Of their texts in UTF-8."""
        return int(self.tokens.bytes[self.numbers].sum())

    def flat(self) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.int64]]:
        """All tokens, and where each document begins (and the last ends)."""
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.tokens.lengths[self.numbers])])
        pieces = [self.tokens.read(int(number)) for number in self.numbers]
        return np.concatenate([np.zeros(0, np.int32), *pieces]), first


def baselines(tokens: Tokens, orders: Sequence[int]) -> dict[int, float]:
    """Held-out bits per byte of n-gram models fitted to the training documents, each read once; none for large data."""
    held_in = Documents(tokens, tokens.split("train"))
    numbers = [measured_documents(tokens, part) for part in tokens.parts]
    out = Documents(tokens, np.sort(np.concatenate([np.zeros(0, np.int64), *numbers])))
    size = int(tokens.lengths[held_in.numbers].sum())
    if not size or size > BASELINE_TOKENS or not out.bytes:
        return {}
    return ngram.bits_per_byte(held_in.flat(), out.flat(), out.bytes, tokens.vocab_size, orders)
