"""Perplexity as a run: units of texts scored under each model, put together as `items/` and `summary.json`."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.models.types import Asking, Forecast, Model, Windows
from evalkit.perplexity import score
from evalkit.perplexity.summary import summarise
from evalkit.perplexity.texts import Texts
from workbench.envelope import jsonable
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.files import remove, write_text
from workbench.runs import Run
from workbench.tables import ShardWriter, read_tables
from workbench.units import Outcome
from workbench.yamltree import dump

KIND = "eval.perplexity"
ITEMS, SUMMARY, SCRATCH = "items", "summary.json", "units"
_PROBE, _PROBE_CHARS = 8, 4_000
VERSION = 2
"""Raised when the code changes what a run holds."""


@dataclass(frozen=True)
class Measuring:
    """All that decides what a run holds: the models, the texts and how they are read. plan: the units of texts."""

    models: Sequence[Model]
    texts: Texts
    windows: Windows
    plan: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, models: Sequence[Model], texts: Texts, windows: Windows) -> Measuring:
        """Read the texts once and ask each model whether it can read them so.

        Raises UserError: exit 2 for a model named twice, one that gives no log-probabilities of texts, or windows that
        it cannot have; exit 4 where there is no text.
        """
        for number, model in enumerate(models):
            if any(model.name == other.name for other in models[:number]):
                raise UserError(f"the model {model.name} is named twice", hint="compare two different models")
            if "rolling" not in model.can:
                hint = "take a model of your own, or a server whose completions give log-probabilities of the prompt"
                raise UserError(f"{model.name} gives no log-probabilities of texts", hint=hint)
            model.forecast(Asking(texts=["a"], windows=windows))
        plan = score.plan(texts)
        if not plan:
            raise UserError(f"{texts.name} holds no texts", hint="name a file with text in it", code=Exit.INPUT)
        return cls(models, texts, windows, plan)

    @property
    def count(self) -> int:
        """How many texts there are."""
        return sum(unit["count"] for unit in self.plan)

    @property
    def recipe(self) -> str:
        """The resolved recipe, by which the run is known: a change of weights, texts or windows is another recipe."""
        chosen = self.texts.chosen
        return dump(
            {
                "models": [{"name": model.name, "digest": model.digest} for model in self.models],
                "data": {
                    "name": self.texts.name,
                    "digest": self.texts.digest,
                    "split": self.texts.split,
                    "by": self.texts.by,
                    "texts": self.count,
                    "drawn": chosen is not None,
                    "said": [unit["digest"] for unit in self.plan],
                },
                "windows": self.read_as,
                "versions": {"run": VERSION, "step": score.STEP},
            }
        )

    @property
    def read_as(self) -> dict[str, Any]:
        """The windows as values."""
        return {"context": self.windows.context, "stride": self.windows.stride, "bos": self.windows.bos}


def forecast(asked: Measuring) -> list[Forecast]:
    """What each model will take."""
    found = []
    for model in asked.models:
        parts, some = [], []
        for text in asked.texts:
            some.append(text.text or "")
            if len(some) == score.UNIT_TEXTS:
                parts.append(model.forecast(Asking(texts=some, windows=asked.windows)))
                some = []
        parts.append(model.forecast(Asking(texts=some, windows=asked.windows)))
        sums = {name: sum(getattr(part, name) for part in parts) for name in ("tokens", "new", "requests", "cached")}
        cost = sum(part.cost for part in parts)
        found.append(Forecast(**sums, cost=cost, estimated=any(part.estimated for part in parts)))
    return found


def seconds_a_token(model: Model, asked: Measuring) -> float:
    """From a few texts, once to warm up; the answers are thrown away."""
    some = [text.text[:_PROBE_CHARS] for text in itertools.islice(asked.texts, _PROBE) if text.text]
    tokens = model.forecast(Asking(texts=some, windows=asked.windows)).tokens
    for _ in model.rolling(some[:2], asked.windows):
        pass
    began = time.monotonic()
    for _ in model.rolling(some, asked.windows):
        pass
    return (time.monotonic() - began) / max(tokens, 1)


def read_summary(run: Path) -> dict[str, Any]:
    """`summary.json` of a finished run."""
    summary: dict[str, Any] = json.loads((run / SUMMARY).read_bytes())
    return summary


def measure(
    asked: Measuring,
    root: Path,
    *,
    out: Path | None = None,
    resume: bool = True,
    force: bool = False,
    attach: Callable[[Path], None] = lambda path: None,
    listener: Listener = lambda event: None,
) -> Run:
    """The finished run; one that broke off goes on from its finished units, to the same files.

    attach: hears of the run's directory before anything is scored. Raises UserError as `Run.create`, and (exit 3) where
    units failed after all retries, or not one text could be scored.
    """
    inputs = asked.texts.inputs
    run = Run.create(
        out, KIND, asked.recipe, root=root, parents=asked.texts.parents, inputs=inputs, resume=resume, force=force
    )
    with run:
        if not run.is_finished:
            attach(run.path)
            _write(run, asked, listener)
        remove(run.path / SCRATCH)
    return run


def _write(run: Run, asked: Measuring, listener: Listener) -> None:
    def tell(event: Event) -> None:
        listener(event)
        run.emit(event)

    outcomes: list[Outcome] = []
    for model in asked.models:
        units = [score.unit(payload, model, asked.windows) for payload in asked.plan]
        setup = {"model": model, "texts": asked.texts, "windows": asked.windows}
        step = f"perplexity of {Path(model.name).name}" if len(asked.models) > 1 else "perplexity"
        function = f"{score.__name__}:{score.score.__name__}"
        outcomes += run_units(function, units, directory=run.path / SCRATCH, step=step, setup=setup, on_event=tell)
    failed = [outcome.error for outcome in outcomes if outcome.failed]
    if failed:
        message = f"{len(failed):,} of {len(outcomes):,} units failed; the first: {failed[0]}"
        raise UserError(message, hint="the same command goes on from what is done", code=Exit.PARTIAL)
    with ShardWriter(run.path / ITEMS, score.schema()) as items:
        import pyarrow.parquet as pq

        for outcome in outcomes:
            items.append(pq.read_table(outcome.directory / score.ROWS))
    written = [entry._replace(path=f"{ITEMS}/{entry.path}") for entry in items.written]
    rows = read_tables(run.path / ITEMS).collect()
    counts = {"texts": asked.count, **{name: rows.filter(state=name).height for name in score.STATES}}
    if not counts[score.SCORED]:
        first = rows["reason"].drop_nulls()
        why = f": {first[0]}" if len(first) else ""
        raise UserError(f"no text could be scored{why}", hint="look at the texts", code=Exit.PARTIAL)
    summary = {
        "schema": "evalkit.perplexity/1",
        "data": {"name": asked.texts.name, "digest": asked.texts.digest, "texts": asked.count},
        "by": asked.texts.by,
        "split": asked.texts.split,
        "windows": asked.read_as,
        "models": [{"name": model.name, "digest": model.digest, "context": model.context} for model in asked.models],
        **summarise(rows, [model.name for model in asked.models]),
    }
    write_text(run.path / SUMMARY, json.dumps(jsonable(summary), indent=1, allow_nan=False) + "\n")
    computed = sum(int(model.account().get("tokens_computed", 0)) for model in asked.models)
    counts |= {"tokens": int(rows["tokens"].sum()), "tokens_computed": computed}
    run.finish(counts=counts, inputs=asked.texts.inputs, written=written)
