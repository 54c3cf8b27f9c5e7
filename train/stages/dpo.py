"""`train dpo`: a policy from compared responses, or from responses with a thumb up or down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from torch import nn

from train.data.batch import Batch
from train.data.chat import record
from train.data.packing import Ints
from train.dpo.losses import KTO
from train.dpo.objective import PairPreference, SinglePreference
from train.dpo.reference import NoReference, Reference, Referred, refer
from train.dpo.thumbs import thumbs
from train.evaluate import Evaluation, HeldOut
from train.loop import Outcome
from train.preferences.load import Loaded, load
from train.preferences.rows import Comparisons, Responses, read_once
from train.stages.adapted import Base
from train.stages.run import Stage, Where
from train.stages.settings import Dpo
from train.step import Term
from workbench.console import Screen
from workbench.errors import Exit, UserError


class _Rows(NamedTuple):
    """What is read: responses, those learned and held out, and what stands in which set."""

    table: Responses
    learned: Ints
    held: Ints
    sets: Mapping[str, Ints]


def dpo(recipe: Dpo, where: Where, screen: Screen, *, base: Path) -> Stage:
    """The comparisons of a recipe's sets (paths relative to `base`) and the checkpoint that learns them."""
    if not recipe.data.sets or not recipe.data.sets[0].path:
        raise UserError("no data are named", hint="name a file of preferences with --data")
    start = Base(recipe.checkpoint, where.root)
    tokenizer = start.tokenizer
    width = start.width(recipe.context)
    loaded = load(recipe.data, tokenizer, width, base=base, seed=recipe.seed)
    written = record(tokenizer, loaded.format)
    _tell(loaded, screen, recipe)
    rows = _rows(loaded, recipe, width)
    if not len(rows.learned):
        hint = "it needs prompts of which two responses were judged, one of them better; for kto, thumbs"
        raise UserError("no prompt has anything to learn from", hint=hint, code=Exit.INPUT)
    micro_tokens = recipe.rows.micro * width
    source = Comparisons(
        rows.table,
        rows.learned,
        prompts=recipe.prompts_a_step
        or max(1, round(recipe.rows.tokens / float(rows.table.tokens(rows.learned).mean()))),
        micro_tokens=micro_tokens,
        width=width,
        seed=recipe.seed,
        epochs=recipe.epochs,
        sets=rows.sets,
    )
    other = _other(recipe, start, where)
    reference = None
    if recipe.loss.has_reference and recipe.precompute:
        packed = recipe.lora is not None and recipe.lora.quantise and other is start
        digests = {"tokenizer": tokenizer.digest, "weights": other.sources["start"], "nf4": str(packed)}
        reference = Reference(rows.table, digests, width=width, micro_tokens=micro_tokens, precision=recipe.precision)
    is_same = other is start and not (recipe.lora is not None and recipe.lora.dropout)
    objective = SinglePreference(recipe.loss) if recipe.loss.name == KTO else PairPreference(recipe.loss)

    def held(numbers: Ints) -> Iterator[Batch]:
        for batch in read_once(rows.table, numbers, width=width, micro_tokens=micro_tokens):
            yield refer(batch, reference)

    parts = {name: rows.held[np.isin(rows.held, numbers)] for name, numbers in rows.sets.items()}
    measured = [HeldOut(name, 0, partial(held, numbers)) for name, numbers in parts.items() if len(numbers)]

    def model() -> nn.Module:
        return other.model(recipe if other is start else None)

    return Stage(
        kind="train.dpo",
        unit="prompt",
        recipe=recipe,
        sources={
            "data": rows.table.digest,
            "tokenizer": tokenizer.digest,
            **start.sources,
            "reference": other.sources["start"],
        },
        parents=start.parents,
        model=lambda: start.model(recipe),
        config=start.config,
        tokenizer=written,
        terms=[Term(objective, Referred(source, reference, is_start=is_same))],
        steps=source.steps,
        evaluation=Evaluation(objective, measured) if measured else None,
        form=start.form(recipe, written),
        notes={
            "data": {
                name: f"{facts['prompts']:,} prompts, {facts['pairs']:,} pairs" for name, facts in loaded.facts.items()
            },
            "sets": dict(loaded.facts),
            "prompts_a_step": source.prompts,
            "loss": recipe.loss.name,
        },
        after=_before,
        seen=source.seen,
        prepare=(lambda path, world: None)
        if reference is None
        else lambda path, world: reference.make(path, world, model),
        rehearsal=[Term(objective, Referred(source, NoReference()))] if reference is not None else (),
    )


def _rows(loaded: Loaded, recipe: Dpo, width: int) -> _Rows:
    learned, held = loaded.split(recipe.held_out, recipe.seed)
    if recipe.loss.name != KTO:
        paired = loaded.table.with_pairs()
        return _Rows(loaded.table, np.intersect1d(learned, paired), np.intersect1d(held, paired), loaded.sets)
    table, owners = thumbs(loaded.table, width, recipe.seed)
    sets = {name: np.flatnonzero(np.isin(owners, numbers)) for name, numbers in loaded.sets.items()}
    return _Rows(table, np.flatnonzero(np.isin(owners, learned)), np.flatnonzero(np.isin(owners, held)), sets)


def _other(recipe: Dpo, start: Base, where: Where) -> Base:
    """The reference: the start itself, or another checkpoint with the same tokens."""
    if not recipe.precompute and recipe.lora is None:
        hint = "leave it on, or train adapters with --lora"
        raise UserError("without a table (precompute) the reference is the model without its adapters", hint=hint)
    if not recipe.reference:
        return start
    if not recipe.precompute:
        raise UserError("another reference needs a table", hint="leave precompute on")
    other = Base(recipe.reference, where.root)
    if other.tokenizer.digest != start.tokenizer.digest:
        hint = "the reference must be a model with the same tokenizer"
        raise UserError(f"{other.directory} has another tokenizer", hint=hint, code=Exit.INPUT)
    return other


def _before(outcome: Outcome) -> dict[str, Any]:
    """What was measured before the first step, in the form of `measured`."""
    table = pl.read_parquet(outcome.checkpoint.parents[1] / "metrics")
    rows = table.filter((pl.col("kind") == "eval") & (pl.col("step") == 0))
    return {"measured_before": [{k: v for k, v in row.items() if v is not None} for row in rows.to_dicts()]}


def _tell(loaded: Loaded, screen: Screen, recipe: Dpo) -> None:
    for name, report in loaded.reports.items():
        for counter, what in ((report.dropped, "left out"), (report.shortened, "shortened")):
            for reason, count in sorted(counter.items()):
                named = ", ".join(report.named.get(reason, []))
                screen.warn(f"set '{name}': {count:,} rows {what} ({reason}), such as {named}")
        if recipe.loss.name == KTO:
            continue
        without = len(loaded.sets[name]) - len(np.intersect1d(loaded.sets[name], loaded.table.with_pairs()))
        if loaded.facts[name]["ties"]:
            screen.warn(f"set '{name}': {loaded.facts[name]['ties']:,} pairs are ties, which teach nothing")
        if without:
            screen.warn(f"set '{name}': {without:,} prompts have no pair, so they are not used")
