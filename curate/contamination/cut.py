"""Which stretches of edited texts go because items stand there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from curate.edits import Cut
from curate.pipeline.decide import CONTAMINATION_STEP
from curate.pipeline.schemas import CUTS

# What is left of a document must be this long, as in lm-eval's janitor; a shorter rest is dropped as a whole.
LEAST_LEFT = 200


class Before(NamedTuple):
    """An edit that made the text what it is: code points of the extracted text, and what stands there now (None: the
    same as before)."""

    start: int
    end: int
    replacement: str | None


def cuts(hits: pl.DataFrame, texts: pl.DataFrame, edits: pl.DataFrame, margin: int) -> pl.DataFrame:
    """CUTS by position, sorted: hits with the margin on both sides, joined where they touch.

    hits: position, start, end, suite. texts: position and chars of each text with a hit. edits: EDITS of these texts
    with their position.
    """
    chars = dict(texts.select("position", "chars").iter_rows())
    replaced: dict[int, list[Before]] = {}
    for position, *edit in edits.sort("start", "end").select("position", "start", "end", "replacement").iter_rows():
        replaced.setdefault(position, []).append(Before(*edit))
    rows = []
    for (position,), found in hits.sort("position", "start", "end", "suite").group_by("position", maintain_order=True):
        wanted = [
            Cut(start, end, f"{CONTAMINATION_STEP}:{suite}", CONTAMINATION_STEP)
            for start, end, suite in found.select("start", "end", "suite").iter_rows()
        ]
        whole = widened(merged(wanted, margin, chars[position]), replaced.get(position, []))
        rows += [(position, *cut) for cut in merged(whole, 0, chars[position])]
    return pl.DataFrame(rows, schema=CUTS, orient="row")


def merged(wanted: Iterable[Cut], margin: int, length: int) -> list[Cut]:
    """Sorted cuts with the margin on each side, those that touch as one; the first names the suite."""
    out: list[Cut] = []
    for cut in sorted(wanted):
        start, end = max(0, cut.start - margin), min(length, cut.end + margin)
        if out and start <= out[-1].end:
            out[-1] = out[-1]._replace(end=max(out[-1].end, end))
        else:
            out.append(cut._replace(start=start, end=end))
    return out


def widened(wanted: Sequence[Cut], before: Sequence[Before]) -> list[Cut]:
    """The cuts with every replacement that one meets inside: of a typed token, no part may stay behind.

    before: the edits that led from the extracted text to this one, sorted by start.
    """
    places = list(_replaced(before))
    out = []
    for one in wanted:
        met = [place for place in places if place[0] < one.end and place[1] > one.start]
        starts, ends = [one.start, *(at for at, _ in met)], [one.end, *(at for _, at in met)]
        out.append(one._replace(start=min(starts), end=max(ends)))
    return out


def _replaced(before: Sequence[Before]) -> Iterable[tuple[int, int]]:
    """Where replacements stand in the edited text."""
    shift = 0
    for edit in before:
        if edit.replacement is not None:
            begin = edit.start + shift
            yield begin, begin + len(edit.replacement)
            shift += len(edit.replacement) - (edit.end - edit.start)
