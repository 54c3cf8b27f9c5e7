"""What the kept tokens are made of, by language, host and topic, and how that differs from another run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.source import Source

if TYPE_CHECKING:
    import polars as pl

MIXES = {"language and host": ("lang", "host"), "topic and language": ("domain", "lang")}
"""How the kept documents may be shared out: the names of two columns, the larger groups first."""
_OF_ROLLUPS = {"lang", "host"}
_GROUPS = 12
_PARTS = 240
_UNKNOWN = "unknown"


def has_topics(source: Source) -> bool:
    """Whether a classifier gave the documents a topic."""
    if not source.has("documents") or "domain" not in source.columns("documents"):
        return False
    return not source.query("SELECT 1 FROM {documents} WHERE domain IS NOT NULL LIMIT 1").is_empty()


def mix(source: Source, by: str) -> pl.DataFrame:
    """The kept tokens shared out `by` one of `MIXES`: outer, inner, documents, tokens, largest first.

    The smaller ones of an outer group are summed up in a row whose `rest` says how many they are (else 0).
    """
    outer, inner = MIXES[by]
    return source.query(
        f"""WITH shared AS ({_shared(outer, inner)}),
ranked AS (SELECT *, row_number() OVER (ORDER BY tokens DESC, outer_name, inner_name) AS place,
  dense_rank() OVER (ORDER BY total DESC, outer_name) AS grade FROM
    (SELECT *, sum(tokens) OVER (PARTITION BY outer_name) AS total FROM shared)),
named AS (SELECT documents, tokens, CASE WHEN grade <= {_GROUPS} THEN outer_name ELSE 'others' END AS outer_name,
  CASE WHEN place <= {_PARTS} AND grade <= {_GROUPS} THEN inner_name END AS inner_name FROM ranked)
SELECT outer_name, inner_name, sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens,
  count(*) FILTER (inner_name IS NULL) AS rest FROM named
GROUP BY ALL ORDER BY tokens DESC, outer_name, inner_name"""  # noqa: S608 - names of ours
    )


def shares(source: Source, by: str) -> pl.DataFrame:
    """The groups of `mix`, the 5,000 largest, and what is left summed up: outer_name, inner_name, documents, tokens."""
    outer, inner = MIXES[by]
    return source.query(
        f"""WITH ranked AS (SELECT *, row_number() OVER (ORDER BY tokens DESC, outer_name, inner_name) AS place
FROM ({_shared(outer, inner)}))
SELECT CASE WHEN place <= 5000 THEN outer_name END AS outer_name,
  CASE WHEN place <= 5000 THEN inner_name END AS inner_name,
  sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens
FROM ranked GROUP BY ALL ORDER BY tokens DESC, outer_name, inner_name"""  # noqa: S608 - names of ours
    )


def _shared(outer: str, inner: str) -> str:
    names = f"coalesce({outer}, '{_UNKNOWN}') AS outer_name, coalesce({inner}, '{_UNKNOWN}') AS inner_name"
    if {outer, inner} <= _OF_ROLLUPS:
        return (
            f"SELECT {names}, sum(documents) AS documents, sum(tokens) AS tokens FROM {{rollups}} "  # noqa: S608
            "WHERE state = 'kept' GROUP BY ALL"
        )
    return f"SELECT {names}, count(*) AS documents, sum(tokens) AS tokens FROM {{documents}} GROUP BY ALL"  # noqa: S608


def changes(now: pl.DataFrame, before: pl.DataFrame, most: int = 15) -> pl.DataFrame:
    """The largest differences between two results of `shares`: outer_name, inner_name, share and share_before (of 1),
    points (their difference, of 100), tokens, tokens_before; rows in both or in one."""
    import polars as pl

    keys = ["outer_name", "inner_name"]
    total, total_before = max(1, now["tokens"].sum()), max(1, before["tokens"].sum())
    both = now.select(*keys, "tokens").join(
        before.select(*keys, tokens_before="tokens"), on=keys, how="full", coalesce=True, nulls_equal=True
    )
    return (
        both.with_columns(pl.col("tokens", "tokens_before").fill_null(0))
        .with_columns(share=pl.col("tokens") / total, share_before=pl.col("tokens_before") / total_before)
        .with_columns(points=100 * (pl.col("share") - pl.col("share_before")))
        .filter(pl.col("points") != 0, pl.col("outer_name").is_not_null())
        .sort(pl.col("points").abs(), *keys, descending=[True, False, False])
        .head(most)
        .select(*keys, "share_before", "share", "points", "tokens_before", "tokens")
    )
