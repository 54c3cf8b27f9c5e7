"""The edits of a batch: one scan, three steps (line rules, citation marks, personal data), one list of spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from curate.edits import automaton, citations, triggers
from curate.edits.config import EditsConfig
from curate.edits.lines import find as lines_found
from curate.edits.lines.find import Cleared, Removal
from curate.edits.lines.rule import Batch
from curate.edits.lines.rules import rules
from curate.edits.lines.shape import shape
from curate.edits.lines.whitespace import respaced
from curate.edits.merge import merged
from curate.edits.pii import find as pii_found
from curate.edits.pii.candidates import candidates
from curate.edits.pii.disguise import checked_key
from curate.edits.pii.kinds import KINDS, Find, joined
from curate.edits.spans import Edit, apply
from curate.edits.triggers import Bell
from curate.segment import decode, lines, splitlines

NO_LINES = Cleared([], 0, 0)


class Tags(NamedTuple):
    """What a tagger found: all kinds that it knows, and the finds by document."""

    kinds: Sequence[str]
    finds: Mapping[int, Sequence[Find]]


class Edited(NamedTuple):
    """The edited texts, all their edits (by document, in the order of the text), and the counts as measures."""

    texts: list[str]
    edits: list[Edit]
    measures: dict[str, np.ndarray]  # one entry per document


def edit(texts: list[str], langs: Sequence[str | None], config: EditsConfig, key: bytes,
         hosts: Sequence[str | None] | None = None,
         repeated: Mapping[int, Sequence[Removal]] = MappingProxyType({}),
         tagged: Tags | None = None) -> Edited:  # fmt: skip
    """Edit a batch of extracted texts.

    `langs` and `hosts` tell in which country's form a telephone number is read. `repeated` holds lines that go whatever
    the rules say, by document (`curate.duplicates.repeats.lines.removals`). `tagged` is what a trained tagger found.
    `key` is the secret of the run, of 16 bytes or more, under which values are hashed. The texts of documents without
    edits are returned as they are.
    Measures: `edits.lines_removed`, `edits.words_removed_frac` and `edits.chars_removed_frac` (line rules and citation
    marks, not the repeated lines; words by white space), and `edits.pii_<kind>`: the finds, whatever is done with them,
    in what the line rules leave. Raises ValueError for a key that is too short.
    """
    key = checked_key(key)
    text = decode(texts)
    # C4 means every line end that Python knows, the others "\n".
    c4 = any(str(variant).startswith("c4") for variant in config.lines.model_dump().values())
    spans = splitlines(text) if c4 else lines(text)
    wanted = pii_found.bells(config.pii)
    hits = automaton.listen(text, spans, triggers.automaton(), wanted)
    starts = text.first.tolist()
    batch = Batch(spans, shape(text, spans), hits.lines)
    marks = _marks(texts, starts, batch, config.citations)
    respacing = config.lines.whitespace
    cleared = lines_found.find(texts, starts, batch, rules(config.lines), marks, respacing == "off", repeated)
    numeric = any(getattr(config.pii, kind) != "off" for kind in pii_found.NUMERIC)
    finds = pii_found.find(
        texts, langs, hosts or [None] * len(texts), hits, candidates(text) if numeric else None, config.pii
    )
    actions = {kind: getattr(config.pii, kind) for kind in KINDS}
    if tagged is not None:
        actions |= dict.fromkeys(tagged.kinds, config.tagged.action)
        flagged = {kind for kind, action in actions.items() if action == "flag"}
        finds |= {doc: joined(texts[doc], finds.get(doc, []), found, flagged) for doc, found in tagged.finds.items()}
    edited = list(texts)
    edits: list[Edit] = []
    counts = {kind: np.zeros(len(texts), dtype=np.int32) for kind in actions}
    removed_chars = np.zeros(len(texts))
    removed_words = np.zeros(len(texts))
    touched = range(len(texts)) if respacing != "off" else sorted({*marks, *cleared, *finds})
    for doc in touched:
        of_line = cleared.get(doc, NO_LINES)
        of_doc = merged(texts[doc], doc, of_line.removals, marks.get(doc, []), finds.get(doc, []), actions, key)
        if respacing != "off":
            of_doc = respaced(texts[doc], starts[doc], doc, batch, of_doc, respacing)
        edits += of_doc
        edited[doc] = apply(texts[doc], of_doc)
        removed_chars[doc] = sum(
            edit_.end - edit_.start for edit_ in of_doc if edit_.step != "pii" and edit_.kind != lines_found.REPEATED
        )
        removed_words[doc] = of_line.words + _words_of_marks(texts[doc], of_doc)
        for edit_ in of_doc:
            if edit_.step == "pii":
                counts[edit_.kind.removeprefix("pii:")][doc] += 1
    words = np.add.reduceat(np.append(batch.shape.words, 0), spans.first[:-1]) * (np.diff(spans.first) > 0)
    measures: dict[str, np.ndarray] = {
        "edits.lines_removed": np.array(
            [cleared.get(doc, NO_LINES).lines for doc in range(len(texts))], dtype=np.int32
        ),
        "edits.words_removed_frac": removed_words / np.maximum(words, 1),
        "edits.chars_removed_frac": removed_chars / np.maximum(np.diff(text.first), 1),
        **{f"edits.pii_{kind}": count for kind, count in counts.items()},
    }
    return Edited(edited, edits, measures)


def _marks(texts: list[str], starts: list[int], batch: Batch, variant: str) -> dict[int, list[tuple[int, int]]]:
    """The citation marks of each document that has some, sorted."""
    if variant == "off":
        return {}
    find_in = citations.finder(variant)
    mask = batch.rung(Bell.CITATION)
    if variant == "winnow":
        mask &= ~batch.shape.protected
    rung = np.flatnonzero(mask)
    docs = np.searchsorted(batch.lines.first, rung, side="right") - 1
    found: dict[int, list[tuple[int, int]]] = {}
    for line, doc in zip(rung.tolist(), docs.tolist(), strict=True):
        begin, end = int(batch.lines.begin[line]) - starts[doc], int(batch.lines.end[line]) - starts[doc]
        of_line = [(begin + start, begin + stop) for start, stop in find_in(texts[doc][begin:end])]
        if of_line:
            found.setdefault(doc, []).extend(of_line)
    if variant == "winnow":
        found = {doc: citations.supported(texts[doc], of_doc) for doc, of_doc in found.items()}
    return {doc: of_doc for doc, of_doc in found.items() if of_doc}


def _words_of_marks(text: str, edits: list[Edit]) -> int:
    """How many words fewer the text has without its citation marks."""
    marks = [edit_ for edit_ in edits if edit_.step == "citations"]
    return len(text.split()) - len(apply(text, marks).split()) if marks else 0
