"""Which stretches of edited texts go because items stand there."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from curate.edits import Before, Cut, widened
from curate.pipeline.decide import CONTAMINATION_STEP
from curate.pipeline.schemas import CUTS

# What is left of a document must be this long, as in lm-eval's janitor; a shorter rest is dropped as a whole.
LEAST_LEFT = 200


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
