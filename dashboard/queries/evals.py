"""What the page of evaluations asks of one run: its stored scores, and what is known of contamination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dashboard.source import Source
from evalkit.run.rows import label
from evalkit.tasks.metrics import METRICS, metric_of
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import polars as pl

KIND = "eval"
KNOWN = "eval.contamination.known"
OTHERS = ("eval.perplexity", "judge", KNOWN, "eval.contamination.order", "eval.contamination.membership")
MEAN = "mean of all tasks"


@contextmanager
def stored(source: Source) -> Iterator[None]:
    """A summary that lacks something is no traceback: UserError (exit 4) with the run."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"summary.json of the run '{source.run.id}' is not as evalkit writes it ({type(error).__name__}: {error})",
            hint=f"see how the run ended: workbench lineage {source.run.path}",
            code=Exit.INPUT,
        ) from None


def known_metric(name: str) -> bool:
    """Whether a score's name is that of a metric; summaries may come from elsewhere."""
    return name.partition("/")[0] in METRICS


def scores(source: Source) -> pl.DataFrame:
    """A row for each task, preset and metric of a finished evaluation, in the summary's order.

    place: 0 for a task's first metric. value, low, high: null where the data say nothing. The mean over tasks, where
    there is one, is the last row.
    """
    import polars as pl

    summary = source.json("summary.json")
    with stored(source):
        model = str(summary["model"]["name"])
        rows = []
        for task in summary["tasks"]:
            counts = {name: task[name] for name in ("items", "scored", "failed", "unscored")}
            about = {"task": task["task"], "preset": task["preset"], "beside": task.get("beside"), **counts}
            named = {**about, "label": label(task["task"], task["preset"]), "seen": bool(task["seen_in_training"])}
            metrics = [(name, found) for name, found in (task["metrics"] or {}).items() if known_metric(name)]
            for place, (metric, found) in enumerate(metrics):
                numbers = {name: found[name] for name in ("value", "low", "high", "n", "clusters", "method")}
                rows.append({**named, "place": place, "metric": metric, "share": metric_of(metric).share, **numbers})
            if not metrics:
                rows.append({**named, "place": 0, "metric": None, "share": False})
        mean = (summary["averages"] or {}).get("all")
        if mean is not None:
            numbers = {name: mean[name] for name in ("value", "low", "high", "n", "clusters", "method")}
            rows.append({"label": MEAN, "place": 0, "metric": MEAN, "share": True, **numbers})
        columns = _schema(
            String="model label task preset beside metric method",
            Int64="place n clusters items scored failed unscored",
            Float64="value low high",
            Boolean="share seen",
        )
        return pl.DataFrame([{"model": model, **row} for row in rows], columns)


def _schema(**columns: str) -> dict[str, Any]:
    """Columns by the type they have in common: `String="a b"`."""
    import polars as pl

    return {name: getattr(pl, kind) for kind, names in columns.items() for name in names.split()}


def clean_scores(source: Source) -> pl.DataFrame:
    """Of a run that knows what its model has read: by task and metric, the scores on items of each set.

    evaluation: the run whose items they are. set: `clean` (not found), `dirty` (found) or `untestable` (too short to
    be looked for); `items` is how many there are of the set.
    """
    import polars as pl

    summary = source.json("summary.json")
    with stored(source):
        rows = []
        for task in summary["tasks"]:
            for metric, sets in task["metrics"].items():
                if not known_metric(metric):
                    continue
                for name in ("clean", "dirty", "untestable"):
                    found: Mapping[str, Any] = sets[name] or {}
                    numbers = {key: found.get(key) for key in ("value", "low", "high", "n")}
                    where = {"evaluation": summary["evaluation"], "label": task["label"], "metric": metric}
                    rows.append({**where, "set": name, "items": task[name], **numbers})
        columns = _schema(String="evaluation label metric set", Int64="items n", Float64="value low high")
        return pl.DataFrame(rows, columns)
