"""From rules to spans: which lines of a batch go, which are cut, and what becomes of the line ends around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from curate.edits.lines.rule import Batch, Rule

Mark = tuple[int, int]

REPEATED = "line:repeated"  # kind of the lines that repeat across the pages of a host: they count as no rule's


class Removal(NamedTuple):
    """A stretch of one document, in its own offsets, that a line rule takes out, or a line that repeats."""

    start: int
    end: int
    kind: str


class Cleared(NamedTuple):
    """What the line rules do to one document."""

    removals: list[Removal]
    lines: int  # whole lines removed by rules
    words: int  # words of theirs, and of what was cut


def find(texts: Sequence[str], starts: Sequence[int], batch: Batch, rules: Sequence[Rule], marks: dict[int, list[Mark]],
         tidy: bool, repeated: Mapping[int, Sequence[Removal]]) -> dict[int, Cleared]:  # fmt: skip
    """Ask the rules, in order, of the lines they select; `repeated` lines go before any is asked.

    `starts` are the documents' offsets in the batch, `marks` the citation marks of the documents that have some: the
    rules read a line without them. With `tidy`, blank lines that would be left double or at an end go with the lines,
    and of a line that ends the document the line end before it goes.
    """
    gone = {doc: _within(batch, doc, starts[doc], of_doc) for doc, of_doc in repeated.items()}
    if not (rules or gone) or not len(batch.lines.begin):
        return {}
    known = [line for of_doc in gone.values() for line in of_doc]
    asked = np.zeros(len(batch.lines.begin), dtype=np.uint64)
    for number, rule in enumerate(rules):
        asked |= rule.select(batch).astype(np.uint64) << np.uint64(number)
    asked[known] = 0
    looked = np.flatnonzero(asked)
    docs = np.searchsorted(batch.lines.first, looked, side="right") - 1
    cuts: dict[int, list[Removal]] = {}
    words: dict[int, int] = {}
    for line, doc, bits in zip(looked.tolist(), docs.tolist(), asked[looked].tolist(), strict=True):
        start = starts[doc]
        edges = batch.lines.begin[line] - start, batch.lines.end[line] - start
        inner = batch.shape.begin[line] - start, batch.shape.end[line] - start
        for number, rule in enumerate(rules):
            if not bits >> number & 1:
                continue
            begin, end = map(int, inner if rule.strip else edges)
            if rule.decide is None:
                gone.setdefault(doc, {})[line] = rule.kind
                break
            of_line = [mark for mark in marks.get(doc, ()) if begin <= mark[0] < end]
            shown = _without(texts[doc], begin, end, of_line)
            found = rule.decide(shown)
            if found == [(0, len(shown))]:
                gone.setdefault(doc, {})[line] = rule.kind
                break
            if found:
                cuts.setdefault(doc, []).extend(
                    Removal(_mapped(a, begin, of_line), _mapped(b, begin, of_line, last=True), rule.kind)
                    for a, b in found
                )
                kept = _without(shown, 0, len(shown), found)
                words[doc] = words.get(doc, 0) + len(shown.split()) - len(kept.split())
                break
    return {
        doc: _cleared(
            texts[doc], starts[doc], batch, doc, gone.get(doc, {}), cuts.get(doc, []), words.get(doc, 0), tidy
        )
        for doc in sorted({*gone, *cuts})
    }


def _within(batch: Batch, doc: int, start: int, removals: Sequence[Removal]) -> dict[int, str]:
    """The lines of a document that lie in whole lines to be removed, with the kind of removal.

    One line may be several here: a rule of C4 breaks lines at more characters.
    """
    first, last = int(batch.lines.first[doc]), int(batch.lines.first[doc + 1])
    begins = batch.lines.begin[first:last] - start
    gone: dict[int, str] = {}
    for removal in removals:
        begin, end = np.searchsorted(begins, (removal.start, removal.end))
        gone |= dict.fromkeys(range(first + int(begin), first + int(end)), removal.kind)
    return gone


def _without(text: str, begin: int, end: int, marks: list[Mark]) -> str:
    pieces = []
    for start, stop in marks:
        pieces.append(text[begin:start])
        begin = stop
    pieces.append(text[begin:end])
    return "".join(pieces)


def _mapped(offset: int, begin: int, marks: list[Mark], last: bool = False) -> int:
    """The place in the document of an offset in the line without its marks; `last`: as the end of a stretch."""
    at = begin + offset
    for start, end in marks:
        if start < at or (start == at and not last):
            at += end - start
    return at


def _cleared(text: str, origin: int, batch: Batch, doc: int, gone: dict[int, str], cuts: list[Removal], words: int,
             tidy: bool) -> Cleared:  # fmt: skip
    first, last = int(batch.lines.first[doc]), int(batch.lines.first[doc + 1])
    removals = cuts
    by_rule = [line for line, kind in gone.items() if kind != REPEATED]
    words += int(batch.shape.words[by_rule].sum())
    groups = _groups(first, last, gone, batch.shape.words, tidy)
    for group in groups:
        at_end = tidy and group[-1][1] == last and group[0][0] > first
        for begin, end, kind in group:
            start = batch.lines.end[begin - 1] if at_end else batch.lines.begin[begin]
            if end == last:
                stop = len(text) + origin
            else:
                stop = batch.lines.end[end - 1] if at_end else batch.lines.begin[end]
            removals.append(Removal(int(start) - origin, int(stop) - origin, kind))
    return Cleared(sorted(removals), len(by_rule), words)


def _groups(
    first: int, last: int, gone: dict[int, str], words: np.ndarray, tidy: bool
) -> list[list[tuple[int, int, str]]]:
    """Runs of removed lines as (first line, line behind, kind), blank lines that `tidy` takes along included."""
    groups: list[list[tuple[int, int, str]]] = []
    for line in sorted(gone):
        if groups and groups[-1][-1][1] == line:
            groups[-1].append((line, line + 1, gone[line]))
        else:
            groups.append([(line, line + 1, gone[line])])
        if not tidy:
            continue
        group = groups[-1]
        opened = group[0][0] == first or words[group[0][0] - 1] == 0
        begin, end, kind = group[-1]
        while opened and end < last and words[end] == 0 and end not in gone:
            end += 1
        group[-1] = begin, end, kind
    # What ends the document takes the blank lines before it along, and so on through the groups that it then reaches.
    while tidy and groups and groups[-1][-1][1] == last:
        begin, end, kind = groups[-1][0]
        while begin > first and words[begin - 1] == 0 and begin - 1 not in gone:
            begin -= 1
        groups[-1][0] = begin, end, kind
        if len(groups) < 2 or groups[-2][-1][1] != begin:
            break
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups
