"""Two evaluations on the items that both have: what differs, whether it can be chance, and what that allows to say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.compare.ratios import compare_ratios
from evalkit.run.rows import ITEMS, SCORES, label, read_rows, read_summary
from evalkit.statistics.paired import Difference, Verdict, compare, holm, verdict
from evalkit.tasks.metrics import metric_of
from workbench.errors import Exit, UserError, did_you_mean

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of one task. B against A.

    p: adjusted for all that is compared together. only_a, only_b: items that the other run does not have. unscored:
    shared items that one of the two could not score. prompts: shared items whose prompts differ.
    """

    task: str
    preset: str
    metric: str
    better: str
    difference: Difference
    p: float
    verdict: Verdict
    only_a: int
    only_b: int
    unscored: int
    prompts: int

    @property
    def label(self) -> str:
        """The task with its preset."""
        return label(self.task, self.preset)

    @property
    def loss(self) -> float:
        """By how much B is worse; negative where it is better."""
        value = self.difference.estimate.value
        return value if self.better == "lower" else -value


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is compared, and what is not and why. missing: tasks of A of which there is nothing to compare."""

    rows: list[Compared]
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def regressions(self, least: float) -> list[Compared]:
        """Where B is worse by `least` or more, and by more than chance."""
        return [row for row in self.rows if row.verdict.kind == "a" and row.loss >= least]


@dataclass(frozen=True, slots=True)
class Pair:
    """The shared and scored items of a metric, in an order that hangs on the items alone."""

    a: pl.Series
    b: pl.Series
    sizes: pl.Series
    clusters: pl.Series | None

    def difference(self, metric: str) -> Difference:
        """B less A."""
        clusters = None if self.clusters is None else self.clusters.to_list()
        a, b = self.a.to_numpy(), self.b.to_numpy()
        if metric_of(metric).over == "sums":
            return compare_ratios(a, b, self.sizes.to_numpy(), clusters)
        return compare(a, b, clusters, bounded=metric_of(metric).share)


def compare_runs(
    a: Path, b: Path, *, metrics: Sequence[str] = (), within: float | None = None, different_prompts: bool = False
) -> Comparison:
    """Compare every task that two finished runs share, by its first metric, or by `metrics`.

    within: differences up to this do not matter. p-values are adjusted (Holm) over all rows. Raises UserError (exit 4)
    where the runs share nothing, (exit 2) where shared items were asked differently, unless `different_prompts`.
    """
    left, right = _tasks(a), _tasks(b)
    shared = [name for name in left if name in right]
    if not shared:
        hint = f"{a} has {_named(left)}; {b} has {_named(right)}"
        raise UserError("the runs have no task in common", hint=hint, code=Exit.INPUT)
    notes = [
        f"only in {where}: {_named(names)}"
        for where, names in ((a, left.keys() - right.keys()), (b, right.keys() - left.keys()))
        if names
    ]
    found: list[tuple[tuple[str, str], str, Difference, dict[str, int]]] = []
    for name in shared:
        joined = _joined(a, b, name)
        counts = _counts(joined)
        _check_prompts(name, counts, different_prompts)
        notes += _differences(name, left[name], right[name], counts)
        for metric in _chosen(left[name], right[name], metrics):
            mine, other = (of_task(run, SCORES, name) for run in (a, b))
            pair = paired(mine, other, metric, macro=left[name]["average"] == "macro")
            if pair is None:
                notes.append(f"{label(*name)}: {metric} is counted in units of their own by both, and is not compared")
                continue
            difference = pair.difference(metric)
            counts_here = {**counts, "unscored": counts["shared"] - len(pair.a)}
            found.append((name, metric, difference, counts_here))
    compared = {name for name, _, _, _ in found}
    for name in shared:
        if not (left[name]["metrics"] and right[name]["metrics"]):
            notes.append(f"{label(*name)}: one of the runs scored no item, and nothing is compared")
    wanted = {name for name, task in left.items() if not metrics or not set(task["metrics"]).isdisjoint(metrics)}
    missing = [label(*name) for name in left if name in wanted and name not in compared]
    if metrics and not found:
        known = {metric for task in left.values() for metric in task["metrics"]}
        raise UserError(f"no shared task has {' or '.join(metrics)}", hint=did_you_mean(metrics[0], known))
    adjusted = holm([difference.p for _, _, difference, _ in found])
    rows = []
    for (name, metric, difference, counts), p in zip(found, adjusted, strict=True):
        better = metric_of(metric).better
        say = "{:.1%}" if metric_of(metric).share else "{:.3g}"
        said = verdict(difference, p, within=within, lower_is_better=better == "lower", say=say)
        left_out = counts["only_a"], counts["only_b"], counts["unscored"], counts["prompts"]
        rows.append(Compared(*name, metric, better, difference, p, said, *left_out))
    return Comparison(rows, notes, missing)


def _tasks(run: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {(task["task"], task["preset"]): task for task in read_summary(run)["tasks"]}


def _named(names: Any) -> str:
    return ", ".join(label(*name) for name in sorted(names)) or "none"


def of_task(run: Path, table: str, name: tuple[str, str]) -> pl.LazyFrame:
    """The rows of one task under one preset."""
    import polars as pl

    return read_rows(run, table).filter(pl.col("task") == name[0], pl.col("preset") == name[1])


def _joined(a: Path, b: Path, name: tuple[str, str]) -> pl.DataFrame:
    import polars as pl

    columns = ["item", "prompt_hash", "state"]
    left, right = (of_task(run, ITEMS, name).select(columns) for run in (a, b))
    joined = left.join(right, on="item", how="full", suffix="_b", coalesce=True).collect()
    return joined.with_columns(in_a=pl.col("state").is_not_null(), in_b=pl.col("state_b").is_not_null())


def _counts(joined: pl.DataFrame) -> dict[str, int]:
    import polars as pl

    both = joined.filter(pl.col("in_a") & pl.col("in_b"))
    return {
        "shared": both.height,
        "only_a": int(joined["in_a"].sum()) - both.height,
        "only_b": int(joined["in_b"].sum()) - both.height,
        "by_one": both.filter((pl.col("state") == "scored") != (pl.col("state_b") == "scored")).height,
        # An item that could not be asked has no prompt, in either run.
        "prompts": both.filter(pl.col("prompt_hash") != pl.col("prompt_hash_b")).height,
    }


def _check_prompts(name: tuple[str, str], counts: dict[str, int], allowed: bool) -> None:
    if counts["prompts"] and not allowed:
        message = f"{label(*name)}: {counts['prompts']:,} of {counts['shared']:,} shared items were asked differently"
        hint = "run both with the same shots, seed and context, or compare all the same with --different-prompts"
        raise UserError(message, hint=hint)


def _differences(
    name: tuple[str, str], left: dict[str, Any], right: dict[str, Any], counts: dict[str, int]
) -> Iterator[str]:
    said = label(*name)
    if counts["prompts"]:
        yield f"{said}: {counts['prompts']:,} shared items were asked differently"
    if counts["only_a"] or counts["only_b"]:
        lost = f"{counts['only_a']:,} items only in A, {counts['only_b']:,} only in B"
        yield f"{said}: {lost}; compared on the {counts['shared']:,} that both have"
    if counts["by_one"]:
        lost = f"{counts['by_one']:,} of {counts['shared']:,} shared items"
        yield f"{said}: {lost} were scored by one of the runs only, and are left out"
    if left["digest"] != right["digest"]:
        yield f"{said}: the task was defined differently (version {left['version']} and {right['version']})"


def _chosen(left: dict[str, Any], right: dict[str, Any], wanted: Sequence[str]) -> list[str]:
    both = [metric for metric in left["metrics"] if metric in right["metrics"]]
    return [metric for metric in both if metric in wanted] if wanted else both[:1]


def paired(a: pl.LazyFrame, b: pl.LazyFrame, metric: str, *, macro: bool) -> Pair | None:
    """A metric's values in two tables of scores side by side, sorted by item; None for ratios whose denominators
    differ, as tokens of two tokenizers.

    Losses that end as a perplexity are compared as they are, in nats; what ends in bits, in bits.
    """
    import polars as pl

    columns = ["item", "group", "cluster", "value", "weight"]
    left, right = (scores.filter(pl.col("metric") == metric).select(columns) for scores in (a, b))
    joined = left.join(right.select("item", "value", "weight"), on="item", suffix="_b").sort("item").collect()
    values, others, sizes = joined["value"], joined["value_b"], joined["weight"]
    if metric_of(metric).over == "sums":
        if not sizes.equals(joined["weight_b"]):
            return None
        if metric_of(metric).finish == "bits":
            values, others = values / math.log(2), others / math.log(2)
    elif macro and joined["group"].null_count() == 0 and joined.height:
        # So weighted, the plain mean is the mean of the groups' means.
        share = joined.select(pl.len() / (pl.col("group").n_unique() * pl.len().over("group")))["len"]
        values, others = values * share, others * share
    clusters = None
    if joined["cluster"].null_count() < joined.height:
        names = pl.coalesce(pl.lit("c:") + pl.col("cluster"), pl.lit("i:") + pl.col("item"))
        clusters = joined.select(names.alias("name"))["name"]
    return Pair(values, others, sizes, clusters)


def effect(said: str) -> float:
    """`0.5pt` (hundredths) or `0.005`. UserError for anything else."""
    number = said.strip().removesuffix("pt").strip()
    try:
        value = float(number) / (100 if said.strip().endswith("pt") else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UserError(f"'{said}' is no size of a difference", hint="for example 0.5pt, or 0.005")
    return value
