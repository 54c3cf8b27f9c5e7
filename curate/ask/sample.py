"""A few documents of a run, chosen by a keyed hash of their ids: the same seed shows the same ones."""

from __future__ import annotations

from typing import Any

import polars as pl
import xxhash

from curate.ask.finished import FinishedRun
from workbench.errors import UserError


def sample(
    run: FinishedRun, *, state: str | None, rule: str | None, lang: str | None, host: str | None, n: int, seed: int
) -> list[dict[str, Any]]:
    """`n` decisions that fit the filters, each with the first characters of its text."""
    rows = run.scan("decisions")
    for column, wanted in (("state", state), ("rule", rule), ("lang", lang), ("host", host)):
        if wanted is not None:
            rows = rows.filter(pl.col(column) == wanted)
    ids = rows.select("id").collect()["id"]
    order = sorted(
        ids.unique(maintain_order=True).to_list(), key=lambda key: xxhash.xxh3_64_intdigest(key.encode(), seed=seed)
    )
    chosen = order[:n]
    found = rows.filter(pl.col("id").is_in(pl.Series(chosen, dtype=pl.String).implode())).collect()
    by_id = {row["id"]: row for row in reversed(found.to_dicts())}
    return [by_id[key] for key in chosen]


def dropped_by_rule(run: FinishedRun) -> str:
    """The id of a page that a rule of the profile dropped: the one a seeded choice would show first."""
    rules = {rule.id for rule in run.profile.rules}
    rows = sample(run, state="dropped", rule=None, lang=None, host=None, n=1000, seed=0)
    chosen = [row for row in rows if row["rule"] in rules] or rows
    if not chosen:
        raise UserError(f"{run.path} dropped nothing", hint=f"look at what it kept: curate sample {run.path}")
    return str(chosen[0]["id"])
