"""What a report is made of: the evaluations that the plan asks for, and what has changed since the baseline."""

from __future__ import annotations

import glob
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evalkit.compare.flips import flips
from evalkit.compare.runs import compare_runs
from evalkit.models.types import Windows
from evalkit.report.alarms import Alarm, sequential
from evalkit.report.plan import Plan, Watched
from evalkit.run.rows import SCORES, label, read_rows, read_summary
from evalkit.tasks.metrics import metric_of
from workbench import registry
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.files import sha256
from workbench.runs import Run

SCHEMA = "evalkit.report/1"
REPORT = "report.json"
_FLIPS = 3
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Before:
    """The reports of this plan so far, oldest first, as their report.json says."""

    reports: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, folder: Path) -> Before:
        """Those that are finished in a plan's folder."""
        found = sorted(path for path in folder.glob(f"*/{REPORT}") if ".tmp-" not in path.parent.name)
        return cls([_read(path) for path in found])

    def of_model(self, name: str) -> list[Mapping[str, Any]]:
        """What they say of one watched model."""
        return [one for report in self.reports for one in report["models"] if one["name"] == name]

    def of_dataset(self, name: str) -> list[Mapping[str, Any]]:
        """What they say of one watched dataset."""
        return [one for report in self.reports for one in report["datasets"] if one["name"] == name]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
        if found["schema"] == SCHEMA:
            return found
    except (ValueError, KeyError, TypeError):
        pass
    hint = "take its folder away: the other reports stay comparable"
    raise UserError("this is no report that can be read", hint=hint, code=Exit.INPUT, file=path)


