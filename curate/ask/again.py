"""The decisions of a finished run taken again: other thresholds, or duplicates judged anew among who passes then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from curate import tokens
from curate.ask.finished import FinishedRun
from curate.duplicates import order
from curate.duplicates.resolve import DUPLICATES
from curate.pipeline import late
from curate.pipeline.decide import SAME_RECORD, contaminated
from curate.pipeline.schemas import INDEXED, PAIRS
from curate.recipe import Settings
from curate.rules import Profile, columns, evaluate
from workbench.errors import UserError

# Rows of measures held at a time: a hundred columns of eight bytes each.
_CHUNK = 250_000


def undecided_rows(run: FinishedRun, profile: Profile) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """(decisions, measures) of the documents that rules decide, in order, a bounded number at a time."""
    counted = tokens.column(run.scan("measures").collect_schema().names())
    wanted = ["id", counted, "text.chars", "language.lang", *columns(profile)]
    own = pl.col("rule").ne_missing(SAME_RECORD)
    decisions = run.scan("decisions").filter(own).with_row_index("order")
    measures = run.scan("measures").select(list(dict.fromkeys(wanted)))
    height = measures.select(pl.len()).collect().item()
    for begin in range(0, height, _CHUNK):
        chunk = measures.slice(begin, _CHUNK).collect()
        ids = chunk.lazy().select("id").with_row_index("position")
        found = decisions.join(ids, on="id", how="inner").sort("position").drop("position", "order").collect()
        assert found.height == chunk.height, "a measured document without a decision"
        yield found, chunk


class AfterRules(NamedTuple):
    """What becomes of the documents that pass other rules."""

    gone: pl.DataFrame  # DUPLICATES
    drops: pl.DataFrame  # id and `late.DROPS`
    searched: pl.Series  # ids that passed, and are no duplicates: among these benchmark items count


def after_rules(run: FinishedRun, settings: Settings) -> AfterRules:
    """Duplicates among the documents that pass the rules of `settings`, then those dropped for benchmark items.

    Raises UserError for a run of `curate decontaminate`, which knows nothing of what its parent had dropped.
    """
    if run.run.started.kind == "curate.decontaminate":
        message = f"{run.path} looked for benchmark items in the documents that its parent kept, and in no others"
        raise UserError(message, hint="decide about the parent, then decontaminate what that keeps")
    parts = [
        measures.filter(evaluate(settings.profile, measures).first.is_null())["id"]
        for _, measures in undecided_rows(run, settings.profile)
    ]
    passing = pl.concat([pl.Series("id", [], pl.String), *parts])
    gone, drops = _duplicates(run, settings, passing)
    searched = passing.filter(~passing.is_in(drops["id"].implode()))
    if settings.decontaminate.drops:
        hits = run.scan("contamination").filter(pl.col("id").is_in(searched.implode())).collect()
        drops = pl.concat([drops, contaminated(hits, settings.decontaminate.rule)])
    return AfterRules(gone, drops, searched)


def _duplicates(run: FinishedRun, settings: Settings, passing: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    config = settings.duplicates
    if not config.documents:
        return pl.DataFrame(schema=DUPLICATES), pl.DataFrame(schema={"id": pl.String, **late.DROPS})
    shared = run.scan("fingerprints").collect()
    passed = shared.filter(pl.col("id").is_in(passing.implode()))
    passed = _with_measures(run, passed, order.columns_needed(config.survivor))
    indexed = pl.DataFrame(schema=INDEXED)
    if config.index is not None:
        indexed = run.scan("indexed").filter(pl.col("id").is_in(passing.implode())).collect()
    return late.choose(passed, run.scan("pairs").select(PAIRS.keys()).collect(), indexed, config)


def _with_measures(run: FinishedRun, rows: pl.DataFrame, measures: Sequence[str]) -> pl.DataFrame:
    if not measures:
        return rows
    wanted = run.scan("measures").select("id", *measures).join(rows.lazy().select("id"), on="id", how="semi").collect()
    return rows.join(wanted, on="id", how="left", maintain_order="left")
