"""The line rules of our own: notices, counters and navigation in many languages, without touching code or mathematics.

Each removes a line for what it is, not for a word it mentions: an article about cookies stays, a consent banner goes.
Their phrases are in data/notices.yaml. They look at one line at a time, so editing an edited text changes nothing more
(but for what may be left of a line whose tail was cut).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from curate.edits.lines.rule import Batch, Cuts, Mask, Rule, whole
from curate.edits.lines.shape import SHORT, core_ids
from curate.edits.phrases import any_of, phrases, table
from curate.edits.triggers import Bell

_EDGE = re.compile(r"^[\W_]+|[\W_]+$")
_LINK_MARK = re.compile(r"\s*[|•·»›→«‹←∙⋅]+\s*|\s+[/>]\s+")
_ROW = re.compile(r"^\s*\||\|\s*$")  # of a table
_TRAIL = re.compile(r"\s*[»›→]\s*|\s+>\s+")
_SLASHES = re.compile(r"\s+/\s+")
_ELLIPSIS = r"(?:…|\.{2,})"


def _core(text: str) -> str:
    return _EDGE.sub("", text.lower())


def _free(batch: Batch, words: int) -> Mask:
    """Lines of at most so many words that are no code and no mathematics."""
    return (batch.shape.words <= words) & (batch.shape.words > 0) & ~batch.shape.protected


def javascript() -> list[Rule]:
    """A notice that JavaScript is off or needed: such a phrase, and a word to the reader or a very short line."""
    data = table("notices")["javascript"]
    notice, cue = re.compile(any_of(data["patterns"])), re.compile(any_of(data["cues"]))
    short = data["max_words_without_cue"]

    def decide(line: str) -> Cuts:
        lower = line.lower()
        return whole(line) if notice.search(lower) and (len(lower.split()) <= short or cue.search(lower)) else []

    return [Rule("line:javascript", lambda b: b.rung(Bell.JAVASCRIPT) & _free(b, data["max_words"]), decide)]


def policy() -> list[Rule]:
    """Consent banners, rights notices, and lines of nothing but legal links."""
    data = table("notices")["policy"]
    labels = phrases(data["labels"])
    known = {_core(label) for label in (*labels, *phrases(data["company"]))}
    hashes, company = core_ids(labels), known | _together()
    notice = re.compile(any_of(data["patterns"]))

    def alone(batch: Batch) -> Mask:
        return batch.rung(Bell.POLICY) & _free(batch, SHORT) & np.isin(batch.shape.core, hashes)

    def decide(line: str) -> Cuts:
        links = set() if _ROW.search(line) else _links(line)
        if len(links) > 1 and links <= company and links & known:
            return whole(line)
        return whole(line) if notice.search(line.strip().lower()) else []

    return [
        Rule("line:policy", alone),
        Rule("line:policy", lambda b: b.rung(Bell.POLICY) & _free(b, data["max_words"]), decide),
    ]


def uppercase() -> list[Rule]:
    """Shouting: more than half of the letters of a line of four words or more."""
    return [
        Rule(
            "line:uppercase", lambda b: (2 * b.shape.upper > b.shape.letters) & (b.shape.words >= 4) & _free(b, 1 << 30)
        )
    ]


def digits() -> list[Rule]:
    """A line of nothing but digits: a page number, a line number of a listing, a count without its noun."""
    return [Rule("line:digits", lambda b: (b.shape.digits == _chars(b)) & _free(b, 1))]


def counter() -> list[Rule]:
    """One or several counters and nothing else: "3K likes", "12 Kommentare · 5 mal geteilt", "Views: 1,204"."""
    data = table("notices")["counter"]
    noun = "|".join(sorted(phrases(data["nouns"]), key=len, reverse=True))
    number = r"(?:\d+|\d{1,3}(?:[.,]\d{3})+|\d+(?:[.,]\d+)?\s?(?:[kmb]|mio|mln|tsd|mil|тыс|млн|万|萬|천|만)\.?)\+?"
    one = rf"(?:{number}\s*(?:{noun})|(?:{noun})\s*[:：(（]?\s*{number})(?!\w)"
    counters = re.compile(rf"\W*{one}(?:\W+{one}){{0,4}}\W*")

    def decide(line: str) -> Cuts:
        return whole(line) if counters.fullmatch(line.strip().lower()) else []

    return [
        Rule(
            "line:counter",
            lambda b: b.rung(Bell.COUNTER) & (b.shape.digits > 0) & _free(b, data["max_words"]),
            decide,
        )
    ]


def navigation() -> list[Rule]:
    """Links of a page's frame: skip links, pagers, breadcrumbs, share and account links; and "Read more" tails."""
    data = table("notices")["navigation"]
    alone = phrases(data["alone"])
    home = {_core(word) for word in phrases(data["home"])}
    labels = {"", *map(_core, alone)}
    openers = frozenset(phrases(data["openers"]))
    certain, opening = core_ids(alone), core_ids(sorted({*_together(), *home, *openers}))
    company = _together()
    pattern = re.compile(any_of(data["patterns"]))
    tail_words = "|".join(sorted(map(re.escape, phrases(data["tails"]["triggers"])), key=len, reverse=True))
    # A tail goes where something shows that the sentence was cut: an ellipsis or brackets or an arrow, or a full stop.
    tail = re.compile(
        rf"\s*(?:{_ELLIPSIS}\s*[\[(]?|[\[(]|(?<=[.!?。！？])\s+)\s*(?:{tail_words})\s*{_ELLIPSIS}?[\s»›→>\])]*$"
        rf"|\s+(?:{tail_words})\s*(?:{_ELLIPSIS}|[»›→>]+)[\s»›→>\])]*$",
        re.IGNORECASE,
    )

    def short(batch: Batch) -> Mask:
        return _free(batch, data["max_words"]) & (_chars(batch) <= data["max_chars"])

    def suspicious(batch: Batch) -> Mask:
        linked = (batch.shape.separators > 0) | batch.rung(Bell.NAVIGATION)
        return short(batch) & (linked | np.isin(batch.shape.opening, opening))

    def decide(line: str) -> Cuts:
        core = _core(line)
        words = [word for word in map(_core, core.split()) if word]
        if not words:
            return []
        if (words[0] in openers or "item" in core) and pattern.fullmatch(core):
            return whole(line)
        first = _core(_LINK_MARK.split(core, maxsplit=1)[0])
        if first in company or not first or first.isdecimal():
            links = set() if _ROW.search(line) else _links(core)
            if len(links) > 1 and links <= company:
                return whole(line)
        if first in home:
            for trail, least in ((_TRAIL.split(core), 2), (_SLASHES.split(core), 3)):
                if len(trail) >= least and all(len(part.split()) <= 6 for part in trail):
                    return whole(line)
        named = _named(words)
        return whole(line) if len(words) > 2 and len(named) > 1 and named <= company else []

    def cut(line: str) -> Cuts:
        found = tail.search(line)
        if not found:
            return []
        while found:
            rest = line[: found.start()]
            found = tail.search(rest)
        # What stays must be no navigation itself, or a second pass would remove it.
        return [(len(rest), len(line))] if _core(rest) not in labels and not decide(rest) else whole(line)

    return [
        Rule("line:navigation", lambda b: short(b) & np.isin(b.shape.core, certain)),
        Rule("line:navigation", suspicious, decide),
        Rule("line:navigation", lambda b: b.rung(Bell.TAIL) & ~b.shape.protected, cut),
    ]


def _chars(batch: Batch) -> np.ndarray:
    return batch.shape.end - batch.shape.begin


def _links(line: str) -> set[str]:
    """The pieces of a line between the marks that separate links, page numbers left out."""
    return _named(_core(part) for part in _LINK_MARK.split(line))


def _named(parts: Iterable[str]) -> set[str]:
    return {part for part in parts if part and not part.isdecimal()}


@cache
def _together() -> frozenset[str]:
    data = table("notices")["navigation"]
    return frozenset(_core(label) for block in ("alone", "together", "home") for label in phrases(data[block]))


RULES: dict[str, Callable[[], list[Rule]]] = {
    "javascript": javascript,
    "policy": policy,
    "uppercase": uppercase,
    "digits": digits,
    "counter": counter,
    "navigation": navigation,
}
