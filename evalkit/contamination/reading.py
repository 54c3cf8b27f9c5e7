"""What a checkpoint has read: token shards and conversations, and how often its training came by each document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from curate.contamination.scan import Shard
from evalkit.contamination import spoken
from evalkit.contamination.record import units
from evalkit.contamination.spoken import Spoken
from evalkit.models.types import Floats
from train.data import pretraining
from train.data.packing import Ints
from train.data.tokens import KIND, Tokens
from train.model.build import read_config
from train.open import checkpoint_directory
from train.stages import text
from train.stages.run import read_stage
from train.stages.settings import Anneal, Extend, Pretrain
from workbench import registry
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.runs import Run
from workbench.units import Report, Unit, Work, fingerprint

RECIPES: Mapping[str, type[Pretrain | Anneal | Extend]] = {
    "train.pretrain": Pretrain,
    "train.anneal": Anneal,
    "train.extend": Extend,
}
"""The stages that read documents."""
_UNIT_TOKENS = 4_000_000
_TEXTS = "texts.parquet"


@dataclass(frozen=True)
class Reading:
    """A stage, up to the step of the checkpoint. seen: by part, as `Mixture.seen` tells it."""

    run: Run
    step: int
    tokens: Tokens
    seen: Mapping[str, Mapping[str, float]]
    at_least: int = 0

    @property
    def digest(self) -> str:
        """Of all that there was to read."""
        return self.tokens.digest

    @property
    def lengths(self) -> Ints:
        """Tokens of each document."""
        return np.asarray(self.tokens.lengths, np.int64)

    def documents(self) -> Ints:
        """The numbers of those that training could read; what is held out is not among them."""
        return self.tokens.split("train")

    def name(self, document: int) -> str:
        """A document's id."""
        return self.tokens.ids[document]

    def source(self, document: int) -> str:
        """The part of the data that it belongs to."""
        return self.tokens.parts[int(self.tokens.part[document])]

    def told(self) -> dict[str, Any]:
        """Where the documents come from."""
        parents = [parent.id for parent in self.tokens.run.started.parents]
        return {"tokens": self.tokens.run.id, "datasets": parents}

    def text(self) -> Callable[[int], str]:
        """What makes a document text again."""
        tokenizer, frame = self.tokens.tokenizer(), {self.tokens.bos, self.tokens.eos} - {None}

        def decoded(document: int) -> str:
            ids = self.tokens.read(document).tolist()
            begin = 1 if ids and ids[0] in frame else 0
            end = len(ids) - 1 if len(ids) > begin and ids[-1] in frame else len(ids)
            return tokenizer.decode(ids[begin:end], skip_special=False)

        return decoded

    def reads(self) -> Floats:
        """How often each document was read, float64 [documents]: the tokens that were read of its part by those that
        are there, times its copies in the mix. Below 1, the training ended before it came by every document."""
        found = np.zeros(len(self.tokens.lengths))
        for name, part in pretraining.parts(self.tokens, at_least=self.at_least).items():
            lengths = np.asarray(part.content.lengths)[part.documents]
            copies = np.ones(len(lengths)) if part.copies is None else part.copies
            read = self.seen.get(name, {}).get("tokens", 0.0)
            found[part.documents] += copies * read / float((lengths * copies).sum())
        return found


@dataclass
class Past:
    """All stages of a checkpoint, the last first. unread: those that are not searched, since their data are not
    documents or conversations, or are gone."""

    readings: list[Reading | Spoken] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def past(model: str, root: Path, *, best: bool = False) -> Past:
    """Where the weights come from: the checkpoint that `model` means, the one that it began from, and so on.

    UserError (exit 4) where the model is no checkpoint of a run, or its training cannot be followed.
    """
    found = Past()
    directory: Path | None = checkpoint_directory(model, root, best=best)
    while directory is not None:
        here = directory.resolve()
        path = next((place for place in (here, *list(here.parents)[:2]) if registry.is_run(place)), None)
        if path is None:
            if found.readings or found.unread:
                found.unread.append(f"{directory}: no run made it")
                break
            hint = "name a train run or one of its checkpoints; `evalkit contamination membership` needs no run"
            raise UserError(f"no run made {directory}: what it read is not known", hint=hint, code=Exit.INPUT)
        run = Run.open(path, root)
        recipe = _recipe(path)
        if run.started.kind in RECIPES:
            found.readings.append(_reading(run, directory, recipe, root))
        elif run.started.kind == spoken.KIND:
            try:
                found.readings.append(spoken.reading(run, _step(run, directory), recipe, root))
            except UserError as error:
                found.unread.append(f"{run.id} ({run.started.kind}): {error.message}")
        else:
            found.unread.append(f"{run.id} ({run.started.kind})")
        before = recipe.get("checkpoint") or None
        directory = checkpoint_directory(str(before), root) if before else None
    if not found.readings:
        hint = "; ".join(found.unread) or "name a pretrained model"
        raise UserError(f"no stage of {model} has read documents or conversations", hint=hint, code=Exit.INPUT)
    return found


