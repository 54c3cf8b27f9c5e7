"""What a run removed as duplicates: by method, by cluster, and whether it was too much."""

from __future__ import annotations

from typing import Any

import polars as pl

from curate.ask.finished import FinishedRun
from curate.duplicates.guards import exportable, sentences
from curate.duplicates.resolve import clusters
from curate.pipeline.decide import AFTER_RULES, DUPLICATES_STEP
from curate.pipeline.late import trips
from workbench.errors import Exit, UserError, did_you_mean

REPEATED = ("line:repeated", "paragraph:repeated", "substring:repeated")
METHODS = ("text", "near", "url", "remainder")


def removals(run: FinishedRun) -> pl.LazyFrame | None:
    """The run's table `duplicates`, a row for each removed document; None where it compared no documents."""
    return run.scan("duplicates") if run.settings.duplicates.drops else None


def duplicates(run: FinishedRun, *, largest: int, method: str | None = None, host: str | None = None) -> dict[str, Any]:
    """Totals by rule, the `largest` clusters and the guards of a run.

    `method` and `host` leave only what was removed by this method, and from this host or a host below it: totals and
    clusters are those of what is left, what was cut from texts heeds the host alone, and guards are always those of
    the whole run. Raises UserError (exit 4) for a run that compared no documents or has none of this host, (exit 2)
    for a method that does not exist.
    """
    if method is not None and method not in METHODS:
        raise UserError(f"no method is named '{method}'", hint=did_you_mean(method, METHODS))
    table = removals(run)
    if table is None:
        raise UserError(
            f"the run {run.path} compared no documents",
            hint="set duplicates.text, duplicates.url or duplicates.near.enabled in a recipe, and run it",
            code=Exit.INPUT,
        )
    settings = run.settings.duplicates
    manifest = run.run.manifest
    assert manifest is not None
    passed = _passed(run)
    tripped = trips(run.scan("decisions"), table.collect(), settings)
    removed = run.scan("decisions").filter(pl.col("step") == DUPLICATES_STEP)
    if method is not None:
        table = table.filter(pl.col("method") == method)
        removed = removed.filter(pl.col("rule") == f"{DUPLICATES_STEP}.{method}")
    edits = run.scan("edits")
    if host is not None:
        here = _of_host(run, host)
        removed = removed.filter(here)
        passed = passed.filter(here)
        edits = edits.join(run.scan("decisions").filter(here).select("id"), on="id", how="semi")
    rows = table.join(removed.select("id", "tokens", "host"), left_on="dropped_id", right_on="id").collect()
    return {
        "passed": int(passed["documents"].sum()),
        "removed": {
            rule: {"documents": documents, "tokens": tokens}
            for rule, documents, tokens in removed.group_by("rule")
            .agg(pl.len(), pl.col("tokens").sum())
            .sort("rule")
            .collect()
            .iter_rows()
        },
        "cut": _cut(edits),
        "clusters": rows["cluster"].n_unique(),
        "largest": _largest(run, rows, largest),
        "guards": {
            "exportable": not manifest.gates and exportable(tripped, settings.guards),
            "tripped": [{**trip._asdict(), "share": trip.share} for trip in tripped],
            "sentences": sentences(tripped, settings.guards),
        },
    }


def _largest(run: FinishedRun, rows: pl.DataFrame, largest: int) -> list[dict[str, Any]]:
    """The clusters with most documents, each with its best page; `rows` are removals with the tokens of each."""
    sizes = clusters(rows).head(largest)
    facts = rows.group_by("cluster").agg(
        removed=pl.len(),
        tokens_removed=pl.col("tokens").sum(),
        jaccard_lowest=pl.col("jaccard").min(),
        jaccard_median=pl.col("jaccard").median(),
        containment_lowest=pl.col("containment").min(),
        methods=pl.struct((pl.col("method") == method).sum().alias(method) for method in METHODS),
        farthest=pl.struct("dropped_id", "kept_id").sort_by("jaccard", "dropped_id", nulls_last=True).first(),
    )
    found = sizes.join(facts, on="cluster", how="left", maintain_order="left")
    found = found.join(_hosts(run, rows), on="cluster", how="left", maintain_order="left")
    pages = (
        run.scan("decisions")
        .filter(pl.col("id").is_in(found["cluster"].implode()) & (pl.col("state") == "kept"))
        .select("id", "url", "snippet")
        .collect()
    )
    found = found.join(pages, left_on="cluster", right_on="id", how="left", maintain_order="left")
    return found.to_dicts()


def _of_host(run: FinishedRun, host: str) -> pl.Expr:
    """Whether a row is of this host or of one below it. Raises UserError (exit 4) where the run has no such page."""
    wanted = host.strip().strip(".").lower()
    name = pl.col("host").str.to_lowercase().str.strip_chars_end(".")
    here = (name == wanted) | name.str.ends_with(f".{wanted}")
    decisions = run.scan("decisions")
    if decisions.filter(here).head(1).collect().is_empty():
        near = decisions.filter(name.str.contains(wanted, literal=True)).select("host").unique().sort("host").head(3)
        hint = ", ".join(near.collect()["host"].to_list())
        raise UserError(
            f"no document of {run.path} has the host '{host}'",
            hint=f"there is {hint}" if hint else f"curate sample {run.path} shows pages and their addresses",
            code=Exit.INPUT,
        )
    return here


def _cut(edits: pl.LazyFrame) -> dict[str, dict[str, int]]:
    """What was cut from texts as repeated, by the kind of edit; characters are those of the extracted text."""
    counts = (
        edits.filter(pl.col("kind").is_in(REPEATED))
        .group_by("kind")
        .agg(
            documents=pl.col("id").n_unique(),
            stretches=pl.len(),
            characters=(pl.col("end") - pl.col("start")).sum(),
        )
        .sort("kind")
        .collect()
    )
    return {row.pop("kind"): row for row in counts.iter_rows(named=True)}


def _hosts(run: FinishedRun, rows: pl.DataFrame) -> pl.DataFrame:
    """`cluster`, `hosts`: on how many hosts the removed pages of each cluster lie, and those kept for them."""
    kept = rows.lazy().select("cluster", id="kept_id").unique()
    pages = run.scan("decisions").filter(pl.col("state") == "kept").select("id", "host")
    both = pl.concat(
        [rows.lazy().select("cluster", "host"), kept.join(pages, on="id", how="inner").select("cluster", "host")]
    )
    return both.group_by("cluster").agg(hosts=pl.col("host").drop_nulls().n_unique()).collect()


def _passed(run: FinishedRun) -> pl.DataFrame:
    """`host`, `file`, `documents` and of them `removed`: the documents that passed the document rules."""
    gone = pl.col("step").eq_missing(DUPLICATES_STEP) & (pl.col("state") == "dropped")
    rows = run.scan("decisions").filter((pl.col("state") == "kept") | pl.col("step").is_in(AFTER_RULES))
    return rows.group_by("host", "file").agg(documents=pl.len(), removed=gone.sum()).sort("host", "file").collect()
