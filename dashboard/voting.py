"""What a rater is asked in an arena, in which order and on which side, and how the answers are kept. No Streamlit.

Between the pairs stand two kinds of checks: a pair of the rater's own again with its sides turned, and pairs whose
better answer is known. A repeat is kept as a label on the pair, so that the rater has one vote on it and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workbench.people import Label, People, Vote

QUOTA = 20
"""Votes that a rater gives before the board is shown, or all pairs where they are fewer."""
REPEAT, BOARD = "repeat", "board"
"""What labels of an arena are about: the second answer to a pair; who looked at the board instead of voting."""
_BLOCK, _APART = 20, 10  # one pair of twenty is asked again, ten pairs later
_GOLD = 0.03

Side = Literal["a", "b"]
Said = Literal["left", "right", "tie", "both_bad", "skip"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question. kind: `vote`, `repeat` or `gold`. left: which of the pair's answers stands on the left."""

    kind: Literal["vote", "repeat", "gold"]
    pair: str
    left: Side

    def choice(self, said: Said) -> Literal["a", "b", "tie", "both_bad", "skip"]:
        """What was said of the sides, said of the pair's `a` and `b`."""
        if said == "left":
            return self.left
        return _other(self.left) if said == "right" else said


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rater stands. votes: theirs that count, in their order. repeats: their second answers, by pair.

    watching: whether they looked at the board instead of voting.
    """

    votes: Sequence[Vote]
    repeats: dict[str, Label]
    watching: bool


class Progress(NamedTuple):
    """next: the place of the turn to come, None at the end. turns: all of them, checks among them.

    voted, skipped: of the arena's own `pairs`. Raters are not told these: a number that a question leaves as it was
    would say that it had been a check.
    """

    next: int | None
    turns: int
    voted: int
    skipped: int
    pairs: int

    @property
    def answered(self) -> int:
        """Turns that lie behind the rater."""
        return self.turns if self.next is None else self.next

    @property
    def quota(self) -> int:
        """Votes that open the board."""
        return min(QUOTA, self.pairs)

    @property
    def open(self) -> bool:
        """Whether the rater has done enough to see the board."""
        return self.voted >= self.quota or self.voted + self.skipped >= self.pairs


def turns(arena: str, rater: str, pairs: Iterable[str], gold: Iterable[str] = ()) -> list[Turn]:
    """All that this rater is asked, in order: a function of the names alone, so that a reload changes nothing.

    Order and sides come from SHA-256 of arena, rater and pair. One pair of every twenty comes again ten pairs later,
    sides turned; of `gold`, as many as are 3 % of the pairs, at least one, the first within the quota.
    """

    def drawn(pair: str, what: str = "") -> int:
        text = "\x00".join((arena, rater, pair, what))
        return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")

    def side(pair: str) -> Side:
        return "a" if drawn(pair, "left") % 2 else "b"

    order = sorted(pairs, key=drawn)
    placed: list[tuple[float, Turn]] = [(at, Turn("vote", pair, side(pair))) for at, pair in enumerate(order)]
    for begin in range(0, len(order), _BLOCK):
        block = order[begin : begin + _BLOCK]
        if len(block) > _APART:
            again = min(range(len(block) - _APART), key=lambda at: drawn(block[at], "again"))
            turned = _other(side(block[again]))
            placed.append((begin + again + _APART - 0.25, Turn("repeat", block[again], turned)))
    known = sorted(gold, key=drawn)
    count = min(len(known), max(1, round(_GOLD * len(order))))
    for number, pair in enumerate(known[:count]):
        begin, end = number * len(order) // count, (number + 1) * len(order) // count
        within = max(min(end, QUOTA) if number == 0 else end, begin + 1) - begin
        placed.append((begin + drawn(pair, "place") % within + 0.25, Turn("gold", pair, side(pair))))
    return [turn for _, turn in sorted(placed, key=lambda each: each[0])]


def standing(people: People, arena: str, rater: str) -> Standing:
    """What this rater has said so far."""
    repeats = {label.item: label for label in people.labels(arena, REPEAT) if label.rater == rater}
    watching = any(label.rater == rater for label in people.labels(arena, BOARD))
    return Standing(people.votes(arena, rater), repeats, watching)


def progress(asked: Sequence[Turn], said: Standing) -> Progress:
    """The first turn that is open, and how far the rater is. What was skipped is not asked again."""
    choices = {vote.pair: vote.choice for vote in said.votes}
    own = [choices.get(turn.pair) for turn in asked if turn.kind == "vote"]
    skipped = sum(choice == "skip" for choice in own)
    voted = sum(choice is not None for choice in own) - skipped
    ahead = (
        place
        for place, turn in enumerate(asked)
        if (turn.kind != "repeat" and turn.pair not in choices)
        or (turn.kind == "repeat" and turn.pair not in said.repeats and choices.get(turn.pair) != "skip")
    )
    return Progress(next(ahead, None), len(asked), voted, skipped, len(own))


def keep(people: People, arena: str, rater: str, turn: Turn, said: Said, seconds: float, reason: str = "") -> bool:
    """Write down what was said; it is on the disk when this returns. False where this was answered before, which
    stays: a second tab, or a key pressed twice, changes nothing."""
    choice = turn.choice(said)
    if turn.kind != "repeat":
        return people.vote(Vote(arena, turn.pair, rater, choice, turn.left, round(seconds, 2), reason))
    if turn.pair in standing(people, arena, rater).repeats:
        return False
    people.label(Label(arena, turn.pair, REPEAT, rater, choice))
    return True


def undo(people: People, arena: str, rater: str) -> bool:
    """Take back the last that the rater said, vote or repeat; False where there is nothing."""
    said = standing(people, arena, rater)
    last = max(said.repeats.values(), key=lambda label: label.time, default=None)
    if last is not None and (not said.votes or last.time > said.votes[-1].time):
        people.label(Label(arena, last.item, REPEAT, rater, ""))
        return True
    return people.undo(arena, rater) is not None


def _other(side: Side) -> Side:
    return "b" if side == "a" else "a"
