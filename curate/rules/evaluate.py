"""Rules applied to a table of measures: which rules each document fails, and by how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from curate.rules.model import Profile, Rule
from workbench.errors import UserError, did_you_mean

LANG = "language.lang"


class Verdicts(NamedTuple):
    """One entry per document, in input order; a document is kept where `first` is null."""

    first: pl.Series
    """String: the first rule it fails, in declared order."""
    value: pl.Series
    """String: what that rule's measure is (`null` or `NaN` where it is unknown)."""
    threshold: pl.Series
    """String: that rule's comparison and threshold, such as `> 0.3`."""
    fails: pl.Series
    """List of strings: every rule it fails, in declared order; empty for a kept document."""
    unknown: pl.Series
    """String: the first rule that applies but whose measure is null or NaN, with the measure; null where none is.

    Such a check counts as failed: what could not be checked never passes.
    """


def columns(profile: Profile) -> list[str]:
    """The columns of the measures table that the profile's rules read, each once."""
    found = [profile.column(rule) for rule in profile.rules]
    if any(rule.when is not None for rule in profile.rules):
        found.append(LANG)
    return list(dict.fromkeys(found))


def require(profile: Profile, available: Iterable[str]) -> None:
    """Raises UserError when a rule reads a column that is not among the `available` ones: a check before a run."""
    names = set(available)
    for rule in profile.rules:
        for column in (profile.column(rule), *([LANG] if rule.when is not None else [])):
            if column not in names:
                raise UserError(
                    f"rule '{rule.id}' reads '{column}', which is not among the measures",
                    hint=did_you_mean(column, names),
                )


def evaluate(profile: Profile, measures: pl.DataFrame) -> Verdicts:
    """Every rule on every document; `measures` has one row per document and a column per measure.

    Raises UserError when a rule reads a column that is not there.
    """
    require(profile, measures.columns)
    rules = profile.rules
    names = pl.Enum([rule.id for rule in rules])
    checks = measures.select((applies(rule) & _broken(profile, rule, measures)).alias(rule.id) for rule in rules)
    hits = [_hits(profile, rule, measures, checks[rule.id], names) for rule in rules]
    empty = {"row": pl.get_index_type(), "rule": names, "value": pl.String, "threshold": pl.String}
    # Rules come in declared order, so a stable sort by document leaves each document's rules in that order.
    table = pl.concat([pl.DataFrame(schema=empty), *hits]).sort("row", maintain_order=True)
    blind = table.filter(pl.col("value").is_null() | (pl.col("value") == "NaN")).select(
        "row",
        unknown=pl.format("{}: {} is {}", "rule", _measure_names(profile, names), pl.col("value").fill_null("null")),
    )
    documents = (
        pl.DataFrame({"row": pl.arange(measures.height, dtype=pl.get_index_type(), eager=True)})
        .join(
            table.group_by("row", maintain_order=True).agg(
                first=pl.col("rule").first(),
                value=pl.col("value").first().fill_null("null"),
                threshold=pl.col("threshold").first(),
                fails=pl.col("rule"),
            ),
            on="row",
            how="left",
            maintain_order="left",
        )
        .join(blind.unique("row", keep="first", maintain_order=True), on="row", how="left", maintain_order="left")
    )
    return Verdicts(
        first=documents["first"].cast(pl.String),
        value=documents["value"],
        threshold=documents["threshold"],
        fails=documents["fails"].cast(pl.List(pl.String)).fill_null([]),
        unknown=documents["unknown"],
    )


def margins(profile: Profile, rule: Rule, measures: pl.DataFrame) -> pl.DataFrame:
    """`value` and `distance` (both Float64) of one rule for every document, in the measure's own units.

    The distance to the threshold is positive on the side that is kept and negative on the side that is dropped. Both
    are null where the rule does not apply, where its measure is unknown, and for rules that compare words or lists.
    """
    require(profile.model_copy(update={"declared": (rule,)}), measures.columns)
    column = profile.column(rule)
    if isinstance(rule.threshold, str | tuple) or measures.schema[column] == pl.String:
        return pl.select(
            pl.repeat(None, measures.height, dtype=pl.Float64).alias(name) for name in ("value", "distance")
        )
    value = pl.when(applies(rule)).then(pl.col(column).cast(pl.Float64).fill_nan(None))
    above = value - rule.threshold
    if rule.drop_if in (">", ">="):
        distance = -above
    elif rule.drop_if == "==":
        distance = above.abs()
    elif rule.drop_if == "!=":
        distance = -above.abs()
    else:
        distance = above
    return measures.select(value=value, distance=distance)


def broken(profile: Profile, rule: Rule, measures: pl.DataFrame) -> pl.Series:
    """Booleans without nulls: by its measure alone, whatever its language, each document fails the rule.

    `measures` needs only the rule's own column. Nobody fails a rule that is off. `applies` says whom it looks at.
    """
    if not rule.active:
        return pl.Series(rule.id, [False], pl.Boolean).new_from_index(0, measures.height)
    return measures.select(_broken(profile, rule, measures).alias(rule.id)).to_series()


def applies(rule: Rule) -> pl.Expr:
    """Boolean without nulls over `language.lang`: the rule looks at the document."""
    if rule.when is None:
        return pl.lit(True)
    if rule.when.langs:
        return pl.col(LANG).is_in(list(rule.when.langs)).fill_null(True)
    return ~pl.col(LANG).is_in(list(rule.when.not_langs)).fill_null(False)


def _broken(profile: Profile, rule: Rule, measures: pl.DataFrame) -> pl.Expr:
    """The comparison holds, or cannot be made."""
    column = profile.column(rule)
    value = pl.col(column)
    unknown = value.is_null()
    if measures.schema[column].is_float():
        unknown |= value.is_nan()
    return unknown | _holds(rule, value).fill_null(True)


def _holds(rule: Rule, value: pl.Expr) -> pl.Expr:
    if isinstance(rule.threshold, tuple):
        words = [item for item in rule.threshold if isinstance(item, str)]
        numbers = [float(item) for item in rule.threshold if not isinstance(item, str)]
        listed = value.is_in(words) if words else value.cast(pl.Float64).is_in(numbers)
        return listed if rule.drop_if == "in" else ~listed
    compare = {"==": value.eq, "!=": value.ne, ">": value.gt, ">=": value.ge, "<": value.lt, "<=": value.le}
    return compare[rule.drop_if](pl.lit(rule.threshold))


def _hits(profile: Profile, rule: Rule, measures: pl.DataFrame, failed: pl.Series, names: pl.Enum) -> pl.DataFrame:
    """One row per document that fails the rule, with the value as text; only these are ever formatted."""
    rows = failed.arg_true()
    return pl.DataFrame({"row": rows, "value": measures[profile.column(rule)].gather(rows).cast(pl.String)}).select(
        "row",
        pl.lit(rule.id, dtype=names).alias("rule"),
        "value",
        pl.lit(rule.limit).alias("threshold"),
    )


def _measure_names(profile: Profile, names: pl.Enum) -> pl.Expr:
    return pl.col("rule").replace_strict(
        [rule.id for rule in profile.rules], [profile.column(rule) for rule in profile.rules], return_dtype=pl.String
    )
