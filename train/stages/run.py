"""A stage put on the loop and written as a run: everything that all stages do alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import xxhash
import yaml
from torch import nn

from train.checkpoint import Form, WholeModel
from train.distributed import World
from train.evaluate import Evaluation
from train.generate import Sampler
from train.loop import LoopSettings, Outcome, Trainer
from train.model.build import write_config
from train.model.config import ModelConfig
from train.sampler import Params
from train.stages.card import write_card
from train.stages.settings import Training
from train.step import Term
from train.tokenizer.tokenizer import Tokenizer
from workbench.console import Screen
from workbench.errors import Exit, UserError
from workbench.events import Event
from workbench.files import write_text
from workbench.manifest import Input
from workbench.runs import Run
from workbench.tables import read_tables
from workbench.yamltree import dump

STAGE = "stage.json"
SAMPLE_TOKENS = 96
_LAST_STEPS = 20
_LOOP = (
    *("seed", "optim", "precision", "compile", "checkpointing", "guard", "guard_limit", "save_every", "keep"),
    *("evaluate_every", "sample_every"),
)


class Where(NamedTuple):
    """Where a run is written, and whether one that is there is gone on with or replaced."""

    root: Path
    out: Path | None = None
    resume: bool = True
    force: bool = False
    jobs: int = 1


@dataclass
class Stage:
    """What a stage brings to the loop.

    kind: of the run. sources: digests of the data and of whatever else the weights hang on. parents, inputs: what the
    manifest names. model: makes it. samples: prompts as tokens, with what people see of them. form: how the model lies
    in a checkpoint, given what writes the other files there. notes: figures for `stage.json` and the card that are
    known before; after: those known in the end. seen: what so many steps read, by part. prepare: makes, in the run's
    directory and before the model, what the terms read there; every process calls it, and what is whole already stays.
    rehearsal: terms that cost the same and need nothing prepared, for a forecast; rehearsed: what a step of them is, in
    words. beside: bytes of other models in memory, by what they are, and effort: arithmetic for a token that is read,
    as a multiple of what training the model with it takes, both for a forecast. unit: what the loss is a mean over.
    """

    kind: str
    recipe: Training
    sources: Mapping[str, str]
    parents: Sequence[Run]
    model: Callable[[], nn.Module]
    config: ModelConfig
    tokenizer: Tokenizer
    terms: Sequence[Term]
    steps: int
    inputs: Sequence[Input] = ()
    evaluation: Evaluation | None = None
    samples: Sequence[tuple[str, list[int]]] = ()
    form: Callable[[Callable[[Path], None]], Form] = WholeModel
    notes: Mapping[str, Any] = field(default_factory=dict)
    after: Callable[[Outcome], Mapping[str, Any]] = lambda outcome: {}
    seen: Callable[[int], Mapping[str, Mapping[str, float]]] = lambda steps: {}
    prepare: Callable[[Path, World], None] = lambda path, world: None
    rehearsal: Sequence[Term] = ()
    rehearsed: str = ""
    beside: Mapping[str, int] = field(default_factory=dict)
    effort: float = 1.0
    unit: str = "token"


class Trained(NamedTuple):
    """A finished run; `was_done` where it stood there before. data: what `stage.json` holds."""

    run: Run
    was_done: bool
    data: dict[str, Any]


def train(stage: Stage, world: World, where: Where, screen: Screen) -> Trained:
    """Make the run of a stage, or go on with it; every process of the world calls this."""
    text = dump({"recipe": stage.recipe.model_dump(mode="json"), "sources": dict(stage.sources)})
    made: list[Run] = []

    def create() -> list[Any]:
        made.append(_create(stage, text, where))
        return [str(made[0].path), made[0].is_finished]

    path, is_finished = world.once(create)
    if is_finished:
        return Trained(Run.open(path, where.root), True, read_stage(Path(path)))
    if not made:
        _loop(stage, text, world, Path(path), None, screen)
        return Trained(Run.open(path, where.root), False, {})
    run, began = made[0], time.monotonic()
    with run:
        screen.attach(run.path)
        outcome = _loop(stage, text, world, run.path, run, screen)
        data = _told(stage, outcome, run.path)
        write_text(run.path / STAGE, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        write_card(run.path, data)
        run.finish(
            counts={"steps": outcome.step, "tokens": outcome.tokens},
            timings={"total": round(time.monotonic() - began, 3)},
            inputs=list(stage.inputs),
        )
    return Trained(run, False, data)


def read_stage(path: Path) -> dict[str, Any]:
    """What a finished stage found out: its `stage.json`."""
    found = json.loads((path / STAGE).read_bytes())
    assert isinstance(found, dict)
    return found


def _create(stage: Stage, text: str, where: Where) -> Run:
    try:
        return Run.create(
            where.out,
            stage.kind,
            text,
            root=where.root,
            parents=stage.parents,
            inputs=list(stage.inputs),
            resume=where.resume,
            force=where.force,
        )
    except UserError as error:
        changed = _changed(where.out, text) if error.code == Exit.USAGE and where.out is not None else ""
        if not changed:
            raise
        raise UserError(f"{error.message}: {changed}", hint=error.hint, code=error.code) from None


def _changed(out: Path, text: str) -> str:
    """In which values the recipe of the run in `out` differs, or that its data do; "" where nobody can say."""
    try:
        before, now = yaml.safe_load((out / "recipe.yaml").read_text("utf-8")), yaml.safe_load(text)
        old, new = dict(_leaves(before["recipe"])), dict(_leaves(now["recipe"]))
        sources = [name for name, digest in now["sources"].items() if before["sources"].get(name) != digest]
    except (OSError, ValueError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        return ""
    differing = [
        f"{name} was {old.get(name)}, is {new.get(name)}" for name in {**old, **new} if old.get(name) != new.get(name)
    ]
    if differing:
        return "; ".join(differing[:3])
    return f"what has changed since: {', '.join(sources)}" if sources else ""


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _loop(stage: Stage, text: str, world: World, path: Path, run: Run | None, screen: Screen) -> Outcome:
    recipe = stage.recipe

    def emit(event: Event) -> None:
        screen.progress(event)
        if run is not None:
            run.emit(event)

    stage.prepare(path, world)
    return Trainer(
        stage.model(),
        stage.terms,
        LoopSettings(steps=stage.steps, **{name: getattr(recipe, name) for name in _LOOP}),
        path,
        world=world,
        form=stage.form(companions(stage.config, stage.tokenizer)),
        evaluation=stage.evaluation,
        sampler=_sampler(stage) if stage.samples else None,
        identity={"recipe": xxhash.xxh3_128_hexdigest(text.encode()), **stage.sources},
        emit=emit,
    ).train()


def companions(config: ModelConfig, tokenizer: Tokenizer) -> Callable[[Path], None]:
    """What makes a directory with weights one that other tools open."""

    def write(directory: Path) -> None:
        write_config(config, directory)
        tokenizer.save(directory)

    return write


def _sampler(stage: Stage) -> Callable[[nn.Module, int], Iterable[Mapping[str, Any]]]:
    """Texts that go on from the stage's prompts, drawn with the same seeds after every step."""

    def write(model: nn.Module, step: int) -> Iterable[Mapping[str, Any]]:
        sampler = Sampler(model, stage.tokenizer)
        asked = [ids for _, ids in stage.samples]
        found = sampler.generate(asked, Params(max_new=SAMPLE_TOKENS), seed=stage.recipe.seed)
        # Not a generator: the model must be asked here, where all processes ask it.
        return [{"prompt": prompt, "text": one.text} for (prompt, _), one in zip(stage.samples, found, strict=True)]

    return write


def _told(stage: Stage, outcome: Outcome, path: Path) -> dict[str, Any]:
    """`stage.json`."""
    losses = read_tables(path / "metrics").filter(pl.col("kind") == "train").sort("step").select("loss").collect()
    return {
        "schema": "train.stage/1",
        "kind": stage.kind,
        "steps": outcome.step,
        "tokens": outcome.tokens,
        "ended": outcome.ended,
        "checkpoint": outcome.checkpoint.name,
        "parameters": stage.config.parameters(),
        "seen": stage.seen(outcome.step),
        "unit": stage.unit,
        "training_loss": losses["loss"].tail(_LAST_STEPS).mean(),
        "measured": list(outcome.measured),
        **stage.notes,
        **stage.after(outcome),
    }
