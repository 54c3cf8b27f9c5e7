"""Harmful sentences cut from edited texts, as spans of the extracted ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.classify import cut
from curate.classify.model import batch_of
from curate.edits import Cut, EditsConfig, apply, difference
from curate.edits.edit import Edited, edit
from curate.measures.batch import Batch

KEY = b"a key of a test, 16 bytes"


def finder(*words: str) -> Any:
    """In the place of a model: a sentence scores 0.9 for a label where it holds this word, else 0."""

    def score_sentences(batch: Batch) -> np.ndarray:
        spans, text = batch.segments.sentences, batch.segments.text
        said = [text.slice(int(begin), int(end)) for begin, end in zip(spans.begin, spans.end, strict=True)]
        return np.array([[0.9 * (word in one.lower()) for word in words] for one in said]).reshape(-1, len(words))

    return SimpleNamespace(labels=list(words), score_sentences=score_sentences)


def cleaned(*texts: str, words: tuple[str, ...] = ("bad",)) -> Edited:
    edited = edit(list(texts), ["en"] * len(texts), EditsConfig(), KEY)
    model = finder(*words)
    found = cut.harmful(batch_of(edited.texts), dict.fromkeys(words, model), 0.5)
    return cut.without(edited, found, words)


def test_a_line_goes_with_its_end_and_a_sentence_with_the_blank_behind_it() -> None:
    texts = ("Good one. Bad one. Good two.\nBad. Bad again.\nGood three. Bad end.", "", "Bad.", "Nothing here.")
    found = cleaned(*texts)
    assert found.texts == ["Good one. Good two.\nGood three. ", "", "", "Nothing here."]
    assert [(one.kind, one.start, one.removed) for one in found.edits if one.doc == 0] == [
        ("harm:bad", 10, "Bad one. "),
        ("harm:bad", 29, "Bad. "),
        ("harm:bad", 34, "Bad again.\n"),
        ("harm:bad", 57, "Bad end."),
    ]
    assert found.measures["edits.harm_bad"].tolist() == [4, 0, 1, 0]
    assert [
        apply(text, [one for one in found.edits if one.doc == doc]) for doc, text in enumerate(texts)
    ] == found.texts


def test_nothing_private_stands_in_what_was_cut() -> None:
    text = "Write to ann@mail-server.org now. A bad man, bob@mail-server.org, reads it."
    found = cleaned(text)
    assert found.texts == ["Write to <EMAIL> now. "]
    assert [one.removed for one in found.edits] == [None, "A bad man, <EMAIL>, reads it."]
    assert "mail-server" not in str(found.edits)


def test_no_part_of_a_replacement_stays_behind() -> None:
    """Where a sentence ends within what stands for a value, as a splitter may see it there."""
    text = "Mail ann@mail-server.org or bob@mail-server.org."
    edited = edit([text], ["en"], EditsConfig(), KEY)
    assert edited.texts == ["Mail <EMAIL> or <EMAIL>."]
    cuts = {0: [Cut(0, 7, "harm:bad", "harm"), Cut(7, 14, "harm:bad", "harm"), Cut(14, 18, "harm:vile", "harm")]}
    found = cut.without(edited, cuts, ["bad", "vile"])
    assert found.texts == ["."]
    assert [(one.kind, one.removed) for one in found.edits] == [
        ("harm:bad", "Mail <EMAIL>"),
        ("harm:bad", " o"),
        ("harm:vile", "r <EMAIL>"),
    ]
    assert apply(text, found.edits) == found.texts[0]


def test_the_worse_label_names_the_cut() -> None:
    found = cleaned("A bad thing. A vile thing. Both bad and vile.", words=("bad", "vile"))
    assert [one.kind for one in found.edits] == ["harm:bad", "harm:vile", "harm:bad"]
    assert found.texts == [""]


SENTENCES = st.lists(
    st.sampled_from(["Bad one.", "Fine, [12] really.", "Mail me@mail-server.org!", "12", "Read more", "bad"]),
    max_size=8,
)


@given(st.lists(st.tuples(SENTENCES, st.sampled_from([" ", "\n", "  ", "\n\n"])), min_size=1, max_size=4))
def test_what_is_stored_is_what_the_edits_leave(docs: list[tuple[list[str], str]]) -> None:
    texts = [blank.join(sentences) for sentences, blank in docs]
    found = cleaned(*texts)
    for doc, text in enumerate(texts):
        own = [one for one in found.edits if one.doc == doc]
        assert apply(text, own) == found.texts[doc]
        assert "".join(piece.after for piece in difference(found.texts[doc], own)) == found.texts[doc]
        assert "bad" not in found.texts[doc].lower()
