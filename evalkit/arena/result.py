"""What an arena's votes say: the board, how sure it is, and how far raters agree."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from evalkit.arena.agreement import Agreement, cohen, krippendorff, with_interval
from evalkit.arena.ballots import Ballot
from evalkit.arena.board import board, bootstrap, elo, votes_needed
from evalkit.arena.pairs import Pair
from evalkit.arena.ratings import Battles, Fit, Ties, components, fit
from evalkit.arena.style import differences, style
from evalkit.statistics.intervals import mean
from workbench.errors import Exit, UserError

SCHEMA = "evalkit.arena/1"
STYLE = ("words", "headers", "lists", "bold")


class Arena(NamedTuple):
    """The ballots as battles of numbered players."""

    players: list[str]
    battles: Battles
    ballots: Sequence[Ballot]
    style: Sequence[str] = ()


def arena(ballots: Sequence[Ballot], pairs: Sequence[Pair] = (), *, control_style: bool = False) -> Arena:
    """Battles clustered by prompt; where asked, with what differs in the style of both answers as covariates.

    Raises UserError where there are no votes, or a vote's answers are not known and style is asked for.
    """
    if not ballots:
        raise UserError(
            "no votes", hint="let a judge vote (`evalkit arena judge`), or name --votes FILE", code=Exit.INPUT
        )
    players = sorted({name for ballot in ballots for name in (ballot.model_a, ballot.model_b)})
    number = {name: place for place, name in enumerate(players)}
    prompts = {prompt: place for place, prompt in enumerate(dict.fromkeys(ballot.prompt for ballot in ballots))}
    covariates, names = None, list[str]()
    if control_style:
        known = {pair.id: (style(pair.output_a), style(pair.output_b)) for pair in pairs}
        if any((ballot.pair or "") not in known for ballot in ballots):
            hint = "style needs the answers: name the arena's run, and votes on its pairs only"
            raise UserError("some votes are on answers that are not there", hint=hint, code=Exit.INPUT)
        both = [known[ballot.pair or ""] for ballot in ballots]
        every = differences([left for left, _ in both], [right for _, right in both])
        differing = np.abs(every).max(0) > 0
        covariates, names = every[:, differing], [name for name, there in zip(STYLE, differing, strict=True) if there]
    battles = Battles(
        np.array([number[ballot.model_a] for ballot in ballots]),
        np.array([number[ballot.model_b] for ballot in ballots]),
        np.array([ballot.outcome for ballot in ballots]),
        cluster=np.array([prompts[ballot.prompt] for ballot in ballots]),
        covariates=covariates,
    )
    return Arena(players, battles, ballots, names)


def result(found: Arena, *, ties: Ties = "half", draws: int = 200, seed: int = 0) -> dict[str, Any]:
    """Every figure of the board. Where not all players can be compared, one board for each group that can."""
    groups = components(found.battles, len(found.players))
    boards = []
    for group in sorted(set(groups.tolist()), key=lambda one: (-int((groups == one).sum()), one)):
        members = np.flatnonzero(groups == group)
        boards.append(_board(found, members, ties, draws, seed))
    return {
        "schema": SCHEMA,
        "votes": len(found.ballots),
        "ties": sum(ballot.outcome == 0.5 for ballot in found.ballots),
        "prompts": len({ballot.prompt for ballot in found.ballots}),
        "raters": dict(sorted(Counter(ballot.rater for ballot in found.ballots).items())),
        "connected": len(boards) == 1,
        "boards": boards,
        "agreement": agreement(found.ballots, seed=seed),
        "left": _left(found.ballots),
    }


def _board(found: Arena, members: Any, ties: Ties, draws: int, seed: int) -> dict[str, Any]:
    names = [found.players[place] for place in members]
    if len(members) == 1:
        return {"players": names, "lines": [], "neighbours": []}
    inside = np.isin(found.battles.left, members) & np.isin(found.battles.right, members)
    taken = found.battles.take(inside)
    place = {int(old): new for new, old in enumerate(members)}
    battles = Battles(
        np.array([place[int(one)] for one in taken.left]),
        np.array([place[int(one)] for one in taken.right]),
        taken.outcome,
        cluster=taken.cluster,
        covariates=taken.covariates,
    )
    try:
        fitted = fit(battles, names, ties=ties)
    except ValueError as error:
        hint = "leave --style out, or gather more votes"
        raise UserError(f"{', '.join(names)}: {error}", hint=hint, code=Exit.INPUT) from None
    again = bootstrap(battles, fitted, ties=ties, draws=draws, seed=seed)
    moving = elo(battles, len(names))
    lines = []
    for line in board(fitted, battles):
        at = names.index(line.player)
        resampled = {"bootstrap_low": float(again.low[at]), "bootstrap_high": float(again.high[at])}
        lines.append({**line._asdict(), **resampled, "elo": float(moving[at])})
    order = [names.index(line["player"]) for line in lines]
    between = [_between(fitted, first, second) for first, second in itertools.pairwise(order)]
    errors = np.sqrt(np.diag(fitted.covariance)[len(names) :])
    effects = [
        {"name": name, "effect": float(effect), "error": float(error)}
        for name, effect, error in zip(found.style, fitted.effects, errors, strict=False)
    ]
    return {
        "players": names,
        "lines": lines,
        "neighbours": between,
        "style": effects,
        "tie": fitted.tie,
        "draws": again.draws,
        "failed_draws": again.failed,
    }


def _between(fitted: Fit, first: int, second: int) -> dict[str, Any]:
    difference, error = fitted.difference(first, second)
    return {
        "above": fitted.players[first],
        "below": fitted.players[second],
        "chance": fitted.chance(first, second),
        "difference": difference * 400 / math.log(10),
        "error": error * 400 / math.log(10),
        "votes_needed": votes_needed(fitted, first, second),
    }


def agreement(ballots: Sequence[Ballot], *, seed: int = 0) -> dict[str, Any]:
    """Krippendorff's alpha over all raters (ordinal: a tie lies between), and each judge against the people's mean."""
    items: dict[tuple[str, str, str], dict[str, float]] = {}
    for ballot in ballots:
        models = sorted((ballot.model_a, ballot.model_b))
        key = (ballot.pair or ballot.prompt, models[0], models[1])
        # Which model counts as the first is drawn, item by item: were it the better one each time, raters who agree
        # would be taken for raters who always say the same.
        first = models[hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).digest()[0] % 2]
        items.setdefault(key, {})[ballot.rater] = ballot.outcome if first == ballot.model_a else 1 - ballot.outcome
    raters = sorted({rater for votes in items.values() for rater in votes})
    table = np.array([[votes.get(rater, math.nan) for rater in raters] for votes in items.values()])
    shared = table[np.isfinite(table).sum(1) >= 2] if len(raters) > 1 else table[:0]
    alpha = None
    if len(shared):
        alpha = with_interval(lambda rows: krippendorff(shared[rows], "ordinal"), len(shared), draws=200, seed=seed)
    judges = {ballot.rater for ballot in ballots if ballot.judge}
    people = [place for place, rater in enumerate(raters) if rater not in judges]
    against = {}
    for place, rater in enumerate(raters):
        if rater in judges and people:
            against[rater] = _against(table[:, place], table[:, people], seed)
    return {
        "items": len(shared),
        "alpha": None if alpha is None else alpha._asdict(),
        "judges": {rater: found for rater, found in against.items() if found is not None},
    }


def _against(judge: Any, people: Any, seed: int) -> dict[str, Any] | None:
    """A judge and the majority of the people, where both have decided: kappa, and the share of agreement."""
    both = np.isfinite(judge) & np.isfinite(people).any(1)
    if not both.any():
        return None
    said = np.sign(judge[both] - 0.5).astype(int)
    majority = np.sign(np.nansum(people[both] - 0.5, 1)).astype(int)
    kappa: Agreement = with_interval(
        lambda rows: cohen(said[rows].tolist(), majority[rows].tolist()), len(said), draws=200, seed=seed
    )
    return {"kappa": kappa._asdict(), "same": asdict(mean((said == majority).astype(float)))}


def _left(ballots: Sequence[Ballot]) -> dict[str, Any] | None:
    """How often the answer on the left won, ties left out; None where nobody wrote down what stood there."""
    wins = [
        float((ballot.outcome == 1.0) == (ballot.left == "a"))
        for ballot in ballots
        if ballot.left in ("a", "b") and ballot.outcome != 0.5
    ]
    return asdict(mean(wins)) if wins else None
