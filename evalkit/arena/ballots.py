"""Votes from wherever they come: people, judges, files of ours, of FastChat's or PandaLM's form."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.arena.pairs import Pair
from train.data.records import bad_row, read_records
from workbench.people import Vote

_OUTCOMES = {
    **dict.fromkeys(("a", "model_a", "A", "1", "[[A]]"), 1.0),
    **dict.fromkeys(("b", "model_b", "B", "2", "[[B]]"), 0.0),
    **dict.fromkeys(("tie", "both_bad", "tie (bothbad)", "bothbad", "0", "[[C]]"), 0.5),
}


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote. outcome: 1 where model_a won, 0 where model_b did, 0.5 for a tie. judge: no person, but a model.

    prompt: what votes are clustered by. pair: its id, where the answers are known. left: which answer stood there.
    """

    prompt: str
    model_a: str
    model_b: str
    outcome: float
    rater: str
    judge: bool = False
    pair: str | None = None
    left: str | None = None
    seconds: float | None = None


def of_people(votes: Iterable[Vote], pairs: Sequence[Pair]) -> tuple[list[Ballot], Counter[str]]:
    """The ballots of an arena's votes, and how many were left out: skipped, or on pairs that it does not have."""
    known = {pair.id: pair for pair in pairs}
    found, out = [], Counter[str]()
    for vote in votes:
        pair = known.get(vote.pair)
        if pair is None or vote.choice == "skip":
            out["skipped" if pair is not None else "on another arena's pair"] += 1
            continue
        outcome = _OUTCOMES[vote.choice]
        found.append(
            Ballot(
                pair.prompt, pair.model_a, pair.model_b, outcome, vote.rater, False, pair.id, vote.left, vote.seconds
            )
        )
    return found, out


def read_ballots(path: Path, pairs: Sequence[Pair] = ()) -> list[Ballot]:
    """Rows of `pair` (an id of `pairs`) or model_a and model_b, with `vote` or `winner`, and where known `rater` (or
    `judge`), `prompt` (or `question_id`), `seconds`. UserError with the row for others."""
    known = {pair.id: pair for pair in pairs}
    found = []
    for row, values in read_records(path):
        said = values.get("vote", values.get("winner"))
        outcome = _OUTCOMES.get(str(said))
        if outcome is None:
            what = "there is no vote" if said is None else f"the vote is {said!r}"
            raise bad_row(path, row, what, "vote: a, b, tie or both_bad")
        pair = known.get(str(values.get("pair")))
        if pair is None and not ("model_a" in values and "model_b" in values):
            hint = "rows of pair (of the arena that is named), or of model_a and model_b"
            raise bad_row(path, row, "a vote on nothing that is known", hint)
        models = (pair.model_a, pair.model_b) if pair is not None else (str(values["model_a"]), str(values["model_b"]))
        if models[0] == models[1]:
            raise bad_row(path, row, f"{models[0]} meets itself", "two models to a vote")
        judge = "judge" in values or str(values.get("rater", "")).startswith("judge:")
        rater = values.get("rater", values.get("judge", "unnamed"))
        prompt = pair.prompt if pair is not None else str(values.get("prompt", values.get("question_id", row)))
        seconds = values.get("seconds")
        found.append(
            Ballot(
                prompt,
                *models,
                outcome,
                rater if isinstance(rater, str) else json.dumps(rater),
                judge,
                None if pair is None else pair.id,
                values.get("left"),
                float(seconds) if isinstance(seconds, int | float) else None,
            )
        )
    return found


def preferences(ballots: Iterable[Ballot], pairs: Sequence[Pair]) -> tuple[list[dict[str, Any]], int]:
    """Rows that `train reward` and `train dpo` read: prompt, a, b, vote, rater, seconds; and votes without answers."""
    known = {pair.id: pair for pair in pairs}
    rows: list[dict[str, Any]] = []
    without = 0
    for ballot in ballots:
        pair = known.get(ballot.pair or "")
        if pair is None:
            without += 1
            continue
        vote = {1.0: "a", 0.0: "b", 0.5: "tie"}[ballot.outcome]
        row: Mapping[str, Any] = {"prompt": pair.prompt, "a": pair.output_a, "b": pair.output_b, "vote": vote}
        rows.append({**row, "rater": ballot.rater, "seconds": ballot.seconds})
    return rows, without
