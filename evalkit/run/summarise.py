"""From stored rows to numbers with intervals: a pure function of the tables, which needs neither model nor task."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evalkit.statistics.calibration import calibration, probabilities
from evalkit.statistics.intervals import LEVEL, Estimate, bits, grouped, mean, perplexity, ratio, t_quantile, wilson
from evalkit.tasks.metrics import metric_of

if TYPE_CHECKING:
    import polars as pl

_REASONS = 5  # the commonest are named


def tally(items: pl.DataFrame) -> dict[str, Any]:
    """Of a task's rows: how many were scored, failed and could not be judged, why, and whose prompts were shortened."""
    import polars as pl

    states = Counter(items["state"].to_list())
    reasons = Counter(items.filter(pl.col("state") != "scored")["reason"].to_list())
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], str(each[0])))
    return {
        "items": items.height,
        **{state: states[state] for state in ("scored", "failed", "unscored")},
        "cut": items.filter(pl.col("cut") > 0).height,
        "dropped": items.filter(pl.col("dropped") > 0).height,
        "reasons": dict(ranked[:_REASONS]),
    }


def estimates(scores: pl.DataFrame, *, average: str = "micro") -> dict[str, dict[str, Any]]:
    """Each metric of a task with its interval: over items, or (`macro`) over the groups of items, each counting the
    same. scores: rows of the table `scores` of one task, in the order in which the metrics are to stand."""
    found = {}
    for metric, rows in _parts(scores, "metric"):
        if average == "macro" and rows["group"].null_count() == 0:
            whole = grouped([_estimate(metric, part) for _, part in _parts(rows, "group")], by="tasks")
        else:
            whole = _estimate(metric, rows)
        found[metric] = {**asdict(whole), "better": metric_of(metric).better}
    return found


def calibrated(items: pl.DataFrame, scores: pl.DataFrame) -> dict[str, Any] | None:
    """Whether a model is as often right as it says, of a task of choices: its confidence is the share of the choice it
    takes, as in the Brier score. None where a task has no such choices."""
    import polars as pl

    choices = items.filter(pl.col("state") == "scored", pl.col("logprobs").list.len() > 1)
    right = scores.filter(pl.col("metric") == "acc").select("item", "value")
    rows = choices.select("item", "cluster", "logprobs").join(right, on="item", maintain_order="left")
    if not rows.height:
        return None
    sure = [float(probabilities(logprobs).max()) for logprobs in rows["logprobs"]]
    found = calibration(sure, rows["value"].to_numpy(), _clusters(rows))
    return {"error": asdict(found.error), "bins": [asdict(one) for one in found.bins]}


def groups(scores: pl.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """By group of items, then by metric; empty where the task has no groups."""
    named = scores.filter(scores["group"].is_not_null())
    return {name: estimates(part) for name, part in sorted(_parts(named, "group"))}


def average(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The first metrics of tasks as one number, each task the same; None where they are not all shares of items."""
    parts = []
    for task in tasks:
        metric = next(iter(task["metrics"]), None)
        if metric is None or not metric_of(metric).share or metric_of(metric).better != "higher":
            return None
        parts.append(estimate_of(task["metrics"][metric]))
    return asdict(grouped(parts, by="tasks")) if len(parts) > 1 else None


def estimate_of(stored: Mapping[str, Any]) -> Estimate:
    """A number of `summary.json` as it was; null, for JSON has no NaN, means that the data say nothing."""
    fields = {field.name: stored[field.name] for field in dataclasses.fields(Estimate)}
    numbers = ("value", "low", "high", "error")
    return Estimate(**fields | {name: math.nan for name in numbers if fields[name] is None})


def _within(found: Estimate, most: float, items: int) -> Estimate:
    """A ratio between 0 and `most`. Where all items are right, or all wrong, or there is but one, nothing varies by
    which an error could be told: Wilson's interval, each of the `items` with a weight (or cluster) being one."""
    low, high, method = max(found.low, 0.0), min(found.high, most), found.method
    if not found.error > 0:
        units = items if found.clusters is None else min(found.clusters, items)
        low, high = (most * end for end in wilson(found.value / most, units, t_quantile(LEVEL, math.inf)))
        method = "wilson"
    return dataclasses.replace(found, low=low, high=high, method=method)


def _parts(rows: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for part in rows.partition_by(column, maintain_order=True):
        yield part[column][0], part


def _centered(values: npt.NDArray[np.float64], clusters: Sequence[tuple[str, str]] | None) -> Estimate:
    """Of items that are 1 where right and below 0 where wrong: the interval of the share that is right, on that scale.

    What wrong is worth hangs on the number of choices; where no item is wrong, it is as of two.
    """
    least = float(values.min()) if len(values) and values.min() < 0 else -1.0
    shares = np.clip((values - least) / (1 - least), 0.0, 1.0)
    return mean(shares, clusters, bounded=True).through(lambda share: least + (1 - least) * share, 1 - least)


def _clusters(rows: pl.DataFrame) -> list[tuple[str, str]] | None:
    """What items are clustered by; one without a name is a cluster of its own, whatever the others are called."""
    if rows["cluster"].null_count() == rows.height:
        return None
    named = zip(rows["cluster"], rows["item"], strict=True)
    return [("item", item) if cluster is None else ("cluster", cluster) for cluster, item in named]


def _estimate(metric: str, rows: pl.DataFrame) -> Estimate:
    kind, clusters = metric_of(metric), _clusters(rows)
    values = rows["value"].to_numpy()
    if kind.over == "sums":
        weights = rows["weight"].to_numpy()
        found = ratio(values, weights, clusters)
        if kind.most is not None and found.value == found.value:
            found = _within(found, kind.most, int((weights > 0).sum()))
    else:
        most = 1.0 if kind.share else kind.most
        if kind.centered:
            found = _centered(values, clusters)
        elif most is None:
            found = mean(values, clusters)
        else:
            shares = np.clip(values / most, 0.0, 1.0)  # a sum of probabilities may be 1 and a rounding error
            found = mean(shares, clusters, bounded=True).scaled(most)
    return {"exp": perplexity, "bits": bits, "": lambda same: same}[kind.finish](found)
