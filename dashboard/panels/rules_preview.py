"""One rule: its picture, its threshold, and what another one would do. Only this reruns when the threshold moves."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards, texts
from dashboard.charts import draw
from dashboard.charts import rules as charts
from dashboard.panels import rules_boundary, rules_held, rules_threshold
from dashboard.queries import histogram as histograms
from dashboard.queries import rules, threshold
from dashboard.tables import table
from workbench.html import table as html_table
from workbench.visible import one_line

if TYPE_CHECKING:
    from curate.rules import Profile, Rule
    from dashboard.panels.rules_held import Held
    from dashboard.queries.histogram import Histogram
    from dashboard.queries.threshold import Amount, Preview
    from dashboard.workspace import RunRef

_WIDE = 20  # a picture of values that reach further may be drawn with a logarithmic axis


@st.fragment
def panel(run: RunRef, profile: Profile, rule: Rule, counted: str) -> None:
    """The picture, the controls, the numbers, and the documents at the boundary."""
    with cards.guarded():
        held = rules_held.held(run, profile, rule)
        wide = _histogram(run.version, rule.id, False, held, profile, rule)
        above = st.container()
        new = rules_threshold.control(run.id, profile, rule, wide, numeric=held.values.numeric)
        with above:
            _picture(run, profile, rule, new, held, wide)
        found = threshold.preview(held.documents, held.values, profile, rule, new)
        with st.container(key="rules-preview"):
            _numbers(found, profile.column(rule), rule, new, counted)
        rules_boundary.panel(run, profile, rule, new, held)
        _take_away(run, rule, new)


@st.cache_data(max_entries=64, show_spinner=False)
def _histogram(version: str, rule: str, logarithmic: bool, _held: Held, _profile: Profile, _rule: Rule) -> Histogram:
    return histograms.histogram(_held.documents, _held.values, _profile, _rule, logarithmic=logarithmic)


def _picture(run: RunRef, profile: Profile, rule: Rule, new: Rule, held: Held, wide: Histogram) -> None:
    if wide.bins.is_empty():
        st.info("The rule looks at no document of this run.")
        return
    measure = profile.column(rule)
    if not held.values.numeric:
        draw.vega(wide.bins, charts.words(measure), alt=_alt(measure, wide), key="rules-words", sql=held.sql)
        _notes(rule, new, wide, wide, numeric=False)
        return
    with st.container(horizontal=True):
        counts = st.toggle("Logarithmic counts", key="rlogy", bind="query-params")
        far = wide.high - wide.low > _WIDE
        logarithmic = st.toggle("Logarithmic values", key="rlogx", bind="query-params", disabled=not far) and far
    seen = _histogram(run.version, rule.id, True, held, profile, rule) if logarithmic else wide
    lines = [
        (what, at)
        for what, each in (("now", rule), ("proposed", new))
        if (at := histograms.line(each, whole=seen.whole)) is not None and (what == "now" or new != rule)
    ]
    spec = charts.histogram(measure, lines, (seen.low, seen.high), logarithmic=logarithmic, counts=counts)
    draw.vega(charts.stacked(seen.bins), spec, alt=_alt(measure, seen), key="rules-histogram", sql=held.sql, height=340)
    _notes(rule, new, wide, seen, numeric=True)


def _alt(measure: str, seen: Histogram) -> str:
    import polars as pl

    by_state = dict(seen.bins.group_by("state").agg(pl.sum("documents")).rows())
    parts = ", ".join(f"{by_state.get(state, 0):,} {state}" for state in histograms.STATES)
    return f"{measure} of {seen.total:,} documents: {parts}"


def _notes(rule: Rule, new: Rule, wide: Histogram, seen: Histogram, *, numeric: bool) -> None:
    """What the picture does not show, in words."""
    parts = [f"Exact, over the {seen.total:,} documents that the rule looks at."]
    if seen.elsewhere:
        parts.append(f"{seen.elsewhere:,} documents in other languages are left out.")
    if numeric and seen.below + seen.above:
        parts.append(
            f"The first and the last bar hold {seen.below:,} and {seen.above:,} documents that lie further out."
        )
    if not numeric and seen.above:
        parts.append(f"{seen.above:,} documents have one of the values that are rarer than these {histograms.WORDS}.")
    if seen.infinite:
        parts.append(f"{seen.infinite:,} documents with an infinite value are not drawn.")
    if seen.unknown:
        parts.append(f"{seen.unknown:,} documents have no value: they fail the rule at every threshold.")
    for what, each in (("threshold", rule), ("proposed threshold", new)):
        at = histograms.line(each, whole=seen.whole) if numeric else None
        if at is not None and not seen.low <= at <= seen.high and (each is rule or new != rule):
            parts.append(f"The {what} {rules.as_text(each)} lies outside of the picture.")
    st.caption(" ".join(parts))


def _numbers(found: Preview, measure: str, rule: Rule, new: Rule, counted: str) -> None:
    after = found.before.documents + found.kept.documents - found.dropped.documents
    tokens = found.before.tokens + found.kept.tokens - found.dropped.tokens
    said = f"Drops where {measure} is {new.limit}" if new.active else "Switched off"
    own = "as in the run" if rules.as_text(rule) == rules.as_text(new) else f"in the run: {rules.limit(rule)}"
    texts.line(f"{said} ({own})", strong=True)
    kept, dropped, whole = st.columns(3)
    kept.metric("Newly kept documents", f"{found.kept.documents:,}", border=True)
    dropped.metric("Newly dropped documents", f"{found.dropped.documents:,}", border=True)
    change = after - found.before.documents
    whole.metric("Kept then", f"{after:,}", f"{change:,}" if change else None, delta_color="off", border=True)
    rows: list[list[object]] = [
        ["would now pass this rule", *_cells(found.passing)],
        ["— newly kept", *_cells(found.kept)],
        ["— still dropped by another rule", *_cells(found.still)],
        ["would now fail this rule", *_cells(found.failing)],
        ["— newly dropped", *_cells(found.dropped)],
        ["— dropped already by another rule", *_cells(found.caught)],
        ["— dropped already after the rules", *_cells(found.late)],
        ["kept now", *_cells(found.before)],
        ["kept then", after, tokens],
    ]
    left, right = st.columns([2, 3])
    with left:
        texts.show(html_table(["", "documents", one_line(counted)], rows))
    with right:
        _split(found, counted)
    st.caption(
        "Exact, from the stored measures, before duplicates are decided again: a document that is newly kept may be "
        "the duplicate of another, and one that is newly dropped may have stood in another's way. "
        "`curate whatif` decides these too."
    )
    if found.differing:
        cards.problem(
            f"Of {found.differing:,} documents the run says something else about this rule than its measures do.",
            "is the run whole? curate verify tells",
            serious=True,
        )


def _cells(amount: Amount) -> list[object]:
    return [amount.documents, amount.tokens]


def _split(found: Preview, counted: str) -> None:
    """What moves by language and host, and who drops all the same."""
    titles = {
        "kept": "newly kept",
        "dropped": "newly dropped",
        "kept_tokens": f"{counted} kept",
        "dropped_tokens": f"{counted} dropped",
        "lang": "language",
    }
    columns = {key: one_line(title) for key, title in titles.items()}
    languages, hosts, others = st.tabs(["By language", "By host", "Who drops it all the same"], key="rules-split")
    with languages:
        if found.langs.is_empty():
            st.caption("Nothing is newly kept or newly dropped.")
        else:
            table(found.langs, alt=f"what moves, in {found.langs.height} languages", columns=columns, key="rules-langs")
    with hosts:
        if found.hosts.is_empty():
            st.caption("Nothing is newly kept or newly dropped.")
        else:
            alt = f"the {found.hosts.height} hosts of which most moves"
            table(found.hosts, alt=alt, columns=columns, key="rules-hosts")
            if found.rest:
                st.caption(f"The {threshold.TOP:,} largest; {found.rest:,} other hosts are left out.")
    with others:
        if found.others.is_empty():
            st.caption("No document would pass this rule and be dropped by another one.")
        else:
            alt = f"{found.others.height} rules drop documents that would pass this one"
            table(found.others, alt=alt, columns={"tokens": one_line(counted)}, key="rules-others")


def _take_away(run: RunRef, rule: Rule, new: Rule) -> None:
    """What a person takes to the recipe: the dashboard changes nothing."""
    import yaml

    st.subheader("Take it away", anchor=False)
    if run.kind == "curate.decontaminate":
        parent = run.parents[0] if run.parents else "its parent"
        cards.problem(
            "Rules are decided in the run that was decontaminated: decide there, and decontaminate what that keeps.",
            f"open {parent} on this page",
        )
        return
    value = list(new.threshold) if isinstance(new.threshold, tuple) else new.threshold
    left, right = st.columns(2)
    with left:
        st.caption("For the recipe")
        st.code(yaml.safe_dump({"rules": {rule.id: value}}, sort_keys=False, allow_unicode=True), language="yaml")
    with right:
        st.caption("What it would do with duplicates decided again, and a run with it")
        setting = shlex.quote(f"{rule.id}={rules.as_text(new)}")
        path = shlex.quote(str(run.path))
        st.code(
            f"curate whatif {path} --set {setting}\ncurate decide {path} --set {setting} --out NEW",
            language="bash",
            wrap_lines=True,
        )
