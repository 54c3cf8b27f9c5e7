"""What the card counts: languages, hosts, licences and edits of the documents that are handed on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from curate.ask.finished import FinishedRun
from curate.ask.lineage import holder
from curate.card.answers import Licence

UNKNOWN = "unknown"


class Share(NamedTuple):
    """A value (a language, a host, a source) and how much of the data has it; tokens are the run's estimate."""

    name: str
    documents: int
    tokens: int


class Totals(NamedTuple):
    """All documents: distinct ones, their copies where a mix repeats them, characters and tokens of the copies."""

    documents: int
    copies: int
    chars: int
    tokens: int
    hosts: int
    truncated: int
    first_date: str | None
    last_date: str | None


def rows(documents: FinishedRun, mix: FinishedRun | None) -> pl.LazyFrame:
    """id, host, lang, date, file, truncated, chars, tokens and copies (1 without a mix) of what is handed on."""
    wanted = {"host": pl.String, "lang": pl.String, "date": pl.String, "file": pl.String, "truncated": pl.String}
    table = documents.scan("documents")
    there = table.collect_schema().names()
    columns: list[pl.Expr] = [
        (pl.col(name) if name in there else pl.lit(None)).cast(kind).alias(name) for name, kind in wanted.items()
    ]
    columns += [
        (pl.col(name).fill_null(0) if name in there else pl.lit(0)).cast(pl.Int64).alias(name)
        for name in ("chars", "tokens")
    ]
    found = table.select("id", *columns)
    if mix is None:
        return found.with_columns(copies=pl.lit(1, pl.Int64))
    copies = mix.scan("mixture").group_by("id").agg(pl.col("copies").sum().cast(pl.Int64))
    return found.join(copies, on="id", how="inner")


def totals(rows: pl.LazyFrame) -> Totals:
    """The sums over all rows."""
    copies = pl.col("copies")
    (found,) = (
        rows.select(
            documents=pl.len().cast(pl.Int64),
            copies=copies.sum(),
            chars=(pl.col("chars") * copies).sum(),
            tokens=(pl.col("tokens") * copies).sum(),
            hosts=pl.col("host").drop_nulls().n_unique(),
            truncated=pl.col("truncated").is_not_null().sum(),
            first_date=pl.col("date").min().str.slice(0, 10),
            last_date=pl.col("date").max().str.slice(0, 10),
        )
        .collect(engine="streaming")
        .to_dicts()
    )
    return Totals(**found)


def shares(rows: pl.LazyFrame, column: str, number: int | None = None) -> list[Share]:
    """The values of a column, the one with most tokens first; at most `number` of them."""
    counted = rows.group_by(pl.col(column).fill_null(UNKNOWN).alias("name")).agg(
        documents=pl.len().cast(pl.Int64), tokens=(pl.col("tokens") * pl.col("copies")).sum()
    )
    ranked = counted.sort("tokens", "documents", "name", descending=[True, True, False])
    found = (ranked if number is None else ranked.head(number)).collect(engine="streaming")
    return [Share(*row) for row in found.rows()]


def by_licence(rows: pl.LazyFrame, licences: Sequence[Licence]) -> list[Share]:
    """How much each declared source holds, in the order declared (a document belongs to the first that fits), and what
    none of them names, as `unknown`."""
    number: pl.Expr = pl.lit(len(licences))
    for place in reversed(range(len(licences))):
        one = licences[place]
        column, pattern = ("host", one.host) if one.host is not None else ("file", one.file)
        fits = pl.col(column).str.contains(_regex(pattern or "")).fill_null(False)
        number = pl.when(fits).then(pl.lit(place)).otherwise(number)
    counted = (
        rows.group_by(number.alias("number"))
        .agg(pl.len().cast(pl.Int64), (pl.col("tokens") * pl.col("copies")).sum())
        .collect(engine="streaming")
    )
    found = {row[0]: row[1:] for row in counted.rows()}
    names = [*(one.source for one in licences), UNKNOWN]
    return [Share(name, *found.get(place, (0, 0))) for place, name in enumerate(names)]


def _regex(pattern: str) -> str:
    """A pattern of the shell (`*` and `?`) as a regular expression over the whole value, in any case."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return f"(?is)^{''.join(parts)}$"


class Edited(NamedTuple):
    """A kind of edit, in how many of the documents that are handed on, and how often."""

    kind: str
    documents: int
    edits: int


def edits(runs: Sequence[FinishedRun], rows: pl.LazyFrame) -> list[Edited]:
    """Edits by kind, of the documents that are handed on; from the nearest run that stored any."""
    run = holder(runs, "edits")
    if run is None:
        return []
    counted = (
        run.scan("edits")
        .join(rows.select("id"), on="id", how="semi")
        .group_by("kind")
        .agg(documents=pl.col("id").n_unique().cast(pl.Int64), edits=pl.len().cast(pl.Int64))
        .sort("kind")
        .collect(engine="streaming")
    )
    return [Edited(*row) for row in counted.rows()]
