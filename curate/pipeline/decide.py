"""The second map: every record of a unit ends in exactly one state, with the rule, the value and the threshold.

`settle` is also what `curate decide` calls on stored measures, so a child run and a new run agree by construction.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from curate import tokens
from curate.measures import length_rank
from curate.pipeline.schemas import DECISIONS, FIXED_STEPS
from curate.recipe import Settings
from curate.rules import Profile, evaluate

SAME_RECORD = "read.same_record"
DUPLICATES_STEP = "duplicates"
DELETED = "duplicates.deleted"  # a tombstone of the index names the document
CONTAMINATION_STEP = "contamination"
AFTER_RULES = (DUPLICATES_STEP, CONTAMINATION_STEP)


def step_of(rule: str) -> str:
    """The step a rule belongs to: its family."""
    return rule.split(".", 1)[0]


def steps(settings: Settings) -> list[str]:
    """All steps of a run in the order documents meet them."""
    last = [DUPLICATES_STEP] if settings.duplicates.drops else []
    last += [CONTAMINATION_STEP] if settings.decontaminate.drops else []
    return list(dict.fromkeys([*FIXED_STEPS, *(step_of(rule.id) for rule in settings.profile.rules), *last]))


def base(records: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    """DECISIONS rows as reading and extraction left them: `state` is null where the rules still have to decide.

    `records` are the first map's rows of one unit; `repeated` names the positions whose id came before in the run.
    """
    rows = records.with_row_index("position").with_columns(pl.col("position").cast(pl.Int64))
    again = rows.join(repeated, on="position", how="left", maintain_order="left")
    same = pl.col("partner_file").is_not_null()
    failed = pl.col("error").is_not_null() & ~same
    dropped = (pl.col("drop_rule").is_not_null() & ~failed) | same
    size = pl.when(~same).then(pl.col("text").str.len_bytes()).fill_null(0).cast(pl.Int64)
    rule = pl.when(same).then(pl.lit(SAME_RECORD)).when(~failed).then(pl.col("drop_rule"))
    return again.select(
        "id",
        "url",
        "host",
        lang=pl.lit(None, pl.String),
        state=pl.when(failed).then(pl.lit("failed")).when(dropped).then(pl.lit("dropped")),
        step=pl.when(failed).then(pl.col("error_step")).otherwise(rule.str.split(".").list.first()),
        rule=rule,
        value=pl.when(same).then(pl.col("id")).when(~failed).then(pl.col("drop_value")),
        threshold=pl.lit(None, pl.String),
        fails=pl.when(dropped).then(pl.concat_list(rule)).otherwise(pl.lit([], pl.List(pl.String))),
        error=pl.when(failed).then(pl.col("error")),
        partner=pl.when(same).then(pl.format("{}:{}", "partner_file", "partner_row")),
        chars=pl.lit(0, pl.Int64),
        tokens=pl.lit(0, pl.Int64),
        bytes=size,
        snippet="snippet",
        file="file",
        row="row",
    )


def settle(undecided: pl.DataFrame, measures: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """DECISIONS with every state filled in; `measures` has one row, in order, for each row whose state is null.

    A measure that is null where a rule needs it drops the document and says so in `error`: nothing passes unchecked.
    """
    open_rows = undecided["state"].is_null()
    assert int(open_rows.sum()) == measures.height, "a text without measures, or measures without a text"
    verdicts = evaluate(profile, measures)
    position = np.flatnonzero(open_rows.to_numpy())
    decided = pl.DataFrame(
        {
            "position": pl.Series(position, dtype=pl.UInt32),
            "lang": measures["language.lang"],
            "first": verdicts.first,
            "value": verdicts.value,
            "threshold": verdicts.threshold,
            "fails": verdicts.fails,
            "error": verdicts.unknown,
            "chars": measures["text.chars"].cast(pl.Int64),
            "tokens": measures[tokens.column(measures.columns)].cast(pl.Int64),
        },
        schema_overrides={"fails": pl.List(pl.String)},
    )
    fixed = undecided.with_row_index("position").join(
        decided, on="position", how="left", maintain_order="left", suffix="_rules"
    )
    was_open = pl.col("state").is_null()
    passed = pl.col("first").is_null()
    merged = fixed.with_columns(
        *(
            pl.when(was_open).then(pl.col(f"{name}_rules")).otherwise(pl.col(name)).alias(name)
            for name in ("lang", "value", "threshold", "fails", "error", "chars", "tokens")
        ),
        rule=pl.when(was_open).then(pl.col("first")).otherwise(pl.col("rule")),
        step=pl.when(was_open).then(pl.col("first").str.split(".").list.first()).otherwise(pl.col("step")),
        state=pl.when(~was_open).then(pl.col("state")).when(passed).then(pl.lit("kept")).otherwise(pl.lit("dropped")),
    )
    return merged.select(pl.col(name).cast(kind) for name, kind in DECISIONS.items())


def dropped_late(decisions: pl.DataFrame, late: pl.DataFrame) -> pl.DataFrame:
    """DECISIONS with what came after the rules: `late` holds position, rule, value, threshold and partner.

    Only documents that the rules kept may be dropped so.
    """
    rows = decisions.with_row_index("position").with_columns(pl.col("position").cast(pl.Int64))
    joined = rows.join(late, on="position", how="left", maintain_order="left", suffix="_late")
    gone = pl.col("rule_late").is_not_null()
    assert joined.filter(gone & (pl.col("state") != "kept")).is_empty(), "a document that the rules had dropped"
    merged = joined.with_columns(
        *(
            pl.when(gone).then(pl.col(f"{name}_late")).otherwise(pl.col(name)).alias(name)
            for name in ("rule", "value", "threshold", "partner")
        ),
        state=pl.when(gone).then(pl.lit("dropped")).otherwise(pl.col("state")),
        step=pl.when(gone).then(pl.col("rule_late").str.split(".").list.first()).otherwise(pl.col("step")),
        fails=pl.when(gone).then(pl.concat_list("rule_late")).otherwise(pl.col("fails")),
    )
    return merged.select(DECISIONS.keys())


def contaminated(hits: pl.DataFrame, rule: str) -> pl.DataFrame:
    """Which documents CONTAMINATION rows drop: id, rule, value, threshold and, as partner, `suite:item`.

    Named is the item with the highest score; an answer that counts only beside its question drops nothing by itself.
    """
    best = (
        hits.filter(~pl.col("beside"))
        .sort(["id", "score", "suite", "item"], descending=[False, True, False, False])
        .unique("id", keep="first", maintain_order=True)
    )
    return best.select(
        "id",
        rule=pl.lit(rule, pl.String),
        value=pl.col("score").round(4).cast(pl.String),
        threshold=pl.col("threshold").round(4).cast(pl.String),
        partner=pl.format("{}:{}", "suite", "item"),
    )


def length_ranks(measures: pl.DataFrame, lengths: dict[str, np.ndarray]) -> pl.Series:
    """Mid-rank in [0, 1] of each document's words among the run's documents of its language."""
    langs, words = measures["language.lang"], measures["text.words"].to_numpy()
    ranks = np.empty(measures.height, np.float64)
    for lang in langs.unique(maintain_order=True):
        same = (langs == lang).to_numpy()
        ranks[same] = length_rank(words[same], lengths[lang])
    return pl.Series("corpus.length_rank", ranks)
