"""Rules beside each other: what this one drops that others drop too, and all pairs as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts import rules as charts
from dashboard.queries import rules
from dashboard.tables import table
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

    from curate.rules import Profile, Rule
    from dashboard.workspace import RunRef

_MOST = 40  # rules in the heat map


def panel(run: RunRef, profile: Profile, rule: Rule, counted: str) -> None:
    """At the thresholds of the run; nothing here depends on the proposed one."""
    import polars as pl

    st.header("Other rules", anchor=False)
    sets = ask(rules.fails, run)
    pairs = rules.together(profile, sets.value)
    mine = pairs.filter(pl.col("rule") == rule.id)
    if mine.is_empty():
        st.caption("The rule failed no document of this run, so that no other rule could have failed it too.")
    else:
        total = int(mine["total"][0])
        alone = int(mine.filter(pl.col("other") == rule.id)["documents"].sum())
        st.caption(
            f"Of the {total:,} documents that fail this rule, {alone:,} ({alone / total:.1%}) fail no other: only it "
            f"catches these. {total - alone:,} would be dropped without it too. Exact, at the run's own thresholds."
        )
        others = mine.filter(pl.col("other") != rule.id).select("other", "documents", "tokens", "share")
        if others.height:
            table(
                others,
                alt=f"{others.height} rules fail documents that {rule.id} fails",
                columns={
                    "other": "other rule",
                    "tokens": one_line(counted),
                    "share": st.column_config.NumberColumn("share of this rule's", format="percent"),
                },
                key="rules-together",
                height=min(320, 38 + 35 * others.height),
            )
    with st.expander("All pairs of rules", key="rules-pairs", on_change="rerun") as opened:
        if opened.open:
            _all(pairs, sets.sql)


def _all(pairs: pl.DataFrame, sql: tuple[str, ...]) -> None:
    import polars as pl

    if pairs.is_empty():
        st.caption("No rule failed a document.")
        return
    most = pairs.group_by("rule").agg(pl.col("total").first()).sort("total", "rule", descending=[True, False])
    names = most["rule"].head(_MOST)
    shown = pairs.filter(pl.col("rule").is_in(names.implode()) & pl.col("other").is_in(names.implode()))
    st.caption(
        "Of the documents that fail the row's rule, the share that fails the column's too; where both are the same "
        "rule, the share that fails no other. Nothing: none."
    )
    if most.height > _MOST:
        st.caption(f"The {_MOST:,} rules that fail most documents, of {most.height:,}.")
    draw.vega(
        shown.drop("total"),
        charts.together(),
        alt=f"{most.height} rules and the share of documents that another one fails too",
        key="rules-matrix",
        sql=sql,
        height=260 + 22 * min(most.height, _MOST),
    )
