"""Which documents are duplicates of which: those that stay already come first, then the declared order decides."""

from __future__ import annotations

import polars as pl

from curate.duplicates.config import Duplicates
from curate.duplicates.resolve import resolve

# Of a document that goes: for whom, how it was found, and how similar the two are (null: not known).
PARTNERS = {
    "id": pl.String,
    "kept_id": pl.String,
    "method": pl.String,
    "jaccard": pl.Float64,
    "containment": pl.Float64,
}


def settle(members: pl.DataFrame, survivors: pl.DataFrame, pairs: pl.DataFrame, settings: Duplicates) -> pl.DataFrame:
    """The rows of PARTNERS for the `members` that are duplicates, sorted by id; the others stay.

    `members` and `survivors`: `id`, the keys `text`, `url_key`, `set` (null for none) and `rank` (lowest first; in
    `survivors`, which stay whatever they are, it only breaks ties). `pairs` are verified pairs of sets. A member that
    is like a survivor goes for it; the rest is resolved as in a run.
    """
    settled = partners(members, survivors, pairs, settings)
    rest = members.join(settled, on="id", how="anti")
    found = resolve(
        rest.select("id", "text", "set", "rank", url="url_key"),
        pairs,
        settings.near.threshold,
        settings.near.containment,
        text=settings.text,
        url=settings.url,
        near=settings.near.enabled,
    ).select(*(pl.col("dropped_id" if name == "id" else name).alias(name) for name in PARTNERS))
    return pl.concat([settled, found]).sort("id")


def partners(members: pl.DataFrame, survivors: pl.DataFrame, pairs: pl.DataFrame, settings: Duplicates) -> pl.DataFrame:
    """The survivor that each member is a duplicate of, for those that are: by text, else the most similar by set, else
    by address; of several the best ranked."""
    found: list[pl.DataFrame] = []
    near = _both_ways(pairs)
    if settings.text:
        found.append(_same(members, survivors, "text").with_columns(method=pl.lit("text"), order=0))
    if settings.near.enabled:
        similar = pl.col("jaccard") >= settings.near.threshold
        if settings.near.containment is not None:
            similar |= pl.col("containment") >= settings.near.containment
        other = (
            members.select("id", "set")
            .join(near.filter(similar), on="set")
            .join(survivors.select("rank", other="set", kept_id="id"), on="other")
            .select(_COLUMNS)
        )
        found.append(pl.concat([_same(members, survivors, "set"), other]).with_columns(method=pl.lit("near"), order=1))
    if settings.url:
        same = _same(members, survivors, "url_key").drop("jaccard", "containment")
        sets = pl.concat([members.select("id", "set"), survivors.select("id", "set")]).unique("id")
        known = (
            same.join(sets, on="id", how="left")
            .join(sets.select(kept_id="id", other="set"), on="kept_id", how="left")
            .join(near, on=["set", "other"], how="left")
        )
        equal = pl.col("set") == pl.col("other")
        value = [pl.when(equal).then(1.0).otherwise(pl.col(name)).alias(name) for name in ("jaccard", "containment")]
        found.append(known.with_columns(value).select(_COLUMNS).with_columns(method=pl.lit("url"), order=2))
    if not found:
        return pl.DataFrame(schema=PARTNERS)
    best = pl.concat(found).sort("id", "order", pl.col("jaccard").fill_null(0.0).neg(), "rank", "kept_id")
    return best.unique("id", keep="first", maintain_order=True).select(*PARTNERS)


_COLUMNS = ("id", "kept_id", "rank", "jaccard", "containment")


def _same(members: pl.DataFrame, survivors: pl.DataFrame, key: str) -> pl.DataFrame:
    """Members and survivors that share a key."""
    both = members.select("id", key).join(survivors.select(key, "rank", kept_id="id"), on=key)
    return both.with_columns(jaccard=pl.lit(1.0), containment=pl.lit(1.0)).select(_COLUMNS)


def _both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    """Verified pairs seen from each of their two sets."""
    ways = [
        pairs.select("jaccard", "containment", set=here, other=there)
        for here, there in (("left", "right"), ("right", "left"))
    ]
    return pl.concat(ways)
