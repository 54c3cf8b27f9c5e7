"""Harmful sentences: where they stand in the edited texts of a batch, and the same texts without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from curate.classify.model import Model
from curate.edits.edit import Edited
from curate.edits.spans import Before, Cut, Edit, compose, widened
from curate.measures.batch import Batch

STEP = "harm"


def harmful(batch: Batch, models: Mapping[str, Model], min_score: float) -> dict[int, list[Cut]]:
    """The sentences that score at least `min_score` by any model, in order, by document in the batch.

    models: by the label that each is asked for. A cut's kind names the label with the highest score. White space
    behind the sentence goes with it, and the line end of a line of which nothing is left.
    """
    names = list(models)
    scores = np.stack([batch.once(one.score_sentences)[:, one.labels.index(name)] for name, one in models.items()], 1)
    worst = scores.argmax(axis=1)
    spans, first = batch.segments.sentences, batch.segments.text.first
    found: dict[int, list[Cut]] = {}
    for at in np.flatnonzero(scores.max(axis=1) >= min_score).tolist():
        doc = int(np.searchsorted(spans.first, at, side="right")) - 1
        begin, end = int(spans.begin[at] - first[doc]), int(spans.end[at] - first[doc])
        own = found.setdefault(doc, [])
        own.append(Cut(begin, _widened(batch.texts[doc], begin, end, own), f"harm:{names[worst[at]]}", STEP))
    return found


def _widened(text: str, begin: int, end: int, before: Sequence[Cut]) -> int:
    while end < len(text) and text[end] in " \t":
        end += 1
    for cut in reversed(before):  # what stood before it on this line may be gone too
        if cut.end == begin:
            begin = cut.start
    starts_line = begin == 0 or text[begin - 1] == "\n"
    return end + 1 if starts_line and end < len(text) and text[end] == "\n" else end


def _apart(cuts: Sequence[Cut]) -> list[Cut]:
    """Cuts in the order of the text, of which none reaches into the one before it."""
    out: list[Cut] = []
    for cut in cuts:
        start = max(cut.start, out[-1].end) if out else cut.start
        if start < cut.end:
            out.append(cut._replace(start=start))
    return out


def without(edited: Edited, cuts: Mapping[int, Sequence[Cut]], names: Sequence[str]) -> Edited:
    """The edited texts without the cuts, which become edits of the extracted texts; counted as `edits.harm_<name>`."""
    own: dict[int, list[Edit]] = {}
    for edit in edited.edits:
        own.setdefault(edit.doc, []).append(edit)
    shorter = list(edited.texts)
    counts = {name: np.zeros(len(edited.texts), dtype=np.int32) for name in names}
    for doc, found in cuts.items():
        before = [Before(edit.start, edit.end, edit.replacement) for edit in own.get(doc, [])]
        of_doc = _apart(widened(found, before))  # half of what stands for a value would be read as a part of it
        own[doc] = [one._replace(doc=doc) for one in compose(edited.texts[doc], own.get(doc, []), of_doc)]
        pieces, at = [], 0
        for cut in of_doc:
            counts[cut.kind.partition(":")[2]][doc] += 1
            pieces.append(edited.texts[doc][at : cut.start])
            at = cut.end
        shorter[doc] = "".join([*pieces, edited.texts[doc][at:]])
    edits = [edit for doc in sorted(own) for edit in own[doc]]
    return Edited(shorter, edits, {**edited.measures, **{f"edits.harm_{name}": many for name, many in counts.items()}})
