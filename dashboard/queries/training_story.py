"""What a training is and what happened to it: how far it is, what it read, checkpoints, alarms, phases and epochs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboard.queries import training
from dashboard.source import Source
from workbench.errors import UserError
from workbench.events import last_events
from workbench.render import count, percent

if TYPE_CHECKING:
    import polars as pl

STAGE = "stage.json"
EVENTS = 1 << 20
"""Bytes of the end of `events.jsonl` that alarms are looked for in."""
EPOCHS = 12
"""With more of them their ends say nothing."""
_LAST = 20  # steps that a loss is the mean of, as the run's own card says it
_STEP = re.compile(r"\bstep (\d{1,15})\b")


class Standing(NamedTuple):
    """How far a training is. loss: mean of the last 20 steps. tokens_per_s, peak_share: of the last 50 steps; left_s:
    at their speed, without evaluations and checkpoints. held_out, bits: of all parts together, measured `at` a step."""

    step: int
    total: int | None
    tokens: float
    loss: float | None
    grad_norm: float | None
    tokens_per_s: float | None
    peak_share: float | None
    seconds: float
    left_s: float | None
    checkpoint: int | None
    held_out: float | None = None
    bits: float | None = None
    at: int | None = None
    labels: int | None = None


def standing(source: Source, before: training.Extent = training.EMPTY) -> Standing:
    """How far a training is, from the parts of its metrics that are read, and `before` of those that are not."""
    extent = training.extent(source)
    saved = checkpoints(source)
    total = _total(source)
    if not extent.rows:
        seen = before.last if before.rows else 0
        last = saved[-1] if saved else None
        return Standing(seen, total, before.tokens, None, None, None, None, before.seconds, None, last)
    newest = [name for name, _ in training.parts(source.run.path)][-2:]
    rows = training.tail(source if training.TABLE in source.only else source.reading(training.TABLE, newest))
    spent = float(rows["seconds"].sum() or 0.0)
    step = max(extent.last, before.last)
    left = None
    if total is not None and spent and not source.run.readable:
        left = max(0, total - step) * spent / rows.height
    held = source.query(
        "SELECT loss, bits_per_byte, step, weight::BIGINT FROM {metrics} WHERE kind = 'eval' AND part = '' "
        "ORDER BY step DESC LIMIT 1"
    )
    return Standing(
        step,
        total,
        before.tokens + extent.tokens,
        _mean(rows["loss"].tail(_LAST)),
        rows["grad_norm"][-1] if rows.height else None,
        float(rows["tokens"].sum() or 0.0) / spent if spent else None,
        float((rows["peak_share"] * rows["seconds"]).sum() or 0.0) / spent if spent else None,
        before.seconds + extent.seconds,
        left,
        saved[-1] if saved else None,
        *(held.row(0) if held.height else ()),
    )


def _mean(values: pl.Series) -> float | None:
    found = values.filter(values.is_finite()).mean()
    return float(found) if isinstance(found, float) else None


def _total(source: Source) -> int | None:
    """The steps that the run is to take: of a finished one those it took, else what its progress says."""
    if source.run.readable:
        return int(source.run.counts.get("steps", 0)) or None
    events = last_events(source.run.path / "events.jsonl")
    told = [event.counts.get("steps_total") for event in events if isinstance(event.counts, dict)]
    return next((each for each in reversed(told) if isinstance(each, int)), None)


def checkpoints(source: Source) -> list[int]:
    """The steps of the complete checkpoints that are there."""
    found = (source.run.path / "checkpoints").glob("step-*/COMPLETE")
    names = (path.parent.name.removeprefix("step-") for path in found)
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def stage(source: Source) -> dict[str, Any]:
    """`stage.json`; empty where the run is not finished or another version wrote it."""
    try:
        found = source.json(STAGE)
    except UserError:
        return {}
    return found if isinstance(found, dict) else {}


def seen(data: Mapping[str, Any]) -> pl.DataFrame:
    """What a finished stage read, of its `stage.json`: part, rows, tokens, epochs."""
    import polars as pl

    parts = data.get("seen")
    rows = [
        {"part": str(name), **{key: _number(part.get(key)) for key in ("rows", "tokens", "epochs")}}
        for name, part in (parts.items() if isinstance(parts, dict) else ())
        if isinstance(part, dict)
    ]
    kinds = {"part": pl.String, "rows": pl.Float64, "tokens": pl.Float64, "epochs": pl.Float64}
    return pl.DataFrame(rows, schema=kinds)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


class Mark(NamedTuple):
    """Something that happened after a step. what: alarm, skipped, resumed, checkpoint, phase, epoch or end."""

    step: int
    what: str
    note: str


def marks(source: Source, phases: tuple[str, ...] = ()) -> list[Mark]:
    """What happened, in order of the steps. phases: those of the tokens that were read, in their order."""
    found = [Mark(step, "checkpoint", f"checkpoint step-{step:08d}") for step in checkpoints(source)]
    if source.has(training.TABLE):
        rows = training.skipped(source).rows()
        found += [Mark(step, "skipped", f"loss {loss}, gradient norm {norm}") for step, loss, norm in rows]
    for event in last_events(source.run.path / "events.jsonl", EVENTS):
        named = _STEP.search(str(event.message))
        if named is None or event.step != "train":
            continue
        if event.level in ("warning", "error"):
            found.append(Mark(int(named[1]), "alarm", str(event.message)))
        elif str(event.message).startswith("goes on from step"):
            found.append(Mark(int(named[1]), "resumed", str(event.message)))
        elif str(event.message).startswith("the data ended"):
            found.append(Mark(int(named[1]), "end", str(event.message)))
    data = stage(source)
    found += _phases(data, phases) or _epochs(data)
    return sorted(set(found))


def _phases(data: Mapping[str, Any], phases: Sequence[str]) -> list[Mark]:
    """Where the phases of a mix begin: every step has as many rows as another."""
    parts, steps = seen(data), data.get("steps")
    counts = [
        sum(rows or 0.0 for part, rows in parts.select("part", "rows").iter_rows() if part.startswith(f"{name}/"))
        for name in phases
    ]
    if len(phases) < 2 or not sum(counts) or not isinstance(steps, int):
        return []
    starts = [round(steps * sum(counts[:number]) / sum(counts)) for number in range(len(phases))]
    return [Mark(step, "phase", f"phase {name} begins") for step, name in zip(starts[1:], phases[1:], strict=True)]


def _epochs(data: Mapping[str, Any]) -> list[Mark]:
    """Where epochs end; only where everything is read equally often."""
    found, steps = seen(data)["epochs"].drop_nulls().unique(), data.get("steps")
    if len(found) != 1 or not isinstance(steps, int):
        return []
    epochs = float(found[0])
    if not 1.0 < epochs <= EPOCHS:
        return []
    ends = [(number, round(number * steps / epochs)) for number in range(1, int(epochs) + 1)]
    return [Mark(step, "epoch", f"epoch {number} ends") for number, step in ends if step < steps]


def scaling(source: Source, precision: str) -> dict[str, Any] | None:
    """A finished pretraining as a point: parameters, tokens, FLOPs (as the run counted them, None where it did not),
    held-out loss (nats a token) and bits per byte with the tokens they are a mean of, and what has to be equal to
    compare two. None where nothing was held out, or the run is of another version."""
    data = stage(source)
    measured = data.get("measured")
    rows = measured if isinstance(measured, list) else []
    whole = next((each for each in rows if isinstance(each, dict) and each.get("part") == ""), None)
    parameters = data.get("parameters")
    if whole is None or not isinstance(parameters, dict) or not isinstance(whole.get("loss"), float):
        return None
    given = [parameters.get("total"), data.get("tokens"), whole.get("weight")]
    numbers = [each for each in map(_number, given) if each is not None and each > 0]
    if len(numbers) < len(given):
        return None
    named = data.get("data")
    try:
        each_token = training.flops_per_token(source, precision)
    except UserError:
        each_token = None
    return {
        "run": source.run.id,
        "parameters": numbers[0],
        "tokens": numbers[1],
        "flops": None if each_token is None else each_token * numbers[1],
        "loss": whole["loss"],
        "bits": _number(whole.get("bits_per_byte")),
        "n": int(numbers[2]),
        "data": str(named.get("tokens", "")) if isinstance(named, dict) else "",
    }


def judged(data: Mapping[str, Any]) -> str:
    """What a reward model is worth on held-out preferences, of its `stage.json`, in words; "" where it says nothing."""
    report = data.get("report")
    found = report.get("held_out") if isinstance(report, dict) else None
    try:
        low, high = found["accuracy_interval"]  # type: ignore[index]
        return (
            f"accuracy {percent(found['accuracy'])} [{percent(low)}, {percent(high)}], "  # type: ignore[index]
            f"{count(found['prompts'])} prompts with {count(found['pairs'])} pairs"  # type: ignore[index]
        )
    except (KeyError, TypeError, ValueError):
        return ""
