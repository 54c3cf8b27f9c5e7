"""Where the tokens went: the waterfall, and the rules of one step."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts.overview import UNITS, amount, waterfall, waterfall_spec
from dashboard.queries import overview
from dashboard.tables import table
from dashboard.workspace import RunRef
from workbench.render import percent
from workbench.visible import one_line

_CHART = "o-waterfall"
_STEP = "o_step"


def show(run: RunRef) -> None:
    """The chart with its unit, and below it the step that the visitor chose, in the chart or in the list."""
    st.header("Where it went", anchor=False)
    answer = ask(overview.levels, run)
    unit = st.segmented_control("Counted in", UNITS, default=UNITS[0], key="o_unit", bind="query-params", required=True)
    unit = unit if unit in UNITS else UNITS[0]
    frame = waterfall(answer.value, unit)
    bars = frame.filter(frame["kind"].is_in(["dropped", "failed"]))
    steps = list(dict.fromkeys(bars["step"].to_list()))
    draw.vega(
        frame,
        waterfall_spec(unit, int(frame["end"].max() or 0)),  # type: ignore[arg-type]
        alt=_alt(frame, unit),
        key=_CHART,
        sql=answer.sql,
        height=110 + 26 * frame["step"].n_unique(),
        on_choose=_chosen,
    )
    idle = [level.step for level in answer.value.levels if level.step not in steps]
    about = " Tokens and bytes are those of texts: records without one count none." if unit != "documents" else ""
    took = f" Took nothing: {', '.join(idle)}." if idle else ""
    texts.line(f"All {amount(answer.value.total, 'documents')} records, exact.{about}{took}", soft=True)
    with cards.guarded():
        _step(run, steps)


def _alt(frame: Any, unit: str) -> str:
    whole, left = int(frame["end"][0]), int(frame["end"][-1])
    bars = frame.filter(frame["kind"] == "dropped")
    most = max(bars.iter_rows(named=True), key=lambda bar: bar["end"] - bar["start"], default=None)
    said = f"Of {amount(whole, unit)} {unit}, {amount(left, unit)} were kept"
    if most is None:
        return said
    took = most["end"] - most["start"]
    return f"{said}; {most['step']} took most: {amount(took, unit)}, {percent(took / max(1, whole))}"


def _chosen() -> None:
    """A click on a bar is a choice in the list: the URL then holds it."""
    state: Any = st.session_state.get(_CHART)
    picked = (state or {}).get("selection", {}).get("step", [])
    name = picked[0].get("step") if picked else None
    st.session_state[_STEP] = name if isinstance(name, str) and name not in ("input", "kept") else None


def _step(run: RunRef, steps: list[str]) -> None:
    if not steps:
        return
    if st.session_state.get(_STEP) not in steps:
        asked = st.query_params.get(_STEP) if _STEP not in st.session_state else None
        st.session_state[_STEP] = asked if asked in steps else None
    step = st.selectbox(
        "Look into a step",
        steps,
        index=None,
        key=_STEP,
        bind="query-params",
        placeholder="click a bar, or choose",
        format_func=one_line,
        width=340,
    )
    if step is None or step not in steps:
        return
    found = ask(overview.rules, run, step=step)
    rule = next((name for name in found.value["rule"].to_list() if name), None)
    with st.container(horizontal=True):
        if rule is not None:
            chrome.link("rules", f"Rule {rule}", run=run.id, rule=rule)
        chrome.link("documents", f"Documents that ended in {step}", run=run.id, step=step)
    table(
        found.value,
        alt=f"{found.value.height} rules of the step {step}, with the documents and tokens that each took",
        columns={"rule": "rule", "state": "state", "documents": "documents", "tokens": "tokens"},
        key="o-step-rules",
    )
    draw.behind(found.value, key="o-step", sql=found.sql)
