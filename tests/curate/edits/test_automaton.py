import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.edits.automaton import build, listen
from curate.segment import decode, lines

SMALL = st.text(alphabet="abA\n", max_size=30)


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=4), min_size=1, max_size=6), st.lists(SMALL, max_size=4))
def test_hears_every_phrase_everywhere(phrases: list[str], texts: list[str]) -> None:
    text = decode(texts)
    hits = listen(text, lines(text), build([(phrase, bit) for bit, phrase in enumerate(phrases)]), (1 << 6) - 1)
    heard = {
        (doc, end, bit)
        for doc, end, bits in zip(hits.doc.tolist(), hits.end.tolist(), hits.bits.tolist(), strict=True)
        for bit in range(6)
        if bits >> bit & 1
    }
    expected = {
        (doc, at + len(phrase), bit)
        for doc, body in enumerate(texts)
        for bit, phrase in enumerate(phrases)
        for at in range(len(body))
        if body.lower().startswith(phrase, at)
    }
    assert heard == expected


def test_bits_of_lines() -> None:
    text = decode(["no\nyes JavaScript\nno", "", "ｊａｖａ javascript"])
    hits = listen(text, lines(text), build([("javascript", 3)]), 0)
    assert np.flatnonzero(hits.lines).tolist() == [1, 4]
    assert len(hits.doc) == 0
