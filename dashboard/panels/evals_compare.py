"""Two evaluations on the same items: what differs, whether it can be chance, and which items tell them apart."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards, choices, chrome, copying, texts
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts.evals import differences
from dashboard.panels import evals_flips
from dashboard.queries import evals, evals_pairs
from dashboard.tables import table
from dashboard.workspace import RunRef, Workspace
from evalkit.compare.runs import Compared, Comparison
from evalkit.run.show import number
from evalkit.statistics.intervals import Estimate
from evalkit.tasks.metrics import metric_of
from workbench.errors import UserError
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

_POINT = 0.01
_MOST_DRAWN = 60
_SLICES = ("Groups", "Length of the prompt")


def show(here: Workspace) -> None:
    """The tab of comparisons."""
    runs = here.of(evals.KIND)
    if len(runs) < 2:
        cards.empty("A comparison needs two evaluations; there are fewer.", "evalkit run MODEL TASK --root workspace")
        return
    a, b = _two(runs)
    if a.id == b.id:
        cards.problem("A and B are the same run.", "choose another one above")
        return
    if any([cards.of_run(a), cards.of_run(b)]):
        return
    metric = _metric(a, b)
    different = st.toggle("Also where the prompts differ", key="eprompts", bind="query-params")
    with st.spinner("Comparing item by item ...", show_time=True):
        found: Comparison = ask(evals_pairs.compared, a, other=b, metric=metric, different=bool(different)).value
    _overview(a, b, found)
    if not found.rows:
        return
    row = found.rows[_option("Task", "task", [each.label for each in found.rows])]
    with cards.guarded():
        _one(row)
    with cards.guarded():
        _slices(a, b, row)
    with cards.guarded():
        evals_flips.show(here, a, b, (row.task, row.preset), row.metric)


def _two(runs: list[RunRef]) -> tuple[RunRef, RunRef]:
    """A and B: those of the URL, else the newest run and the one before it that shares a task."""
    ids = {run.id for run in runs}
    given = [st.session_state.get(key, st.query_params.get(key)) for key in ("a", "b")]
    for name in given:
        if name is not None and name not in ids:
            cards.problem(f"There is no such evaluation: '{name}'", "another one is taken instead")
    if given[0] not in ids or given[1] not in ids:
        usual = _usual(runs, given[1] if given[1] in ids else None, given[0] if given[0] in ids else None)
        for key, name, other in zip("ab", given, usual, strict=True):
            if name not in ids:
                st.session_state[key] = other
    with st.container(horizontal=True, vertical_alignment="bottom"):
        a, b = chrome.pick(runs, "A", "a"), chrome.pick(runs, "B, compared with A", "b")
        st.button("Swap", icon=":material/swap_horiz:", on_click=_swap, key="evals-swap")
        chrome.copy_link(a=a.id, b=b.id, etab="Compare")
    return a, b


def _swap() -> None:
    st.session_state["a"], st.session_state["b"] = st.session_state.get("b"), st.session_state.get("a")


def _usual(runs: list[RunRef], b: str | None, a: str | None) -> tuple[str, str]:
    readable = [run for run in runs if run.readable][:20] or runs
    fixed = next((run for run in runs if run.id == (b or a)), readable[0])
    tasks = _tasks(fixed)
    others = [run for run in readable if run.id != fixed.id]
    other = next((run for run in others if tasks & _tasks(run)), others[0] if others else fixed)
    return (fixed.id, other.id) if a is not None and b is None else (other.id, fixed.id)


def _tasks(run: RunRef) -> set[str]:
    try:
        return set(ask(evals.scores, run).value["label"]) - {evals.MEAN} if run.readable else set()
    except UserError:
        return set()  # only for a guess at what to compare: a run that is chosen says what is wrong with it


def _metric(a: RunRef, b: RunRef) -> str | None:
    left, right = (set(ask(evals.scores, run).value["metric"].drop_nulls()) for run in (a, b))
    options = sorted((left & right) - {evals.MEAN})
    choices.follow("metric", options, None, "metric")
    chosen = st.selectbox("Metric", options, index=None, key="metric", placeholder="the first of each task", width=300)
    choices.keep("metric", chosen)
    return chosen


def _option(title: str, key: str, options: list[str]) -> int:
    choices.follow(key, options, options[0], title.lower())
    chosen = str(st.selectbox(title, options, key=key, format_func=one_line, width=300))
    choices.keep(key, chosen)
    return options.index(chosen)


def _points(metric: str, value: float) -> str:
    """A difference: points where the metric is a share."""
    if value != value:
        return "-"
    return f"{100 * value:+.1f} points" if metric_of(metric).share else f"{value:+.4g}"


def _interval(metric: str, found: Estimate) -> str:
    if metric_of(metric).share and found.low == found.low:
        return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}] points"
    return f"{_points(metric, found.value)} [{_points(metric, found.low)}, {_points(metric, found.high)}]"


def _frame(rows: Sequence[Compared]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        [
            {
                "task": row.label,
                "metric": row.metric,
                "A": row.difference.a,
                "B": row.difference.b,
                "B less A": row.difference.estimate.value,
                "low": row.difference.estimate.low,
                "high": row.difference.estimate.high,
                "p (Holm)": row.p,
                "verdict": row.verdict.words,
                "detectable": row.difference.detectable,
                "n": row.difference.estimate.n,
                "clusters": row.difference.estimate.clusters,
                "B higher": row.difference.gained,
                "A higher": row.difference.lost,
                "equal": row.difference.same,
                "unscored": row.unscored,
            }
            for row in rows
        ],
        infer_schema_length=None,
    )


def _overview(a: RunRef, b: RunRef, found: Comparison) -> None:
    """All tasks at once."""
    import polars as pl

    texts.line(f"A is {a.id}, B is {b.id}. Differences are B less A, on items that both could score.", soft=True)
    for note in found.notes:
        texts.line(note, soft=True)
    if not found.rows:
        cards.problem("There is nothing to compare.", "the notes above say why")
        return
    frame = _frame(found.rows)
    shares = [row for row in found.rows if metric_of(row.metric).share] or found.rows[:1]
    drawn = pl.DataFrame(
        [
            {
                "name": row.label,
                "value": row.difference.estimate.value,
                "low": row.difference.estimate.low,
                "high": row.difference.estimate.high,
                "said": _interval(row.metric, row.difference.estimate),
                "n": row.difference.estimate.n,
            }
            for row in shares[:_MOST_DRAWN]
        ],
        infer_schema_length=None,
    )
    clear = [row for row in found.rows if row.verdict.kind in "ab"]
    named = "; ".join(f"{one_line(row.label)}: {row.verdict.words}" for row in clear[:5]) or "no difference is clear"
    draw.vega(
        drawn,
        differences("B less A, 95 % interval", rows=drawn.height, share=metric_of(shares[0].metric).share),
        alt=f"Differences with intervals on {drawn.height} tasks: {named}.",
        key="evals-differences",
    )
    numbers = ("A", "B", "B less A", "low", "high", "p (Holm)", "detectable")
    table(
        frame,
        alt=f"{frame.height} comparisons: {named}",
        columns={name: st.column_config.NumberColumn(name, format="%.4g") for name in numbers},
        key="evals-compared",
    )
    with st.container(horizontal=True):
        copying.control(frame, key="evals-compared")
        with st.popover("The same in a terminal", on_change="rerun", key="evals-command") as opened:
            if opened.open:
                st.code(one_line(shlex.join(["evalkit", "compare", str(a.path), str(b.path)])), language=None)


def _one(row: Compared) -> None:
    """One task: the verdict in words, and what the comparison could have seen."""
    found = row.difference
    texts.line(f"{row.label}, {row.metric}: {row.verdict.words}.", strong=True)
    clusters = "" if found.estimate.clusters is None else f" in {found.estimate.clusters:,} clusters"
    texts.line(
        f"A {number(row.metric, found.a)}, B {number(row.metric, found.b)}; the difference is "
        f"{_interval(row.metric, found.estimate)} (95 %, {found.estimate.method}), p {row.p:.3g} (adjusted for all "
        f"tasks, Holm), n {found.estimate.n:,} items{clusters}."
    )
    if not found.detectable > 0:
        return
    seen = _points(row.metric, found.detectable).lstrip("+")
    more = ""
    if metric_of(row.metric).share:
        more = f" To see one point it would take about {found.items_for(_POINT):,} such items."
    texts.line(f"Least difference that so many items show (power 80 %, 5 %): {seen}.{more}", soft=True)


def _slices(a: RunRef, b: RunRef, row: Compared) -> None:
    with st.expander("By group and by length", key="eslices", on_change="rerun") as opened:
        if not opened.open:
            return
        by = st.segmented_control("Slices by", _SLICES, default=_SLICES[0], required=True, key="evals-slices")
        function = evals_pairs.by_length if by == _SLICES[1] else evals_pairs.by_group
        with st.spinner("Comparing slice by slice ..."):
            found = ask(function, a, other=b, task=(row.task, row.preset), metric=row.metric).value
        if not found:
            texts.line("The items of this task belong to no groups.", soft=True)
            return
        import polars as pl

        frame = pl.DataFrame(
            [
                {
                    "slice": each.name,
                    "A": each.difference.a,
                    "B": each.difference.b,
                    "B less A": each.difference.estimate.value,
                    "low": each.difference.estimate.low,
                    "high": each.difference.estimate.high,
                    "p (Holm)": each.p,
                    "n": each.difference.estimate.n,
                    "verdict": each.verdict.words,
                }
                for each in found
            ],
            infer_schema_length=None,
        )
        table(frame, alt=f"{frame.height} slices of the task, each with its difference", key=f"evals-by-{len(str(by))}")
        texts.line(
            f"p is adjusted for the {frame.height:,} slices shown; a slice has fewer items than the task.", soft=True
        )
        copying.control(frame, key="evals-slices-table")
