"""What the kept tokens are made of, in one run or two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards, texts
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts.overview import amount, treemap
from dashboard.queries import mixes
from dashboard.tables import table
from dashboard.workspace import RunRef
from workbench.render import percent

if TYPE_CHECKING:
    import polars as pl


def show(run: RunRef, other: RunRef | None) -> None:
    """A treemap of each run, and the largest changes of shares between them."""
    st.header("What is kept", anchor=False)
    choices = [name for name in mixes.MIXES if name != "topic and language" or ask(mixes.has_topics, run).value]
    by = choices[0]
    if len(choices) > 1:
        chosen = st.segmented_control(
            "Shared out by", choices, default=by, key="o_mix", bind="query-params", required=True
        )
        by = chosen if chosen in choices else by
    if other is None:
        _map(run, by, "o-mix")
        return
    sides = st.columns(2)
    for place, each, key in ((sides[0], run, "o-mix"), (sides[1], other, "o-mix-other")):
        with place, cards.guarded():
            texts.line(each.id, strong=True)
            _map(each, by, key)
    with cards.guarded():
        _changes(run, other, by)


def _map(run: RunRef, by: str, key: str) -> None:
    found = ask(mixes.mix, run, by=by)
    if found.value.is_empty() or not found.value["tokens"].sum():
        st.caption("Nothing was kept.")
        return
    draw.echarts(treemap(found.value), found.value, alt=_alt(found.value, by), key=key, sql=found.sql)


def _alt(shared: pl.DataFrame, by: str) -> str:
    whole = int(shared["tokens"].sum())
    groups: dict[str, int] = {}
    for name, tokens in shared.select("outer_name", "tokens").iter_rows():
        groups[name] = groups.get(name, 0) + tokens
    largest = sorted(groups.items(), key=lambda group: (-group[1], group[0]))[:3]
    told = "; ".join(f"{name} {percent(tokens / whole)}" for name, tokens in largest)
    return f"{amount(whole, 'tokens')} kept tokens by {by}; the largest: {told}"


def _changes(run: RunRef, other: RunRef, by: str) -> None:
    st.markdown("**Largest changes of shares**")
    now, before = ask(mixes.shares, run, by=by), ask(mixes.shares, other, by=by)
    found = mixes.changes(now.value, before.value)
    if found.is_empty():
        st.caption("Every share is the same in both runs.")
        return
    outer, inner = by.split(" and ")
    first = found.row(0, named=True)
    table(
        found,
        alt=f"The largest of {found.height} changes: {first['outer_name']}, {first['inner_name']}, "
        f"{first['points']:+.2f} points",
        columns={
            "outer_name": outer,
            "inner_name": inner,
            "share_before": st.column_config.NumberColumn("share, compared run", format="percent"),
            "share": st.column_config.NumberColumn("share, this run", format="percent"),
            "points": st.column_config.NumberColumn("points", format="%+.2f"),
            "tokens_before": st.column_config.NumberColumn("tokens, compared run", format="localized"),
            "tokens": st.column_config.NumberColumn("tokens, this run", format="localized"),
        },
        key="o-changes",
    )
    st.caption("Shares of all kept tokens, exact. Parts are compared by name, of each run the 5,000 largest.")
