"""The kinds of personal and secret data, what stands for them, and which wins where two finds overlap."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

# In order of precedence: an address inside a private key is part of the key, a card number is no telephone number.
KINDS = (
    "private_key",
    "url_credentials",
    "api_key",
    "email",
    "iban",
    "credit_card",
    "us_ssn",
    "national_id",
    "ipv6",
    "ipv4",
    "phone",
)
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


class Find(NamedTuple):
    """One find in a document. The value lives only until its digest is taken; it is never stored."""

    start: int
    end: int
    kind: str
    value: str  # normalised: equal for spellings of the same thing


def token(kind: str) -> str:
    """What replaces a find: its type in angle brackets."""
    return f"<{kind.upper()}>"


def settled(finds: list[Find]) -> list[Find]:
    """The finds without overlaps, in the order of the text; the kind of higher precedence wins, then the earlier.

    Kinds that a tagger has learned come last: what has a pattern is surer.
    """
    chosen: list[Find] = []
    ends: list[int] = []
    for find in sorted(finds, key=lambda find: (_RANK.get(find.kind, len(KINDS)), find.start, -find.end)):
        place = bisect_right(ends, find.start)
        if place == len(chosen) or chosen[place].start >= find.end:
            chosen.insert(place, find)
            ends.insert(place, find.end)
    return chosen