def _recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load((path / "recipe.yaml").read_text("utf-8"))["recipe"]
        assert isinstance(recipe, dict)
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AssertionError):
        raise UserError(f"the recipe of {path} cannot be read", hint="is it a train run?", code=Exit.INPUT) from None
    return recipe


def _reading(run: Run, checkpoint: Path, recipe: Mapping[str, Any], root: Path) -> Reading:
    above = registry.lineage(run.path, root)
    made_of = [one for one in above if one.depth == 1 and one.kind == KIND and one.path is not None]
    if not made_of or made_of[0].path is None:
        raise UserError(f"the tokens that {run.path} read are gone", hint="keep the run under --root", code=Exit.INPUT)
    tokens = Tokens.open(made_of[0].path, root)
    stage, known = read_stage(run.path), RECIPES[run.started.kind].model_validate(recipe)
    at_least = (known.shortest or known.context // 2) if isinstance(known, Extend) else 0
    step = _step(run, checkpoint)
    seen = stage["seen"]
    if step != stage["steps"]:
        rows = round(sum(part["rows"] for part in seen.values()) / stage["steps"])
        width = read_config(checkpoint).max_positions
        mixed = text.mixture(
            tokens, known.text, rows=rows, micro=rows, width=width, seed=known.seed, steps=stage["steps"],
            at_least=at_least,
        )  # fmt: skip
        seen = mixed.seen(step)
    return Reading(run, step, tokens, seen, at_least)


def _step(run: Run, checkpoint: Path) -> int:
    """The step of a checkpoint of a run."""
    if not run.is_finished:
        raise UserError(f"{run.path} is not finished", hint="let its command finish", code=Exit.INPUT)
    last = int(read_stage(run.path)["steps"])
    return int(checkpoint.name.removeprefix("step-")) if checkpoint.name.startswith("step-") else last


def texts(readings: Sequence[Reading | Spoken], scratch: Path, tell: Listener) -> list[Shard]:
    """The documents that training could read, as text again, with the id `reading:document`; what is held out is not
    among them."""
    wanted = []
    for number, reading in enumerate(readings):
        documents = reading.documents()
        ends = np.cumsum(reading.lengths[documents])
        cuts = np.searchsorted(ends, np.arange(_UNIT_TOKENS, ends.max(initial=0) + 1, _UNIT_TOKENS)) + 1
        bounds = sorted({0, *cuts.tolist(), len(documents)})
        for begin, end in pairwise(bounds):
            key = fingerprint(step="texts/1", tokens=reading.digest, reading=number, begin=begin, end=end)
            wanted.append(Unit(key, {"reading": number, "begin": begin, "end": end}))
    done = units(f"{__name__}:decode", wanted, scratch, {"readings": list(readings)}, tell)
    return [Shard(one.directory / _TEXTS, one.unit.fingerprint, (one.result or {})["records"]) for one in done]


@contextmanager
def decode(setup: dict[str, Any]) -> Iterator[Work]:
    """The step that makes texts of tokens; `readings` are handed over as they are, in this process."""
    import polars as pl

    readings: list[Reading | Spoken] = setup["readings"]
    decoders = [reading.text() for reading in readings]

    def work(payload: dict[str, Any], out: Path, progress: Report) -> dict[str, Any]:
        number = payload["reading"]
        documents = readings[number].documents()[payload["begin"] : payload["end"]].tolist()
        rows = []
        for place, document in enumerate(documents):
            rows.append((f"{number}:{document}", decoders[number](document)))
            if place % 256 == 0:
                progress(place / len(documents), records=place)
        frame_of = pl.DataFrame(rows, {"id": pl.String, "text": pl.String}, orient="row")
        frame_of.write_parquet(out / _TEXTS)
        return {"records": frame_of.height}

    yield work
