"""What the board of an arena shows, from its pairs and all votes on them; the figures are those of `evalkit arena`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.voting import REPEAT
from evalkit.arena.ballots import Ballot, of_people, preferences, read_ballots
from evalkit.arena.pairs import Gold, Pair
from evalkit.arena.result import arena, result
from evalkit.statistics.intervals import mean
from workbench.people import Label, Vote

if TYPE_CHECKING:
    import polars as pl

WHO = ("all", "people", "judges")


def vote_files(root: Path, arena_id: str) -> list[Path]:
    """Votes that lie beside the arena as files, such as a judge's: `<arena>.<name>.jsonl` in the workspace."""
    try:
        found = [path for path in root.iterdir() if path.name.startswith(f"{arena_id}.") and path.suffix == ".jsonl"]
    except OSError:
        return []
    return sorted(path for path in found if path.is_file())


def ballots(
    votes: Iterable[Vote], pairs: Sequence[Pair], files: Iterable[Path], who: str
) -> tuple[list[Ballot], dict[str, int]]:
    """All ballots that count for `who`, and how many votes of people were left out and why."""
    found, out = of_people(votes, pairs)
    for file in files:
        found += read_ballots(file, pairs)
    return [one for one in found if who == "all" or one.judge == (who == "judges")], dict(out)


def board(found: Sequence[Ballot], pairs: Sequence[Pair], *, style: bool) -> dict[str, Any]:
    """Every figure of `evalkit arena board` (UserError as there), and `wins`: see `win_counts`."""
    return {**result(arena(found, pairs, control_style=style)), "wins": win_counts(found)}


def win_counts(found: Iterable[Ballot]) -> list[dict[str, Any]]:
    """Of each two models that met: model, against, and how often the first won, lost and tied."""
    counts: dict[tuple[str, str], list[int]] = {}
    for one in found:
        for model, against, outcome in (
            (one.model_a, one.model_b, one.outcome),
            (one.model_b, one.model_a, 1 - one.outcome),
        ):
            counts.setdefault((model, against), [0, 0, 0])[{1.0: 0, 0.0: 1, 0.5: 2}[outcome]] += 1
    return [
        {"model": model, "against": against, "won": won, "lost": lost, "tied": tied, "n": won + lost + tied}
        for (model, against), (won, lost, tied) in sorted(counts.items())
    ]


def raters(
    votes: Sequence[Vote], labels: Sequence[Label], pairs: Mapping[str, Pair], gold: Mapping[str, Gold]
) -> pl.DataFrame:
    """A row a rater: votes, skipped, seconds (median of a vote), and both checks with their n and 95 % interval.

    gold: the share of pairs with a known answer on which the rater said so. same: the share of repeated pairs on which
    the rater said the same both times, sides turned.
    """
    import polars as pl

    repeats = {(label.rater, label.item): label.label for label in labels if label.about == REPEAT}
    rows = []
    for rater in sorted({vote.rater for vote in votes}):
        own = [vote for vote in votes if vote.rater == rater]
        voted = [vote for vote in own if vote.pair in pairs]
        seconds = [vote.seconds for vote in voted if vote.seconds is not None and vote.choice != "skip"]
        right = [vote.choice == gold[vote.pair].better for vote in own if vote.pair in gold and vote.choice != "skip"]
        same = [
            repeats[rater, vote.pair] == vote.choice
            for vote in voted
            if repeats.get((rater, vote.pair), "skip") != "skip" and vote.choice != "skip"
        ]
        rows.append(
            {
                "rater": rater,
                "votes": sum(vote.choice != "skip" for vote in voted),
                "skipped": sum(vote.choice == "skip" for vote in voted),
                "seconds": median(seconds) if seconds else None,
                "gold": _share(right),
                "same": _share(same),
            }
        )
    columns = {"rater": pl.String, "votes": pl.Int64, "skipped": pl.Int64, "seconds": pl.Float64}
    return pl.DataFrame(rows, {**columns, "gold": pl.String, "same": pl.String})


def _share(values: Sequence[bool]) -> str:
    """`2 of 3, 95 % 21 to 94 %`."""
    if not values:
        return "-"
    found = asdict(mean(np.array(values, np.float64), bounded=True))
    interval = f", 95 % {100 * found['low']:.0f} to {100 * found['high']:.0f} %" if found["low"] == found["low"] else ""
    return f"{sum(values):,} of {len(values):,}{interval}"


def exported(found: Iterable[Ballot], pairs: Sequence[Pair]) -> str:
    """What `evalkit arena export` writes: preferences that `train reward` and `train dpo` read, a line each."""
    rows, _ = preferences(found, pairs)
    return "".join(json.dumps(row) + "\n" for row in rows)
