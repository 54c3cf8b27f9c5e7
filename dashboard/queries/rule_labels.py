"""What people said about the documents that a rule drops: precision and recall at a threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from workbench.people import Label

if TYPE_CHECKING:
    from evalkit.statistics.intervals import Estimate

GOOD, BAD = "good", "bad"


def about(rule: str) -> str:
    """The question of a label: is this document good, whatever the rule says?"""
    return f"rule:{rule}"


class Opinion(NamedTuple):
    """What most raters said of each document (`good` or `bad`), and how many documents they are split about."""

    labels: dict[str, str]
    split: int


def opinion(labels: Iterable[Label]) -> Opinion:
    """One label for each document: that of most raters; a document on which they are split has none."""
    votes: dict[str, Counter[str]] = {}
    for label in labels:
        if label.label in (GOOD, BAD):
            votes.setdefault(label.item, Counter())[label.label] += 1
    agreed = {item: GOOD if counts[GOOD] > counts[BAD] else BAD for item, counts in votes.items() if _agreed(counts)}
    return Opinion(agreed, len(votes) - len(agreed))


def _agreed(counts: Counter[str]) -> bool:
    return counts[GOOD] != counts[BAD]


class Quality(NamedTuple):
    """precision: of the labelled documents that the rule drops, the share that is bad. recall: of the bad ones, the
    share that it drops. None where no labelled document is of that kind."""

    precision: Estimate | None
    recall: Estimate | None


def quality(labels: Mapping[str, str], dropped: Mapping[str, bool]) -> Quality:
    """Precision and recall of a rule on labelled documents, with Wilson's intervals; `dropped`: what the rule does."""
    hits = [labels[item] == BAD for item, drops in dropped.items() if drops]
    found = [drops for item, drops in dropped.items() if labels[item] == BAD]
    return Quality(_share(hits), _share(found))


def _share(values: list[bool]) -> Estimate | None:
    if not values:
        return None
    from evalkit.statistics.intervals import mean

    return mean([float(value) for value in values], bounded=True)
