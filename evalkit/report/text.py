"""A report as Markdown, for comments and mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.run.rows import label
from workbench.visible import one_line


def number(value: float | None, digits: int = 4) -> str:
    """A number as people read it; what is not known says so."""
    return "unknown" if value is None else f"{value:.{digits}g}"


def between(estimate: Mapping[str, Any]) -> str:
    """A number with its interval."""
    if estimate["low"] is None or estimate["high"] is None:
        return number(estimate["value"])
    return f"{number(estimate['value'])} [{number(estimate['low'])}, {number(estimate['high'])}]"


def _cell(text: str) -> str:
    """Text from data within a table of Markdown: one line, nothing in it is markup."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()<>#+!|&~$" else char for char in one_line(text))


def markdown(report: Mapping[str, Any]) -> str:
    """The same figures as the page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {_cell(report['title'])}, {report['window']}"
    yield f"\n**{_cell(report['verdict'])}**"
    for alarm in report["alarms"]:
        quiet = f" (acknowledged until {alarm['acknowledged_until']})" if alarm["acknowledged_until"] else ""
        yield f"\n- {alarm['level'].upper()} {_cell(alarm['about'])}: {_cell(alarm['message'])}{quiet}"
    for model in report["models"]:
        yield f"\n## {_cell(model['name'])}"
        if model.get("tasks"):
            yield "\n| task | metric | score | items | failed | change | p |\n|---|---|---|---|---|---|---|"
            changes = {(row["task"], row["metric"]): row for row in model.get("compared", [])}
            for name, metric, estimate, task in scores(model):
                row = changes.get((name, metric))
                change = "" if row is None else between(row["difference"])
                p = "" if row is None else number(row["p"], 2)
                cells = (_cell(name), metric, between(estimate), f"{estimate['n']:,}", f"{task['failed']:,}", change, p)
                yield f"| {' | '.join(cells)} |"
        for text in model.get("texts", []):
            yield f"\n{_cell(text['name'])}: bits a byte " + "; ".join(
                f"{_cell(row['group'] or 'all')} {between(row)}" for row in text["rows"][:10]
            )
    for data in report["datasets"]:
        yield f"\n## {_cell(data['name'])}"
        yield "\n" + ", ".join(f"{_cell(name)} {value:,}" for name, value in data["counts"].items())
        yield from (
            f"\n- {_cell(row['source'])}: {100 * row['then']:.1f} % to {100 * row['now']:.1f} %"
            for row in data["changes"]
        )
    yield f"\n---\nMade by winnow {report['provenance']['version']}; again: `{report['provenance']['command']}`"


def scores(model: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """(task, metric, estimate, the task's summary) of every metric."""
    for task in model.get("tasks", []):
        name = label(task["task"], task["preset"])
        for metric, estimate in task["metrics"].items():
            yield name, metric, estimate, task
