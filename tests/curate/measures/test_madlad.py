"""The family `madlad` against the regular expressions themselves."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.segment import Segments, surfaces

LITERAL = (
    "���", "aute irure dolor ", " sunt in culpa qui ", "orem ipsum ", " quis nostrud ", " adipisicing ", " dolore eu ",
    " cupidatat ", "autem vel eum", "wisi enim ad", " sex ", " porn ", "黄色电影", "mp3", "ownload", "Episode",
    "Develop", "Facebook", " crusher ", " xxx ", " №",
)  # fmt: skip
WILD = (" ...", " ....", " [^ ]")
PLAIN = [re.compile(re.escape(phrase)) for phrase in LITERAL]
PLAIN += [re.compile(phrase * 9) for phrase in WILD] + [re.compile(r", ..,,? ..,,? ..,,? ..,,?")]
ESCAPED = [
    re.compile(phrase) for phrase in (r"\|\s*$", r" nr\.", r"Vol\.", r" Ep\.", r" г\.\s*$", r" кг\.\s*$", r" шт\.")
]
PIECES = [
    "A sentence of the usual length. ", "Short. ", "word ", "Big Words Are Here ", "1234567890(){}+/> ", " sex ",
    "sex ", " №", "№", "|", "| ", ". ", "? ", "... ", "!\n", ".", " г. ", " г.", "Vol.3 ", "Vol. 3 ", " Ep.1", " шт.",
    " nr.5", "Download ", "DOWNLOAD ", "abc " * 9, "abcd " * 9, "a " * 9, ", ab," * 4, ", ab,," * 5, ",, ab", "  ",
    " " * 40, "\n", "Это русский текст. ", "���", "mp3", "黄色电影",
]  # fmt: skip


def restated(text: str) -> dict[str, float]:
    sentences = [part for part in re.split(r"[.!?]+\s+", text) if part.strip()]
    hits = dict.fromkeys(("list_case", "length", "technical", "cursed", "list_or_cursed"), 0)
    for sentence in sentences:
        view = Segments([sentence])
        words = surfaces(view.text, view.words_uax29, 0)
        listed = len(words) >= 12 and 2 * sum(word[0].isupper() for word in words) > len(words)
        plain = any(pattern.search(sentence) for pattern in PLAIN)
        hits["list_case"] += listed
        hits["length"] += not 20 <= len(sentence) <= 500
        hits["technical"] += 5 * len(re.findall(r"[0-9{}+/()>]", sentence)) > len(sentence)
        hits["cursed"] += plain or any(pattern.search(sentence) for pattern in ESCAPED)
        hits["list_or_cursed"] += listed or plain
    shares = {f"madlad.{name}_frac": count / len(sentences) if sentences else 0.0 for name, count in hits.items()}
    return {"madlad.sentences": len(sentences), **shares}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_every_measure_is_as_restated(measured, text: str) -> None:
    (row,) = measured([text])
    expected = restated(text)
    assert {name: row[name] for name in expected} == expected


def test_more_phrases_than_there_was_room_for(measured) -> None:
    (row,) = measured(["mp3. " * 5000])
    assert (row["madlad.sentences"], row["madlad.cursed_frac"]) == (5000, 1.0)


def test_a_sentence_in_another_script_is_inconsistent(measured) -> None:
    text = "An English sentence stands here. Another English sentence stands here. А это русское предложение."
    assert measured([text])[0]["madlad.inconsistent_frac"] == 1 / 3


@pytest.mark.parametrize(
    ("text", "questionable"),
    [
        ("A sentence of the usual length.", 0.0),
        ("Too short.", 1.0),
        ("A sentence about www.facebook, which is Facebook.", 1.0),
    ],
)
def test_questionable_sentences(measured, text: str, questionable: float) -> None:
    assert measured([text])[0]["madlad.questionable_frac"] == questionable
