"""What another threshold of one rule would do, exactly: scans of the measured documents that are held in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from dashboard.queries.measured import Documents, Values

if TYPE_CHECKING:
    from curate.rules import Profile, Rule

NEAREST = 10
TOP = 10


class Amount(NamedTuple):
    """Documents and their tokens."""

    documents: int = 0
    tokens: int = 0


class Preview(NamedTuple):
    """What moves, before duplicates are decided again. Every number is exact.

    passing, failing: by this rule alone, documents that would now pass or fail it. kept, dropped: of these, those that
    no other rule drops, and that are newly kept or, kept before, newly dropped. caught, late: of the failing, dropped
    already by another rule, or as duplicates and for benchmark items. still: of the passing, that other rules drop.
    before: kept now. langs, hosts: the split of what moves, the largest first. rest: hosts that `hosts` leaves out.
    others: the rules that still drop passing documents. differing: documents of which the run says something else
    about this rule than its measures do; never above 0 in a run that `curate verify` finds whole.
    """

    passing: Amount
    failing: Amount
    kept: Amount
    dropped: Amount
    still: Amount
    caught: Amount
    late: Amount
    before: Amount
    langs: pl.DataFrame
    hosts: pl.DataFrame
    rest: int
    others: pl.DataFrame
    differing: int

    @property
    def moves(self) -> bool:
        """Whether any document would pass or fail the rule that does not now."""
        return bool(self.passing.documents or self.failing.documents)


def failed(values: Values, profile: Profile, rule: Rule) -> pl.Series:
    """Booleans without nulls: which measured documents fail the rule, as `curate.rules.evaluate` says."""
    from curate.rules import broken

    return values.rows["applies"] & broken(
        profile, rule, values.rows.select(pl.col("value").alias(profile.column(rule)))
    )


def preview(documents: Documents, values: Values, profile: Profile, rule: Rule, new: Rule) -> Preview:
    """What moves when the rule's threshold becomes that of `new`, with all other rules as they are."""
    was, now = failed(values, profile, rule), failed(values, profile, new)
    kinds = _kinds(documents, profile, rule)
    rows = documents.rows
    says = kinds["says"].gather(rows["set"])
    kept = rows.filter(kinds["kept"].gather(rows["set"]))
    moved = rows.select("set", "tokens", "lang", "host").with_columns(passing=was).filter(was != now)
    moved = moved.join(kinds.drop("says"), on="set", how="left", maintain_order="left")
    passing, failing = moved.filter("passing"), moved.filter(~pl.col("passing"))
    newly_kept, newly_dropped = passing.filter(~pl.col("other")), failing.filter("kept")
    effect = pl.concat([newly_kept.with_columns(gain=pl.lit(True)), newly_dropped.with_columns(gain=pl.lit(False))])
    hosts = _split(effect, "host", documents.hosts)
    return Preview(
        passing=_amount(passing),
        failing=_amount(failing),
        kept=_amount(newly_kept),
        dropped=_amount(newly_dropped),
        still=_amount(passing.filter("other")),
        caught=_amount(failing.filter("other")),
        late=_amount(failing.filter(~pl.col("other") & ~pl.col("kept"))),
        before=_amount(kept),
        langs=_split(effect, "lang", documents.langs),
        hosts=hosts.head(TOP),
        rest=max(0, hosts.height - TOP),
        others=_others(passing),
        differing=int((says != was).sum()),
    )


def _kinds(documents: Documents, profile: Profile, rule: Rule) -> pl.DataFrame:
    """By set: kept; `says`: this rule is among the failed ones; `rules`: the other rules that are; `other`: any is."""
    active = [each.id for each in profile.rules if each.id != rule.id]
    return documents.sets.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("set"),
        "kept",
        says=pl.col("fails").list.contains(rule.id),
        rules=pl.col("fails").list.filter(pl.element().is_in(active)),
    ).with_columns(other=pl.col("rules").list.len() > 0)


def _amount(rows: pl.DataFrame) -> Amount:
    return Amount(rows.height, int(rows["tokens"].sum()))


def _split(effect: pl.DataFrame, column: str, names: pl.Series) -> pl.DataFrame:
    gain = pl.col("gain")
    found = effect.group_by(column).agg(
        kept=gain.sum(),
        dropped=(~gain).sum(),
        kept_tokens=pl.col("tokens").filter(gain).sum(),
        dropped_tokens=pl.col("tokens").filter(~gain).sum(),
    )
    named = found.with_columns(names.gather(found[column]).alias(column))
    most = pl.col("kept") + pl.col("dropped")
    return named.with_columns(pl.exclude(column).cast(pl.Int64)).sort(
        most, column, descending=[True, False], nulls_last=True
    )


def _others(passing: pl.DataFrame) -> pl.DataFrame:
    """Of documents that would pass this rule, how many each other rule drops all the same: rule, documents, tokens."""
    counts = passing.filter("other").group_by("rules").agg(documents=pl.len().cast(pl.Int64), tokens=pl.sum("tokens"))
    each = counts.explode("rules").group_by(rule="rules").agg(pl.sum("documents"), pl.sum("tokens").cast(pl.Int64))
    return each.sort("documents", "rule", descending=[True, False])


def nearest(documents: Documents, values: Values, profile: Profile, rule: Rule, new: Rule) -> pl.DataFrame:
    """Documents at the boundary: gain (would be newly kept, else newly dropped), moves, row, place, value, distance.

    Where none are, those that this rule alone drops and those that are kept, nearest to the threshold, with `moves`
    false. `NEAREST` of each, the nearest first, then in the order of the input; documents without a value last.
    """
    from curate.rules import margins

    was, now = failed(values, profile, rule), failed(values, profile, new)
    kinds = _kinds(documents, profile, rule)
    other = kinds["other"].gather(documents.rows["set"])
    kept = kinds["kept"].gather(documents.rows["set"])
    gains, losses = was & ~now & ~other, now & kept
    moves = bool(gains.any() or losses.any())
    if not moves:
        gains, losses = was & ~other, kept & values.rows["applies"]
    edge = new if new.active else rule
    parts = []
    for gain, mask in ((True, gains), (False, losses)):
        rows = mask.arg_true()
        if edge.active:
            measures = values.rows["value"].gather(rows).to_frame(profile.column(rule))
            found = margins(profile, edge.model_copy(update={"when": None}), measures)["distance"].abs()
        else:
            found = pl.Series([None], dtype=pl.Float64).new_from_index(0, rows.len())
        table = _least(pl.DataFrame({"row": rows, "distance": found}))
        parts.append(
            table.select(
                pl.lit(gain).alias("gain"),
                pl.lit(moves).alias("moves"),
                "row",
                documents.rows["place"].gather(table["row"]).alias("place"),
                values.rows["value"].gather(table["row"]).alias("value"),
                "distance",
            )
        )
    return pl.concat(parts)


def _least(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the least distance; sorted are only those that can be among them."""
    far = rows["distance"].bottom_k(NEAREST).max() if rows.height else None
    if rows.height - rows["distance"].null_count() >= NEAREST:
        rows = rows.filter(pl.col("distance") <= far)
    return rows.sort("distance", "row", nulls_last=True).head(NEAREST)
