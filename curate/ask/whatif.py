"""What other thresholds would keep and drop, from stored measures alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from curate import tokens
from curate.ask import again
from curate.ask.finished import FinishedRun
from curate.recipe import Settings
from curate.rules import Profile, evaluate, margins


def whatif(run: FinishedRun, settings: Settings, changed: Sequence[str], examples: int) -> dict[str, Any]:
    """Documents and tokens kept before and after, what moves by which rule, and examples at the changed thresholds.

    Duplicates are chosen anew among the documents that would pass: a rescued page may take another one's place.
    Benchmark items that a page holds are known for every page that was judged.
    """
    profile = settings.profile
    gone = again.after_rules(run, settings).drops.select("id", late="rule")
    kept: Counter[str] = Counter()
    moved: Counter[tuple[str, str]] = Counter()
    moved_tokens: Counter[tuple[str, str]] = Counter()
    near: list[dict[str, Any]] = []
    for decisions, measures in again.undecided_rows(run, profile):
        verdicts = evaluate(profile, measures)
        late = measures.select("id").join(gone, on="id", how="left", maintain_order="left")["late"]
        first = verdicts.first.zip_with(verdicts.first.is_not_null(), late)
        counts = measures[tokens.column(measures.columns)]
        each = counts.to_numpy()
        was, now = (decisions["state"] == "kept").to_numpy(), first.is_null().to_numpy()
        kept.update(
            before=int(was.sum()),
            after=int(now.sum()),
            tokens_before=int(each[was].sum()),
            tokens_after=int(each[now].sum()),
        )
        # The rule that decided is named where it changes: what dropped a document before, what drops it now.
        transitions = pl.DataFrame(
            {
                "before": decisions["rule"].fill_null("kept"),
                "after": first.fill_null("kept"),
                "tokens": counts,
            }
        ).filter(pl.col("before") != pl.col("after"))
        for before, after, count, total in (
            transitions.group_by("before", "after").agg(pl.len(), pl.col("tokens").sum()).iter_rows()
        ):
            moved[before, after] += count
            moved_tokens[before, after] += total
        near += _near(profile, changed, decisions, measures, was != now, examples)
    rows = [
        {"before": key[0], "after": key[1], "documents": count, "tokens": moved_tokens[key]}
        for key, count in sorted(moved.items(), key=lambda item: (-item[1], item[0]))
    ]
    near.sort(key=lambda row: (row["rule"], row["distance"], row["id"]))
    shown: Counter[str] = Counter()
    boundary = []
    for row in near:
        shown[row["rule"]] += 1
        if shown[row["rule"]] <= examples:
            boundary.append(row)
    return {"kept": dict(kept), "moved": rows, "examples": boundary}


def _near(
    profile: Profile,
    changed: Sequence[str],
    decisions: pl.DataFrame,
    measures: pl.DataFrame,
    moved: Any,
    examples: int,
) -> list[dict[str, Any]]:
    """The documents of this chunk that move and lie nearest to a changed threshold."""
    rows = decisions.filter(pl.Series(moved))
    found: list[dict[str, Any]] = []
    for rule in profile.rules:
        if rule.id not in changed:
            continue
        distances = margins(profile, rule, measures).filter(pl.Series(moved))
        frame = rows.select("id", "url", "state", "snippet").with_columns(
            value=distances["value"], distance=distances["distance"].abs()
        )
        for row in frame.drop_nulls("distance").sort("distance", "id").head(examples).to_dicts():
            found.append({"rule": rule.id, **row})
    return found
