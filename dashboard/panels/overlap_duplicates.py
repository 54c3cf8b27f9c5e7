"""Duplicates of a run: totals, the histogram of similarity, clusters by size, and the members of one."""

from __future__ import annotations

import streamlit as st

from dashboard import cards, tables, texts
from dashboard.ask import ask, workspace
from dashboard.charts import draw
from dashboard.charts import overlap as charts
from dashboard.panels import overlap_pair, overlap_verdicts
from dashboard.panels.overlap_choose import choose, keys
from dashboard.queries import overlap
from dashboard.workspace import RunRef
from workbench.errors import UserError

_NUMBER = st.column_config.NumberColumn
_TEXT = st.column_config.TextColumn
_CLUSTERS = {
    "documents": _NUMBER("Documents", format="localized"),
    "kept": _NUMBER("Kept", format="localized"),
    "removed": _NUMBER("Removed", format="localized"),
    "tokens": _NUMBER("Tokens removed", format="localized"),
    "hosts": _NUMBER("Hosts", format="localized"),
    "lowest": _NUMBER("Lowest similarity", format="%.3f"),
    "mean": _NUMBER("Mean", format="%.3f"),
    "methods": _TEXT("Found by"),
    "host": _TEXT("Best page's host"),
}
_MEMBERS = {
    "role": _TEXT("", width=70),
    "jaccard": _NUMBER("Similarity", format="%.3f"),
    "containment": _NUMBER("Containment", format="%.3f"),
    "method": _TEXT("Found by"),
    "tokens": _NUMBER("Tokens", format="localized"),
    "host": _TEXT("Host"),
    "id": _TEXT("Id"),
}


def show(run: RunRef) -> None:
    """The tab; a card where the run compared no documents."""
    totals = ask(overlap.totals, run)
    removed = int(totals.value["documents"].sum())
    if not removed:
        command = "curate run --input INPUT --set duplicates.near.enabled=true --out RUN"
        cards.empty("This run removed no duplicates: it compared no documents, or found none.", command)
        return
    number = ask(overlap.number, run).value
    by = ", ".join(f"{row['documents']:,} by {row['method']}" for row in totals.value.iter_rows(named=True))
    tokens = int(totals.value["tokens"].sum())
    texts.line(f"{removed:,} documents with {tokens:,} tokens removed in {number:,} clusters ({by}); exact.")
    with cards.guarded():
        _similarities(run)
    with cards.guarded():
        overlap_verdicts.share(run.id, overlap_pair.ABOUT, overlap_pair.WRONG, "pairs")
    st.header("Clusters", anchor=False)
    offset = tables.pages(number, "clusters")
    rows = ask(overlap.clusters, run, offset=offset, limit=tables.PAGE).value
    tables.shown(offset, rows.height, number, "clusters, the largest first")
    alt = f"clusters of duplicates, the largest first, of {number:,}"
    cluster = choose(
        rows, rows["cluster"].to_list(), "cluster", alt=alt, key=f"overlap-clusters-{offset}", columns=_CLUSTERS
    )
    if cluster:
        with cards.guarded():
            _cluster(run, cluster)


def _similarities(run: RunRef) -> None:
    found = ask(overlap.similarities, run)
    if found.value.is_empty():
        return
    try:
        threshold: float | None = ask(overlap.settings, run, root=str(workspace().root)).value.near.threshold
    except UserError:
        threshold = None
    total = int(found.value["documents"].sum())
    least = float(found.value["similarity"].to_list()[0])
    most = found.value.sort("documents", descending=True).row(0, named=True)
    alt = (
        f"{total:,} near duplicates by similarity: from {least:.2f}, most "
        f"({most['documents']:,}) from {most['similarity']:.2f}"
    )
    draw.vega(
        found.value, charts.similarities(threshold), alt=alt, key="overlap-similarities", sql=found.sql, height=240
    )
    lowest = threshold or least
    if lowest >= 1:
        return
    asked = st.slider("Less similar than", lowest, 1.0, min(1.0, lowest + 0.05), 0.01, key="sim", bind="query-params")
    below = ask(overlap.below, run, similarity=float(asked)).value
    st.caption(f"{below:,} of {total:,} near duplicates are less similar than {asked:.2f} to what was kept (exact).")


def _cluster(run: RunRef, cluster: str) -> None:
    size = ask(overlap.size, run, cluster=cluster).value
    if not size:
        cards.problem(f"The run '{run.id}' has no cluster '{cluster[:80]}'.", "choose one in the table above")
        return
    st.header("One cluster", anchor=False)
    offset = tables.pages(size, "members")
    rows = ask(overlap.members, run, cluster=cluster, offset=offset, limit=tables.PAGE).value
    tables.shown(offset, rows.height, size, "documents, the kept first, then the least similar")
    ids = rows["id"].to_list()
    alt = f"{size:,} documents of a cluster"
    height = min(300, 40 + 36 * rows.height)
    key = f"overlap-members-{cluster}-{offset}"
    chosen = choose(rows, ids, "pair", alt=alt, key=key, columns=_MEMBERS, height=height)
    removed = [row["id"] for row in rows.iter_rows(named=True) if row["role"] == "removed"]
    if chosen not in removed:
        inside = None if chosen is None else ask(overlap.pair, run, dropped=chosen).value
        if inside is None or inside["cluster"] != cluster:
            chosen = removed[0] if removed else None
    if chosen is None:
        return
    st.subheader("Kept and removed", anchor=False)
    keys(removed, "pair", chosen)
    overlap_pair.show(run, chosen)
