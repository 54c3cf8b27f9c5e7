"""The stored numbers of evaluations that are not tasks: perplexity, judges, contamination. Each as few rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dashboard.queries.evals import known_metric, stored
from dashboard.source import Source
from evalkit.run.show import number
from evalkit.tasks.metrics import metric_of

if TYPE_CHECKING:
    import polars as pl


def said(found: Mapping[str, Any] | None, *, percent: bool = False) -> str:
    """A stored number with its interval and n: `2.88 [1.63, 3.51], n 10`."""
    if found is None or found["value"] is None:
        return "-"
    scale, unit = (100, " %") if percent else (1, "")
    values = [None if found[name] is None else scale * found[name] for name in ("value", "low", "high")]
    if values[1] is None or values[2] is None:
        return f"{values[0]:.4g}{unit}, n {found['n']:,}"
    return f"{values[0]:.4g}{unit} [{values[1]:.4g}, {values[2]:.4g}], n {found['n']:,}"


def perplexity(source: Source) -> dict[str, Any]:
    """Bits per byte by model and group. rows: order, model, group (`all` for the whole), texts, scored, failed, value,
    low, high, said. compared: a sentence for each two models on the whole."""
    import polars as pl

    summary = source.json("summary.json")
    with stored(source):
        groups = {
            group: place for place, group in enumerate(dict.fromkeys(one["group"] for one in summary["measured"]))
        }
        rows = [
            {
                "order": groups[one["group"]],
                "model": one["model"],
                "group": "all" if one["group"] is None else str(one["group"]),
                **{name: one[name] for name in ("texts", "scored", "failed")},
                **{name: one["bits_per_byte"][name] for name in ("value", "low", "high")},
                "said": said(one["bits_per_byte"]),
                "perplexity of a token": said(one["token_perplexity"]),
            }
            for one in summary["measured"]
        ]
        compared = [
            f"{one['b']} less {one['a']}: {said(one['difference'])} bits per byte; {one['verdict']['words']}."
            for one in summary["compared"]
            if one["group"] is None
        ]
        about = {"texts": summary["data"]["texts"], "data": summary["data"]["name"]}
        frame = pl.DataFrame(rows, infer_schema_length=None)
        return {**about, "by": summary["by"], "split": summary["split"], "rows": frame, "compared": compared}


_POSITION = {
    "first": "more than half that the answer shown first gets",
    "consistent": "pairs on which both orders agree",
}


def _facts(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(rows, {"what": pl.String, "number": pl.String, "about": pl.String}, orient="row")


def judged(source: Source) -> pl.DataFrame:
    """Win rates of one model over another: what, number, about."""
    one = source.json("summary.json")
    with stored(source):
        interval = f"{one['win_rate']:.1f} % [{one['low']:.1f}, {one['high']:.1f}], n {one['total']:,}"
        rows = [
            (f"win rate of {one['model']} over {one['baseline']}", interval, f"judge {one['judge']['name']}"),
            ("wins, losses, ties", f"{one['wins']:,}, {one['losses']:,}, {one['ties']:,}", "exact"),
        ]
        if (held := one["controlled"]) is not None:
            at = f"{held['rate']:.1f} % [{held['low']:.1f}, {held['high']:.1f}], n {one['total']:,}"
            rows.append(("win rate at equal length", at, f"effect of length {held['length']:+.3f}"))
        lengths = f"{one['average_length']:.0f} against {one['baseline_length']:.0f}"
        rows.append(("characters of an answer, on average", lengths, "exact"))
        place = one["position"]
        if place is None:
            rows.append(("effect of the position", "-", "a judge of single answers sees no order"))
        else:
            for name, value in place.items():
                rows.append((_POSITION[name], said(value, percent=True), "both orders asked"))
        rows.append(("without a verdict", f"{one['unscored']:,}", f"{one['masked']:,} names masked"))
        return _facts(rows)


def _plain(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def known(source: Source) -> pl.DataFrame:
    """By task: items found in what a model has read, and its score on the others: task, found, all, clean, dirty."""
    import polars as pl

    summary = source.json("summary.json")
    with stored(source):
        rows = []
        for task in summary["tasks"]:
            metric = next((name for name in task["metrics"] if known_metric(name)), None)
            sets = {} if metric is None else task["metrics"][metric]
            share = metric is not None and metric_of(metric).share
            told = {name: said(sets.get(name), percent=share) for name in ("all", "clean", "dirty", "untestable")}
            about = {"task": task["label"], "items found": f"{task['dirty']:,} of {task['items']:,}"}
            about["share found"] = said(task["share"], percent=True)
            names = {"all": "score on all", "clean": "on items not found", "dirty": "on items found"}
            titled = {names.get(name, "on items too short to look for"): text for name, text in told.items()}
            reads = "-" if task["reads"] is None else f"{task['reads']:.1f}"
            rows.append({**about, "metric": metric, **titled, "times read": reads})
        return pl.DataFrame(rows, infer_schema_length=None)


def order(source: Source) -> pl.DataFrame:
    """Whether a model finds the order in which a file stands likelier than others: what, number, about."""
    one = source.json("summary.json")
    with stored(source):
        asked = one["asked"]
        permuted = f"{asked['permutations']:,} permutations of each of {asked['shards']:,} shards"
        return _facts(
            [
                ("verdict", one["verdict"], f"{one['model']['name']} on {one['data']}"),
                ("p, of the order as it stands", _plain(one["p"]), permuted),
                ("nats by which it is likelier", said(one["difference"]), f"{asked['examples']:,} examples"),
                ("p, of a compressor that read nothing", _plain(one["p_compressor"]), "the check of the test itself"),
            ]
        )


def membership(source: Source) -> pl.DataFrame:
    """How well scores tell documents that a model read from others: what, number, about."""
    one = source.json("summary.json")
    with stored(source):
        rows = []
        for score in one["scores"]:
            told = ", ".join(
                f"{number('acc', float(at))} false: {said(v, percent=True)}" for at, v in score["tpr"].items()
            )
            what = f"AUC of {score['score']}" + (" (reads no model)" if score["blind"] else "")
            rows.append((what, said(score["auc"]), f"read and found at {told}"))
        return _facts(rows)
