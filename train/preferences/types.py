"""One prompt with all its responses and everything that was said about which of them are better."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from train.data.pieces import Message

TIE = 0.5
"""The preference of a judge who finds neither better."""


class Judgement(NamedTuple):
    """What one rater said of two responses.

    first, second: numbers of responses. preference: probability that the first is better, `TIE` for a tie. margin: by
    how much the better one is better, where that is known. seconds: how long it took.
    """

    first: int
    second: int
    preference: float
    rater: str = ""
    margin: float = 0.0
    seconds: float | None = None


class Thumb(NamedTuple):
    """What one rater said of one response alone."""

    response: int
    up: bool
    rater: str = ""


class Score(NamedTuple):
    """The number that one rater gave one response; it compares with the other scores of the same rater. Raters without
    a name are one, as long as each response has one score."""

    response: int
    score: float
    rater: str = ""


class Pair(NamedTuple):
    """Two responses of which the winner is better with `probability` >= 0.5, as so many judgements together say."""

    winner: int
    loser: int
    probability: float = 1.0
    margin: float = 0.0
    judgements: int = 1


class Pairs(NamedTuple):
    """The pairs that teach something, and how many were dropped because everyone called them a tie."""

    kept: list[Pair]
    ties: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A prompt (whole conversations up to the answer), K different responses, and the judgements of all raters.

    id: the name of its first row. Judgements of different raters are kept apart; `pairs` puts them together.
    """

    id: str
    prompt: tuple[Message, ...]
    responses: tuple[str, ...]
    judgements: tuple[Judgement, ...] = ()
    scores: tuple[Score, ...] = ()
    thumbs: tuple[Thumb, ...] = ()

    def pairs(self) -> Pairs:
        """Every pair that was judged, of K-choose-2: the winner's probability is the mean over judgements, so that
        raters who disagree make a probability between 0.5 and 1 (0.5 where they are evenly split).

        A pair that all judges call a tie is dropped and counted. Thumbs count where nothing else compares two
        responses: the one with the larger share of thumbs up wins.
        """
        said: defaultdict[tuple[int, int], list[Judgement]] = defaultdict(list)
        judged = list(self._judged())
        known = {frozenset((each.first, each.second)) for each in judged}
        shares = [(number, share) for number, share in enumerate(self.wanted()) if share is not None]
        for (first, up), (second, other) in combinations(shares, 2):
            if frozenset((first, second)) not in known:
                judged.append(Judgement(first, second, TIE if up == other else float(up > other)))
        for each in judged:
            if each.first < each.second:
                said[each.first, each.second].append(each)
            else:
                said[each.second, each.first].append(
                    each._replace(first=each.second, second=each.first, preference=1 - each.preference)
                )
        kept, ties = [], 0
        for (first, second), judgements in sorted(said.items()):
            if all(each.preference == TIE for each in judgements):
                ties += 1
                continue
            mean = fmean(each.preference for each in judgements)
            better = (first, second) if mean >= TIE else (second, first)
            # A margin counts for the side that its judge prefers.
            signed = fmean(_sign(each.preference) * each.margin for each in judgements)
            margin = max(0.0, signed if mean >= TIE else -signed)
            kept.append(Pair(*better, max(mean, 1 - mean), margin, len(judgements)))
        return Pairs(kept, ties)

    def disagreement(self) -> tuple[int, int]:
        """Pairs of judgements of one pair that name different winners, and all such pairs; ties are no winners."""
        said: defaultdict[tuple[int, int], list[bool]] = defaultdict(list)
        for each in self._judged():
            if each.preference != TIE:
                key = (min(each.first, each.second), max(each.first, each.second))
                said[key].append((each.preference > TIE) == (each.first < each.second))
        differ = sum(sum(votes) * (len(votes) - sum(votes)) for votes in said.values())
        return differ, sum(len(votes) * (len(votes) - 1) // 2 for votes in said.values())

    def wanted(self) -> list[float | None]:
        """For each response the share of thumbs that are up; None where nobody gave one."""
        votes: defaultdict[int, list[bool]] = defaultdict(list)
        for each in self.thumbs:
            votes[each.response].append(each.up)
        return [fmean(votes[number]) if number in votes else None for number in range(len(self.responses))]

    def _judged(self) -> Iterator[Judgement]:
        """The judgements, and those that each rater's scores imply.

        Where one response has several scores under one name (or under none, as several people may), the second one
        counts as another rater's: nothing is overwritten, and that they disagree stays visible.
        """
        yield from self.judgements
        turns: Counter[tuple[str, int]] = Counter()
        given: defaultdict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        for each in self.scores:
            turn = turns[each.rater, each.response]
            turns[each.rater, each.response] += 1
            given[each.rater, turn][each.response] = each.score
        for (rater, _), scores in given.items():
            yield from scored(scores, rater)


def ranked(ranks: Sequence[float], rater: str = "") -> list[Judgement]:
    """All K-choose-2 judgements of a ranking, 1 the best; equal ranks are ties."""
    return [
        Judgement(first, second, TIE if ranks[first] == ranks[second] else float(ranks[first] < ranks[second]), rater)
        for first, second in combinations(range(len(ranks)), 2)
    ]


def scored(scores: Mapping[int, float], rater: str = "") -> list[Judgement]:
    """All judgements that one rater's scores of some responses (by number) imply; their margin is the difference."""
    return [
        Judgement(first, second, TIE if score == other else float(score > other), rater, abs(score - other))
        for (first, score), (second, other) in combinations(sorted(scores.items()), 2)
    ]


def _sign(preference: float) -> float:
    return 0.0 if preference == TIE else 1.0 if preference > TIE else -1.0
