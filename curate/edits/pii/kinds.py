"""The kinds of personal and secret data, what stands for them, and which wins where two finds overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
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
    """The finds without overlaps, in the order of the text; the kind of higher precedence wins, then the earlier."""
    chosen: list[Find] = []
    ends: list[int] = []
    for find in sorted(finds, key=lambda find: (_RANK.get(find.kind, len(KINDS)), find.start, -find.end)):
        place = bisect_right(ends, find.start)
        if place == len(chosen) or chosen[place].start >= find.end:
            chosen.insert(place, find)
            ends.insert(place, find.end)
    return chosen


def joined(text: str, finds: Sequence[Find], tagged: Sequence[Find], flagged: Collection[str]) -> list[Find]:
    """The finds of patterns (without overlaps) and those of a tagger, in the order of the text and without overlaps.

    What has a pattern is surer, and keeps its kind; of a tagged find that overlaps it, the stretches on both sides
    remain as finds of the tagger's kind, so that all of it is masked. flagged: kinds that the text keeps; a find of
    one of them gives way to a tagged one that does not.
    """
    firm = [find for find in finds if find.kind not in flagged or all(other.kind in flagged for other in tagged)]
    found = list(firm)
    for find in settled(list(tagged)):
        at = find.start
        for other in (*(one for one in firm if one.start < find.end and find.start < one.end), None):
            stop = find.end if other is None else other.start
            part = text[at:stop]
            if any(letter.isalnum() for letter in part):
                start = at + len(part) - len(part.lstrip())
                found.append(Find(start, start + len(part.strip()), find.kind, find.value))
            at = stop if other is None else other.end
    found += [
        one for one in finds if one not in firm and not any(one.start < x.end and x.start < one.end for x in found)
    ]
    return sorted(found)
