"""Sentences of any script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.segment import Segments, surfaces


def sentences(text: str) -> list[str]:
    view = Segments([text])
    return surfaces(view.text, view.sentences, 0)


@pytest.mark.parametrize(
    "expected",
    [
        [],
        ["No mark"],
        ["One.", "Two!", "Three?", "Four"],
        ["Mr. J. Smith went to the U.S. Army base at 3.14 p.m. yesterday.", "He left."],
        ["She said “Go!”", "Then he left (at last).", "“Yes.”", "«Fin.»", "Suite."],
        ["See fig. 3 and p. 12.", "He said no.", "Then No. 5 came."],
        ["This, e.g. that, etc. and so on.", "Wait... what?!", "Well…", "Good."],
        ["Das ist z.B. Dr. Müller, vgl. Abb. 3.", "Ende.“", "Neu."],
        ["См. рис. 3.", "Это т.е. так.", "Да."],
        ["Open http://a.b/c?d=e!f in foo.py v3.11.2.", "Done."],
        ["1. First item.", "Second sentence of it."],
    ],
    ids=lambda expected: " ".join(expected)[:24],
)
def test_spaces_follow_the_marks(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["你好。", "今天天气很好！", "是吗？", "“是的。”", "他说"],
        ["今日は！", "明日は？」", "行く。"],
        ["今日は!", "明日は?"],
        ["यह एक वाक्य है।", "दूसरा॥"],
        ["ما هذا؟", "هذا كتاب۔"],
        ["ሰላም።", "እንዴት"],
    ],
    ids=lambda expected: "".join(expected)[:12],
)
def test_nothing_follows_the_marks(expected: list[str]) -> None:
    assert sentences("".join(expected)) == expected


def test_lines_end_sentences_and_blanks_are_left_out() -> None:
    assert sentences(" A title\n\n  \nText of mr. \r\nสวัสดี ครับ\u2028end ") == [
        "A title",
        "Text of mr.",
        "สวัสดี ครับ",
        "end",
    ]


@given(st.lists(st.text(' \n\tabAB1.!?…。"”“)(,é中', max_size=24), max_size=5))
def test_sentences_hold_everything_but_white_space(texts: list[str]) -> None:
    view = Segments(texts)
    for d, text in enumerate(texts):
        pieces = surfaces(view.text, view.sentences, d)
        assert "".join("".join(pieces).split()) == "".join(text.split())
        assert all(piece == piece.strip() and piece for piece in pieces)
        assert not any("\n" in piece for piece in pieces)


def test_many_sentences_outgrow_the_first_room() -> None:
    assert len(sentences("A. B! C? " * 3000)) == 6000
