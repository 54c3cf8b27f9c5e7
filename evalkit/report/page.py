"""A report as one page of HTML: no script, no request to anywhere, and model outputs as the text that they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.report.text import between, number, scores
from workbench.html import Html, escape, figure, page, section, table, visible
from workbench.plots import Interval, intervals

_PLOTTED = 40


def html(report: Mapping[str, Any], flips: int) -> str:
    """The page, with at most `flips` items each way for every comparison."""
    parts: list[Html] = [_verdict(report)]
    for model in report["models"]:
        parts += _model(model, flips)
    for data in report["datasets"]:
        parts.append(_dataset(data))
    parts.append(_provenance(report))
    return page(f"{report['title']}, {report['window']}", *parts)


def _verdict(report: Mapping[str, Any]) -> Html:
    rows = [
        (alarm["level"].upper(), alarm["about"], alarm["message"], alarm["acknowledged_until"] or "")
        for alarm in report["alarms"]
    ]
    line = Html(f'<p class="verdict {escape(report["level"])}"><strong>{visible(report["verdict"])}</strong></p>')
    return Html(line + (table(("level", "about", "what", "acknowledged until"), rows) if rows else ""))


def _model(model: Mapping[str, Any], flips: int) -> Iterator[Html]:
    changes = {(row["task"], row["metric"]): row for row in model.get("compared", [])}
    if model.get("tasks"):
        rows: list[tuple[Any, ...]] = []
        drawn: list[Interval] = []
        for name, metric, estimate, task in scores(model):
            change = changes.get((name, metric))
            rows.append(
                (
                    name,
                    metric,
                    between(estimate),
                    estimate["n"],
                    task["failed"] + task["unscored"],
                    "" if change is None else between(change["difference"]),
                    "" if change is None else number(change["p"], 2),
                    "" if change is None else change["words"],
                )
            )
            if change is not None and len(drawn) < _PLOTTED:
                difference = change["difference"]
                values = (_float(difference[end]) for end in ("value", "low", "high"))
                drawn.append(Interval(f"{name} {metric}", *values))
        columns = ("task", "metric", "score, 95 %", "items", "without", "change, 95 %", "p", "verdict")
        against = (
            f"Compared with {model['baseline']}; p after Holm." if model.get("baseline") else "Nothing to compare with."
        )
        parts = [table(columns, rows, against)]
        if drawn:
            parts.append(
                figure(intervals(drawn, "changes against the baseline", zero=True), "Change against the baseline")
            )
        parts += [Html(f'<p class="note">{visible(note)}</p>') for note in model.get("notes", [])]
        yield section(model["name"], *parts)
        yield from _flips(model, flips)
    for text in model.get("texts", []):
        yield _text(model["name"], text)


def _flips(model: Mapping[str, Any], most: int) -> Iterator[Html]:
    for row in model.get("compared", []):
        shown = [*_some(row["flips"], True, most), *_some(row["flips"], False, most)]
        if not row["gained"] and not row["lost"]:
            continue
        told = f"{row['task']}: {row['gained']:,} items gained, {row['lost']:,} lost; {len(shown)} shown"
        cells = [
            ("gained" if flip["gained"] else "lost", flip["item"], flip["prompt"], flip["right"], flip["a"], flip["b"])
            for flip in shown
        ]
        content = table(("", "item", "asked", "right", "baseline said", "now"), cells) if cells else ""
        yield Html(f"<details><summary>{visible(told)}</summary>{content}</details>")


def _some(flips: Sequence[Mapping[str, Any]], gained: bool, most: int) -> list[Mapping[str, Any]]:
    return [flip for flip in flips if flip["gained"] == gained][:most]


def _text(name: str, text: Mapping[str, Any]) -> Html:
    first = {row["group"]: row["value"] for row in text["first"] or []}
    rows = [
        (row["group"] or "all", between(row), row["texts"], row["bytes"], number(first.get(row["group"])))
        for row in text["rows"]
    ]
    drawn = [
        Interval(
            row["group"] or "all",
            _float(row["value"]),
            _float(row["low"]),
            _float(row["high"]),
            _float(first[row["group"]]) if row["group"] in first else None,
        )
        for row in text["rows"][:_PLOTTED]
    ]
    return section(
        f"{name}: perplexity on {text['name']}",
        table(("domain", "bits a byte, 95 %", "texts", "bytes", "first report"), rows),
        figure(intervals(drawn, "bits a byte by domain"), "Bits a byte; the stroke is the first report"),
    )


def _dataset(data: Mapping[str, Any]) -> Html:
    before = data["before"]
    then = {} if before is None else before["counts"]
    rows = [(name, value, then.get(name, "")) for name, value in data["counts"].items()]
    title = f"{data['run_id']}" + ("" if before is None else f", before: {before['run_id']}")
    parts = [table(("count", "now", "last report"), rows, title)]
    if data["changes"]:
        changed = [
            (row["source"], f"{100 * row['now']:.1f} %", f"{100 * row['then']:.1f} %") for row in data["changes"]
        ]
        parts.append(table(("host", "share of tokens now", "last report"), changed))
    return section(f"Data: {data['name']}", *parts)


def _provenance(report: Mapping[str, Any]) -> Html:
    made = report["provenance"]
    rows: list[tuple[str, Any]] = [
        ("made", report["made"]),
        ("winnow", made["version"]),
        ("commit", (made["code"] or {}).get("commit") or "unknown"),
        ("again", made["command"]),
    ]
    for model in report["models"]:
        rows += [(f"{model['name']}: model", model["model"]), (f"{model['name']}: weights", model["digest"])]
        rows += [(f"{model['name']}: run", model["run"])] if "run" in model else []
        rows += [(f"{model['name']}: {name}", str(value)) for name, value in model["account"].items()]
    return section("Provenance and cost", table(("what", "value"), rows))


def _float(value: float | None) -> float:
    return math.nan if value is None else value
