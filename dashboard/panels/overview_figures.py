"""The key figures: of a run with their differences to another, and of the workspace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import texts
from dashboard.ask import ask
from dashboard.charts.overview import amount
from dashboard.queries.overview import Figures, figures, has_tokenizer, scored
from dashboard.queries.reports import Seen
from dashboard.workspace import RunRef, Workspace
from evalkit.report import windows
from workbench.render import count, duration, percent


def of_run(run: RunRef, other: RunRef | None) -> None:
    """Six tiles; every number is a count of everything, none an estimate."""
    now = ask(figures, run).value
    before = None if other is None else ask(figures, other).value
    tiles = st.columns(6)
    read, failed = count(now.documents_in), count(now.failed)

    def tile(place: int, title: str, of: Callable[[Figures], float | None], unit: str, about: str) -> None:
        value, earlier = of(now), None if before is None else of(before)
        delta: Any = None
        if value is not None and earlier is not None:
            delta = _difference(value - earlier, earlier, unit) if value != earlier else 0
        _metric(tiles[place], title, _said(value, unit), delta, about)

    tile(0, "Tokens kept", lambda one: one.tokens, "tokens", f"exact, of {count(now.tokens_in)} in texts taken out")
    tile(1, "Documents kept", lambda one: one.documents, "documents", f"exact, of {read} records; {failed} failed")
    tile(
        2, "Yield in tokens", lambda one: _share(one.tokens, one.tokens_in), "%", "exact: tokens kept of those in texts"
    )
    compared = f"exact: {count(now.duplicates)} of {count(now.compared)} documents that passed every other rule"
    tile(3, "Duplicates", lambda one: _share(one.duplicates, one.compared), "%", compared)
    edits = "the run has no table of edits"
    if now.edits is not None:
        edits = f"exact: {count(now.edits)} edits of personal data in {count(now.extracted)} documents, per 1,000"
    tile(4, "PII edits / 1,000", _edits, "", edits)
    looked = "nobody looked: curate decontaminate does"
    if now.looked_at is not None:
        looked = f"exact, of {count(now.looked_at)} benchmark items that could be looked for"
    tile(5, "Items found", lambda one: one.contaminated, "documents", looked)
    tokens = "exact: a tokenizer counted them" if ask(has_tokenizer, run).value else "an estimate of the characters"
    texts.line(
        f"Exact, {read} records: {count(now.documents)} kept, {failed} failed, the others dropped. "
        f"Tokens are {tokens}. Duplicates: of the documents that passed every other rule. "
        "Items found: of benchmarks, in the texts.",
        soft=True,
    )


def of_workspace(here: Workspace, plans: list[Seen]) -> None:
    """The last evaluation and the last report, whatever the run."""
    last = next((run for run in here.of("eval") if run.readable), None)
    windowed = [plan.last for plan in plans if plan.last is not None]
    report = max(windowed, key=lambda one: one.window, default=None)
    if last is None and report is None:
        return
    tiles = st.columns(2 if last is not None and report is not None else 1)
    if last is not None:
        found = ask(scored, last).value
        value = found.get("value")
        between = f"{found['low']:.3f} to {found['high']:.3f}, n = {count(int(found['n']))}" if _whole(found) else ""
        said = None if value is None else f"{value:.3f}"
        about = f"{last.id}: average of its tasks, 95 % interval"
        _metric(tiles[0], "Last evaluation", said, between or "its tasks have no average", about)
    if report is not None:
        age = (datetime.now(UTC) - windows.moment(report.window)).total_seconds()
        late = any(plan.standing is not None and plan.standing.late_h for plan in plans)
        known = all(plan.standing is not None for plan in plans)
        due, color = ("overdue", "inverse") if late else ("in time", "normal") if known else ("due unknown", "off")
        about = f"{report.plan}: {report.verdict}"
        _metric(tiles[-1], "Age of the last report", _age(max(0.0, age)), due, about, color)


def _age(seconds: float) -> str:
    return duration(seconds) if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def _whole(found: dict[str, Any]) -> bool:
    return all(isinstance(found.get(name), int | float) for name in ("value", "low", "high", "n"))


def _metric(place: Any, title: str, value: str | None, delta: Any, about: str, color: Any = "off") -> None:
    with place:
        arrow: Any = "auto" if color == "off" and isinstance(delta, str) and delta[0] in "+-" else "off"
        st.metric(
            title,
            value,
            delta,
            delta_color=color,
            delta_arrow=arrow,
            border=True,
            height="stretch",
            help=texts.label(about),
        )


def _edits(one: Figures) -> float | None:
    return None if one.edits is None or not one.extracted else 1000 * one.edits / one.extracted


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _said(value: float | None, unit: str) -> str | None:
    if value is None:
        return None
    if unit == "%":
        return f"{value:.1f} %"
    return amount(value, unit) if unit else f"{value:,.1f}"


def _difference(by: float, earlier: float, unit: str) -> str:
    sign = "+" if by > 0 else "-"
    if unit == "%":
        return f"{sign}{abs(by):.1f} points"
    relative = f" ({sign}{percent(abs(by / earlier))})" if earlier else ""
    return f"{sign}{amount(abs(by), unit) if unit else f'{abs(by):,.1f}'}{relative}"
