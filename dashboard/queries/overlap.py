"""What the overlap page asks of a run's duplicates: clusters by size, their members, and one pair."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.ask.finished import FinishedRun
from curate.duplicates.order import columns_needed, deciding
from dashboard.aligned import MOST_CHARACTERS
from dashboard.queries import documents
from dashboard.source import Source

if TYPE_CHECKING:
    import polars as pl

    from curate.ask.side_by_side import SideBySide
    from curate.duplicates.config import Duplicates

BIN = 0.01
_SIZES = """
SELECT cluster, count(*) AS removed, count(DISTINCT kept_id) AS kept, removed + kept AS documents,
  min(jaccard) AS lowest, avg(jaccard) AS mean, string_agg(DISTINCT method, ', ' ORDER BY method) AS methods
FROM {duplicates} GROUP BY cluster ORDER BY documents DESC, cluster LIMIT $limit OFFSET $offset
"""


def totals(source: Source) -> pl.DataFrame:
    """Removed documents by method, with their clusters and tokens: method, documents, clusters, tokens; exact."""
    return source.query(
        "SELECT method, count(*) AS documents, count(DISTINCT cluster) AS clusters, any_value(tokens) AS tokens "
        "FROM {duplicates} LEFT JOIN (SELECT rule, sum(tokens)::BIGINT AS tokens FROM {rollups} "
        "WHERE step = 'duplicates' GROUP BY rule) ON rule = 'duplicates.' || method "
        "GROUP BY method ORDER BY documents DESC, method"
    )


def number(source: Source) -> int:
    """How many clusters there are."""
    return int(source.query("SELECT count(DISTINCT cluster) FROM {duplicates}").item())


def similarities(source: Source) -> pl.DataFrame:
    """Near duplicates by their similarity to what was kept for them: similarity (the bin's lower end), documents."""
    return source.query(
        "SELECT round(least(floor(jaccard / $bin + 1e-9) * $bin, 1 - $bin), 2) AS similarity, count(*) AS documents "
        "FROM {duplicates} WHERE method = 'near' AND jaccard IS NOT NULL GROUP BY 1 ORDER BY 1",
        bin=BIN,
    )


def below(source: Source, *, similarity: float) -> int:
    """How many near duplicates are less similar than this to what was kept for them."""
    sql = "SELECT count(*) FROM {duplicates} WHERE method = 'near' AND jaccard < $similarity"
    return int(source.query(sql, similarity=similarity).item())


def clusters(source: Source, *, offset: int, limit: int) -> pl.DataFrame:
    """The clusters from `offset`, the largest first: cluster, documents, kept, removed, tokens (of what was removed),
    hosts, lowest and mean similarity, methods, and the host of the best page.

    Addresses are left out: of a million documents, reading them takes half a second.
    """
    import polars as pl

    sizes = source.query(_SIZES, limit=limit, offset=offset)
    inside = source.query(
        "SELECT cluster, dropped_id AS id, true AS removed FROM {duplicates} WHERE cluster IN $chosen "
        "UNION SELECT cluster, kept_id, false FROM {duplicates} WHERE cluster IN $chosen",
        chosen=sizes["cluster"].to_list(),
    )
    known = inside.join(documents.named(source, inside["id"].unique().to_list()), on="id", how="left")
    facts = known.group_by("cluster").agg(
        tokens=pl.col("tokens").filter("removed").sum(),
        hosts=pl.col("host").drop_nulls().n_unique(),
        host=pl.col("host").filter(pl.col("id") == pl.col("cluster")).first(),
    )
    found = sizes.join(facts, on="cluster", how="left", maintain_order="left")
    names = ("cluster", "documents", "kept", "removed", "tokens", "hosts", "lowest", "mean", "methods", "host")
    return found.select(names)


def members(source: Source, *, cluster: str, offset: int, limit: int) -> pl.DataFrame:
    """The documents of a cluster, the kept ones first, then the removed ones from the least similar: id, role, kept_id,
    jaccard, containment, method, host, tokens."""
    found = source.query(
        """
        SELECT kept_id AS id, 'kept' AS role, kept_id, NULL AS jaccard, NULL AS containment, NULL AS method
        FROM {duplicates} WHERE cluster = $cluster GROUP BY kept_id
        UNION ALL
        SELECT dropped_id, 'removed', kept_id, jaccard, containment, method FROM {duplicates} WHERE cluster = $cluster
        ORDER BY role, id != $cluster, jaccard NULLS LAST, id LIMIT $limit OFFSET $offset
        """,
        cluster=cluster,
        limit=limit,
        offset=offset,
    )
    facts = documents.named(source, found["id"].to_list()).select("id", "host", "tokens")
    return found.join(facts, on="id", how="left", maintain_order="left")


def size(source: Source, *, cluster: str) -> int:
    """How many documents a cluster has, kept ones among them; 0 where there is no such cluster."""
    sql = "SELECT count(*) + count(DISTINCT kept_id) FROM {duplicates} WHERE cluster = $cluster"
    return int(source.query(sql, cluster=cluster).item())


def pair(source: Source, *, dropped: str) -> dict[str, Any] | None:
    """The row of a removed document; None where it was not removed as a duplicate."""
    found = source.query("SELECT * FROM {duplicates} WHERE dropped_id = $dropped LIMIT 1", dropped=dropped)
    return None if found.is_empty() else found.row(0, named=True)


def ordered(source: Source, *, kept: str, dropped: str, measures: tuple[str, ...]) -> pl.DataFrame:
    """What the order of survivors compares of two documents: id, file, date, chars and `measures`, the kept one first.

    Rows are missing where the run does not know a document (it is of an index). measures: of the run's settings.
    """
    found = source.query(
        "SELECT id, file, date, chars FROM {fingerprints} WHERE id IN ($kept, $dropped) "
        "ORDER BY id != $kept",  # the kept one first
        kept=kept,
        dropped=dropped,
    )
    names = [name for name in measures if re.fullmatch(r"[\w.@-]+", name)]
    if not names or not source.has("measures"):
        return found
    columns = ", ".join(f'"{name}"' for name in names)
    values = source.query(
        f"SELECT id, {columns} FROM {{measures}} WHERE id IN ($kept, $dropped)",  # noqa: S608 - names are checked
        kept=kept,
        dropped=dropped,
    )
    return found.join(values, on="id", how="left", maintain_order="left")


def settings(source: Source, *, root: str) -> Duplicates:
    """How the run compared its documents, from what it was told."""
    return FinishedRun.open(str(source.run.path), Path(root)).settings.duplicates


def decided_by(source: Source, *, kept: str, dropped: str, root: str) -> tuple[str | None, pl.DataFrame]:
    """The criterion of the run's order by which the kept document comes first (None: only the ids differ, or nothing is
    known), and what it compares of both."""
    told = settings(source, root=root)
    rows = ordered(source, kept=kept, dropped=dropped, measures=tuple(columns_needed(told.survivor)))
    if rows.height != 2:
        return None, rows
    return deciding(rows, told.survivor, told.sources), rows


def compared(source: Source, *, kept: str, dropped: str, root: str) -> SideBySide | None:
    """What the search for near duplicates sees in both texts, by the run's own shingles; None without both texts.

    Of texts longer than `MOST_CHARACTERS` the beginnings are compared.
    """
    from curate.ask.side_by_side import side_by_side

    texts = [text(source, key=key) for key in (kept, dropped)]
    if texts[0] is None or texts[1] is None:
        return None
    return side_by_side(texts[0][:MOST_CHARACTERS], texts[1][:MOST_CHARACTERS], settings(source, root=root).near)


def text(source: Source, *, key: str) -> str | None:
    """The stored text of a document, None where the run stored none."""
    found = documents.find(source, key=key)
    if found is None:
        return None
    place = {name: found[name] for name in ("state", "file", "row")}
    stored = documents.text(source, key=key, **place)
    return None if stored is None else stored["text"]
