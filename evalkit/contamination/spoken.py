"""Conversations that a checkpoint was fine-tuned on, read again as its training read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evalkit.models.types import Floats
from train.data.packing import Ints
from train.stages.adapted import Base
from train.stages.run import read_stage
from train.stages.settings import Sft
from train.stages.sft import Read, read
from train.tokenizer.tokenizer import Tokenizer
from workbench.errors import Exit, UserError
from workbench.runs import Run

KIND = "train.sft"


@dataclass(frozen=True)
class Spoken:
    """A stage of fine-tuning, up to the step of the checkpoint. seen: by set, as `Mixture.seen` tells it.

    Documents are the conversations of all sets, one set after another, as they were cut to the context.
    """

    run: Run
    step: int
    data: Read
    tokenizer: Tokenizer
    seen: Mapping[str, Mapping[str, float]]

    @property
    def digest(self) -> str:
        """Of all that there was to read."""
        return self.data.loaded.digest()

    @property
    def lengths(self) -> Ints:
        """Tokens of each conversation."""
        return np.concatenate([each.lengths for each in self.data.loaded.sets.values()])

    def documents(self) -> Ints:
        """The numbers of those that training could read; what is held out is not among them."""
        return np.concatenate([first + self.data.kept[name][0] for name, first in self._first().items()])

    def name(self, document: int) -> str:
        """The name of its row: its id, or file and line."""
        source, number = self._place(document)
        return self.data.loaded.sets[source].name(number)

    def source(self, document: int) -> str:
        """The set that it belongs to."""
        return self._place(document)[0]

    def told(self) -> dict[str, Any]:
        """Where the conversations come from: the sets, by their names."""
        return {"tokens": None, "datasets": list(self.data.loaded.sets)}

    def text(self) -> Callable[[int], str]:
        """What makes a conversation text again, without the template's special tokens."""

        def decoded(document: int) -> str:
            source, number = self._place(document)
            examples = self.data.loaded.sets[source]
            ids, _ = examples.piece(number, 0, int(examples.lengths[number]))
            return self.tokenizer.decode(np.asarray(ids).tolist())

        return decoded

    def reads(self) -> Floats:
        """How often each conversation was read, float64 [conversations]: the tokens that were read of its set by those
        that are there. Below 1, the training ended before it came by every one."""
        found = np.zeros(len(self.lengths))
        for name, first in self._first().items():
            learned = self.data.kept[name][0]
            there = float(self.data.loaded.sets[name].lengths[learned].sum())
            found[first + learned] = self.seen.get(name, {}).get("tokens", 0.0) / there
        return found

    def _first(self) -> dict[str, int]:
        """By set, the number of its first conversation."""
        found, at = {}, 0
        for name, each in self.data.loaded.sets.items():
            found[name] = at
            at += len(each)
        return found

    def _place(self, document: int) -> tuple[str, int]:
        return next((name, document - at) for name, at in reversed(self._first().items()) if document >= at)


def reading(run: Run, step: int, recipe: Mapping[str, Any], root: Path) -> Spoken:
    """What a finished run of `train sft` read until a step.

    UserError (exit 4) where its files are gone, or are not what they were.
    """
    known, stage = Sft.model_validate(recipe), read_stage(run.path)
    start = Base(known.checkpoint, root)
    base = Path(stage.get("folder", ""))
    try:
        data = read(known, start.tokenizer, start.width(known.context), base=base)
    except UserError as error:
        message = f"the conversations that {run.path} read cannot be read again: {error.message}"
        raise UserError(message, hint="put them back where they were", code=Exit.INPUT, file=error.file) from None
    if data.loaded.digest() != _digest(run.path):
        hint = "put back the files that it was trained on; its manifest has their digests"
        raise UserError(f"the conversations that {run.path} read have changed since", hint=hint, code=Exit.INPUT)
    seen = stage["seen"] if step == stage["steps"] else data.source.seen(step)
    return Spoken(run, step, data, start.tokenizer, seen)


def _digest(run: Path) -> str | None:
    """Of the data, as the run's recipe has it."""
    try:
        found = yaml.safe_load((run / "recipe.yaml").read_text("utf-8"))["sources"]["data"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None
    return str(found)
