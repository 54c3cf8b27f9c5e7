"""The checks that ask a model, as runs: the order of a file, and scores of membership."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.contamination import membership, order
from evalkit.contamination.record import Found, Where, record, units
from evalkit.models.types import Asking, Model, Windows
from evalkit.perplexity.texts import Texts
from workbench.errors import UserError
from workbench.events import Listener
from workbench.manifest import Input
from workbench.runs import Run

ORDER, MEMBERSHIP = "eval.contamination.order", "eval.contamination.membership"


def check_order(model: Model, plan: order.Plan, read: Input, where: Where, **named: Any) -> tuple[Run, dict[str, Any]]:
    """The sharded comparison of a file's order with others. named: what else makes it this check (seed, field ...)."""
    _can(model)
    model.forecast(Asking(texts=["a"], windows=Windows(plan.windows.context, plan.windows.stride, "none")))
    asked = {
        "shards": len(plan.bounds),
        "permutations": len(plan.orders[0]),
        "examples": len(plan.examples),
        "context": plan.windows.context,
        "stride": plan.windows.stride,
    }
    about = {"model": {"name": model.name, "digest": model.digest}, "data": read.path, "asked": {**asked, **named}}

    def find(scratch: Path, tell: Listener) -> Found:
        import polars as pl

        setup = {"model": model, "plan": plan}
        step = f"{order.__name__}:{order.shard.__name__}"
        rows = [outcome.result or {} for outcome in units(step, plan.units(model), scratch, setup, tell)]
        canonical, shuffled = np.array([row["canonical"] for row in rows]), np.array([row["shuffled"] for row in rows])
        found, blind = order.compare_orders(canonical, shuffled), plan.compressed()
        summary = {
            **about,
            "difference": asdict(found.mean),
            "t": found.t,
            "p": found.p,
            "p_compressor": blind.p,
            "verdict": order.verdict(found, blind),
        }
        shards = pl.DataFrame(
            {
                "shard": range(len(rows)),
                "examples": [end - begin for begin, end in plan.bounds],
                "canonical": canonical,
                "shuffled": shuffled,
                "difference": found.differences,
            },
            {
                "shard": pl.Int64,
                "examples": pl.Int64,
                "canonical": pl.Float64,
                "shuffled": pl.List(pl.Float64),
                "difference": pl.Float64,
            },
        )
        return Found(summary, {"shards": shards}, {"examples": len(plan.examples)})

    return record(ORDER, {**about, "version": order.VERSION, "digest": read.digest}, where, find, inputs=[read])


def check_membership(
    model: Model, sources: Mapping[str, Texts], windows: Windows, where: Where
) -> tuple[Run, dict[str, Any]]:
    """Scores of the documents known in and out, and of those asked about, and what they are worth."""
    _can(model)
    model.forecast(Asking(texts=["a"], windows=windows))
    sets = {name: list(texts) for name, texts in sources.items()}
    membership.check(sets)
    wanted = membership.names(model)
    about = {
        "model": {"name": model.name, "digest": model.digest},
        "sets": {name: {"name": texts.name, "digest": texts.digest} for name, texts in sources.items()},
        "windows": {"context": windows.context, "stride": windows.stride, "bos": windows.bos},
    }
    drawn = {name: sorted(texts.chosen) for name, texts in sources.items() if texts.chosen is not None}
    recipe = {**about, "drawn": json.dumps(drawn), "version": membership.VERSION}

    def find(scratch: Path, tell: Listener) -> Found:
        setup = {"model": model, "sets": sets, "windows": windows}
        step = f"{membership.__name__}:{membership.score.__name__}"
        outcomes = units(step, membership.units(model, sets, windows), scratch, setup, tell)
        rows = membership.table([outcome.directory for outcome in outcomes], wanted)
        found = membership.calibrated(rows, wanted)
        failed = rows["reason"].drop_nulls()
        reasons = {str(why): count for why, count in sorted(failed.value_counts().iter_rows())}
        summary = {**about, "scores": found, "failed": reasons, "verdict": membership.words(found)}
        return Found(summary, {"texts": rows}, {"texts": rows.height, "failed": len(failed)})

    parents = list({run.path: run for texts in sources.values() for run in texts.parents}.values())
    return record(MEMBERSHIP, recipe, where, find, parents=parents, inputs=_inputs(list(sources.values())))


def _inputs(sources: Sequence[Texts]) -> list[Input]:
    return list({entry.digest + entry.path: entry for texts in sources for entry in texts.inputs}.values())


def _can(model: Model) -> None:
    if "rolling" not in model.can:
        hint = "take a model of your own, or a server whose completions give log-probabilities of the prompt"
        raise UserError(f"{model.name} gives no log-probabilities of texts", hint=hint)