def newest(pattern: str) -> str:
    """What a name or pattern of paths means now: of several the one whose files are newest, by name among equals.

    Raises UserError (exit 4) where a pattern meets nothing.
    """
    if not _PATTERN & set(pattern) or "://" in pattern:
        return pattern
    found = [Path(path) for path in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (patterns may be absolute)
    found = [path for path in found if ".tmp-" not in path.name]
    if not found:
        raise UserError(
            f"nothing is called {pattern}", hint="name what is watched by a pattern that exists", code=Exit.INPUT
        )
    return str(max(found, key=lambda path: (path.stat().st_mtime_ns, path.name)))


def model_part(plan: Plan, one: Watched, before: Before, root: Path, listener: Listener) -> dict[str, Any]:
    """Everything about one watched model: its evaluation, its change, its perplexity, its alarms."""
    from evalkit.models.open import open_model

    assert one.model is not None
    spec = newest(one.model)
    earlier = before.of_model(one.name)
    part: dict[str, Any] = {"name": one.name, "model": spec, "alarms": []}
    opened = open_model(spec, root=root)
    part["digest"] = opened.digest
    try:
        if plan.tasks:
            part |= _evaluated(plan, spec, opened, earlier, root, listener)
        if plan.text:
            part |= _read_texts(plan, opened, earlier, root, listener)
        part["account"] = dict(opened.account())
    finally:
        opened.close()
    return part


def _evaluated(
    plan: Plan,
    spec: str,
    opened: Any,
    earlier: Sequence[Mapping[str, Any]],
    root: Path,
    listener: Listener,
) -> dict[str, Any]:
    from evalkit.run.make import Evaluation, evaluate
    from evalkit.run.settings import EvalSettings
    from workbench import recipes

    values = {**plan.evaluation, "model": spec, "tasks": list(plan.tasks)}
    settings = recipes.resolve(EvalSettings, [recipes.from_values(values, "the plan")]).recipe
    run = evaluate(Evaluation.of(settings, opened, root, Path()), root, listener=listener)
    summary = read_summary(run.path)
    runs = [one["run"] for one in earlier if "run" in one]
    # A run that somebody has cleared away is no baseline: the first that is still there takes its place.
    baseline = plan.baseline or next((path for path in runs if Path(path).is_dir()), None)
    fine = [not any(alarm["level"] == "error" for alarm in one["alarms"]) for one in earlier if "run" in one]
    part: dict[str, Any] = {
        "run": str(run.path.resolve()),
        "run_id": run.id,
        "tasks": summary["tasks"],
        "baseline": baseline,
    }
    alarms = [*_missing(summary, runs), *_watched(plan, run.path, summary, runs, fine)]
    if baseline is not None:
        compared = compare_runs(registry.find(baseline, root), run.path, within=plan.gates.min_effect or None)
        part["notes"] = compared.notes
        part["compared"] = [
            {
                "task": row.label,
                "metric": row.metric,
                "better": row.better,
                "p": row.p,
                "verdict": row.verdict.kind,
                "words": row.verdict.words,
                "difference": asdict(row.difference.estimate),
                "gained": row.difference.gained,
                "lost": row.difference.lost,
                "detectable": row.difference.detectable,
                "flips": [flip._asdict() for flip in flips(registry.find(baseline, root), run.path, row, _FLIPS)],
            }
            for row in compared.rows
        ]
        for row in compared.regressions(plan.gates.min_effect):
            message = (
                f"{row.metric} is worse than the baseline's by {_points(row.loss, row.metric)}: {row.verdict.words}"
            )
            alarms.append(Alarm("warn", row.label, message))
    part["alarms"] = [asdict(alarm) for alarm in alarms]
    return part


def _points(loss: float, metric: str) -> str:
    return f"{100 * loss:.2f} points" if metric_of(metric).share else f"{loss:.4g}"


def _missing(summary: Mapping[str, Any], runs: Sequence[str]) -> list[Alarm]:
    """What cannot be told: tasks whose items failed, or of which there are more or fewer than last time."""
    found = []
    earlier = read_summary(Path(runs[-1]))["tasks"] if runs and Path(runs[-1]).is_dir() else []
    last = {label(one["task"], one["preset"]): one for one in earlier}
    for task in summary["tasks"]:
        name = label(task["task"], task["preset"])
        if task["failed"] or task["unscored"]:
            told = f"{task['failed']:,} items failed and {task['unscored']:,} could not be judged, of {task['items']:,}"
            found.append(Alarm("warn", name, told))
        before = last.get(name)
        if before is not None and before["items"] != task["items"]:
            found.append(Alarm("warn", name, f"{task['items']:,} items, {before['items']:,} last time"))
    gone = sorted(last.keys() - {label(task["task"], task["preset"]) for task in summary["tasks"]})
    found += [Alarm("warn", name, "was there last time, and is missing") for name in gone]
    return found


def _watched(
    plan: Plan, run: Path, summary: Mapping[str, Any], runs: Sequence[str], fine: Sequence[bool]
) -> list[Alarm]:
    """The sequential test of every task's first metric."""
    found = []
    there = [(Path(path), good) for path, good in zip(runs, fine, strict=True) if Path(path).is_dir()]
    tasks = [task for task in summary["tasks"] if task["metrics"]]
    # All tasks of a model share the rate of false alarms that the plan allows it.
    share = plan.gates.false_alarms / max(len(tasks), 1)
    gates = plan.gates.model_copy(update={"false_alarms": share})
    for task in tasks:
        metric = next(iter(task["metrics"]))
        sign = -1.0 if metric_of(metric).better == "lower" else 1.0
        scores = [_scores(path, task, metric, sign) for path, _ in [*there, (run, True)]]
        kept = [number for number, one in enumerate(scores) if one]
        order = [[*(good for _, good in there), True][number] for number in kept]
        signal = sequential([scores[number] for number in kept], gates, in_order=order)
        if signal is not None and signal.is_drop(plan.gates.min_effect):
            message = (
                f"{metric} has fallen by {_points(-signal.change, metric)} [{_points(-signal.high, metric)}, "
                f"{_points(-signal.low, metric)}] over the last {signal.reports} report(s), {signal.items:,} items"
            )
            found.append(Alarm("error", label(task["task"], task["preset"]), message))
    return found


def _scores(run: Path, task: Mapping[str, Any], metric: str, sign: float) -> dict[str, float]:
    import polars as pl

    rows = (
        read_rows(run, SCORES)
        .filter(pl.col("task") == task["task"], pl.col("preset") == task["preset"], pl.col("metric") == metric)
        .select("item", pl.col("value") / pl.when(pl.col("weight").is_null()).then(1.0).otherwise(pl.col("weight")))
        .collect()
    )
    return {item: sign * value for item, value in rows.iter_rows() if value is not None and math.isfinite(value)}


def _read_texts(
    plan: Plan, opened: Any, earlier: Sequence[Mapping[str, Any]], root: Path, listener: Listener
) -> dict[str, Any]:
    """Bits a byte of every text, by domain, and how they have changed since the first report."""
    from evalkit.perplexity.make import Measuring, measure, read_summary
    from evalkit.perplexity.texts import open_texts

    found = []
    for name, source in plan.text.items():
        run = measure(Measuring.of([opened], open_texts(newest(source), root), Windows()), root, listener=listener)
        summary = read_summary(run.path)
        first = next((one for report in earlier for one in report.get("texts", []) if one["name"] == name), None)
        rows = [
            {"group": row["group"], "texts": row["scored"], "bytes": row["bytes"], **row["bits_per_byte"]}
            for row in summary["measured"]
        ]
        found.append({"name": name, "run": str(run.path), "rows": rows, "first": first and first["rows"]})
    return {"texts": found}


def dataset_part(one: Watched, before: Before, root: Path) -> dict[str, Any]:
    """What a watched dataset run holds, and what has changed since the last report on it."""
    assert one.dataset is not None
    run = Run.open(newest(one.dataset), root)
    if run.manifest is None:
        raise UserError(f"{run.path} is not finished", hint="watch finished runs", code=Exit.INPUT)
    counts = dict(run.manifest.counts)
    last = next(iter(before.of_dataset(one.name)[::-1]), None)
    shares = _sources(run.path)
    changes = []
    if last is not None:
        for name in sorted(set(shares) | set(last["shares"])):
            now, then = shares.get(name, 0.0), last["shares"].get(name, 0.0)
            if abs(now - then) >= 0.01:
                changes.append({"source": name, "now": now, "then": then})
    return {
        "name": one.name,
        "run": str(run.path),
        "run_id": run.id,
        "manifest": sha256(run.path / "manifest.json"),
        "counts": counts,
        "shares": shares,
        "before": None if last is None else {"run_id": last["run_id"], "counts": last["counts"]},
        "changes": sorted(changes, key=lambda row: (-abs(row["now"] - row["then"]), row["source"]))[:20],
    }


def _sources(run: Path) -> dict[str, float]:
    """Shares of the kept tokens by host, the largest fifty; none for a run that keeps no such account."""
    import polars as pl

    from workbench.tables import read_tables

    if not (run / "rollups").is_dir():
        return {}
    kept = read_tables(run / "rollups").filter(pl.col("state") == "kept")
    hosts = (
        kept.group_by("host").agg(pl.col("tokens").sum()).sort(["tokens", "host"], descending=[True, False]).collect()
    )
    total = hosts["tokens"].sum() or 1
    return {str(host): tokens / total for host, tokens in hosts.head(50).iter_rows()}
