"""The duplicates of a run for its report: how many, how similar, and what tells the copies of a cluster apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from curate.ask.duplicates import duplicates, removals
from curate.ask.finished import FinishedRun
from curate.ask.side_by_side import Span, pieces
from curate.ask.wording import Place, places
from workbench import html, plots
from workbench.render import percent

_CLUSTERS = 8
_BINS = 40
_PLACES = 4
_SAME_CHARS, _OTHER_CHARS = 150, 400


def gallery(run: FinishedRun) -> html.Html | None:
    """A section of the report; None for a run that compared no documents."""
    table = removals(run)
    if table is None:
        return None
    answer = duplicates(run, largest=_CLUSTERS)
    parts: list[str] = [_totals(answer), *answer["guards"]["sentences"]]
    near = table.filter(pl.col("method") == "near").select("jaccard").drop_nulls().collect()["jaccard"].to_numpy()
    if len(near):
        parts.append(_similarities(near, run.settings.duplicates.near.threshold))
    if answer["largest"]:
        shown = len(answer["largest"])
        parts.append(
            f"The {shown} largest of {answer['clusters']:,} clusters, each by the removed page that is least like "
            "the one kept for it: the first places where the two differ, with what only one of them says marked."
        )
        parts += _clusters(run, answer["largest"])
    return html.section("Duplicates", *parts)


def _totals(answer: dict[str, Any]) -> html.Html:
    rows = [
        [rule, found["documents"], percent(found["documents"] / answer["passed"]), found["tokens"]]
        for rule, found in answer["removed"].items()
    ]
    note = f"of {answer['passed']:,} documents that passed the document rules"
    return html.table(["removed by", "documents", "share", "tokens"], rows, note)


def _similarities(values: np.ndarray, threshold: float) -> html.Html:
    """Similarities of near duplicates to what was kept for them."""
    low = min(threshold, float(values.min()))
    edges = np.linspace(low, 1.0, _BINS + 1) if low < 1 else np.array([1.0, 1.0])
    counts, _ = np.histogram(values, bins=edges)
    picture = plots.histogram(edges.tolist(), counts.tolist(), threshold=threshold, inclusive=True, label="similarity")
    return html.figure(picture, "Jaccard similarity of near duplicates to the page that was kept for each.")


def _clusters(run: FinishedRun, clusters: list[dict[str, Any]]) -> list[html.Html]:
    farthest = [cluster["farthest"] for cluster in clusters]
    kept = _pages(run, "documents", [pair["kept_id"] for pair in farthest])
    dropped = _pages(run, "dropped", [pair["dropped_id"] for pair in farthest])
    parts = []
    for cluster in clusters:
        pair = cluster["farthest"]
        caption = (
            f"{cluster['documents']:,} documents, {cluster['kept']:,} kept, on {cluster['hosts']:,} "
            f"{'host' if cluster['hosts'] == 1 else 'hosts'}, "
            f"{cluster['tokens_removed']:,} tokens removed; lowest similarity {_decimal(cluster['jaccard_lowest'])}, "
            f"median {_decimal(cluster['jaccard_median'])}"
        )
        sides = kept.get(pair["kept_id"]), dropped.get(pair["dropped_id"])
        heads = [_name(page, key) for page, key in zip(sides, (pair["kept_id"], pair["dropped_id"]), strict=True)]
        rows = []
        if sides[0] is not None and sides[1] is not None:
            rows = _differences(sides[0]["text"], sides[1]["text"])
        parts.append(html.table(["kept", "removed"], [heads, *rows], caption))
    return parts


def _differences(kept: str, dropped: str) -> list[list[html.Html]]:
    """The first places where two texts differ, with what stands before and after."""
    rows = []
    shown = 0
    for place in places(kept, dropped):
        sides = (kept, place.kept, place.only_kept), (dropped, place.dropped, place.only_dropped)
        rows.append([_marked(*side, place) for side in sides])
        shown += not place.same
        if shown == _PLACES:
            break
    return rows


def _marked(text: str, span: Span, only: list[Span], place: Place) -> html.Html:
    """A stretch of one text; what the other does not say there is highlighted."""
    parts = [
        html.mark(piece, [html.Span(0, len(piece))]) if marked else html.visible(piece)
        for piece, marked in pieces(text, span, only, _SAME_CHARS if place.same else _OTHER_CHARS)
    ]
    if parts and place.moved:
        parts.insert(0, html.Html("<em>elsewhere in the other text:</em> "))
    return html.Html("".join(parts))


def _pages(run: FinishedRun, table: str, ids: list[str]) -> dict[str, dict[str, Any]]:
    wanted = pl.Series(ids, dtype=pl.String).implode()
    rows = run.scan(table).filter(pl.col("id").is_in(wanted) & pl.col("text").is_not_null())
    return {row["id"]: row for row in rows.select("id", "url", "text").collect().iter_rows(named=True)}


def _name(page: dict[str, Any] | None, key: str) -> str:
    return (page or {}).get("url") or key


def _decimal(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
