"""Words and sentences of spaCy, against what spaCy 3.8 and datatrove 0.10.1 answered and, where installed, answer."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from curate.segment import Segments, Spans, decode, sentence_counts_spacy, surfaces, word_id, words_spacy
from curate.segment.spacy_rules import PATH, rules

GOLDEN = json.loads((Path(__file__).parent / "golden_spacy.json").read_text(encoding="utf-8"))["cases"]


def words(*texts: str) -> list[list[str]]:
    text = decode(list(texts))
    found = words_spacy(text)
    return [surfaces(text, found, d) for d in range(len(texts))]


def whole(text: object, docs: int) -> Spans:
    first = text.first  # type: ignore[attr-defined]
    return Spans(first[:-1], first[1:], np.arange(docs + 1))


def test_words_are_those_of_spacy() -> None:
    for (text, expected, _), found in zip(GOLDEN, words(*(case[0] for case in GOLDEN)), strict=True):
        assert found == expected, text


def test_sentence_counts_are_those_of_datatrove() -> None:
    text = decode([case[0] for case in GOLDEN])
    counts = sentence_counts_spacy(text, words_spacy(text), whole(text, len(GOLDEN)))
    for (surface, _, expected), count in zip(GOLDEN, counts, strict=True):
        assert count == expected, surface


def test_sentences_are_stripped_and_cover_all_words() -> None:
    view = Segments(["One. Two.  \n  Three?! \n", "", "no mark"])
    assert surfaces(view.text, view.sentences_spacy, 0) == ["One.", "Two.", "Three?!"]
    assert surfaces(view.text, view.sentences_spacy, 1) == []
    assert surfaces(view.text, view.sentences_spacy, 2) == ["no mark"]


def test_counts_of_lines_do_not_depend_on_their_neighbours() -> None:
    view = Segments(["One two. Three.\nFour\n\nFive. Six."])
    assert view.sentence_counts_spacy(view.lines).tolist() == [2, 1, 1, 2]


def test_white_space_after_a_mark_opens_a_sentence() -> None:
    view = Segments(["One.  ", "One. ", "One.\t.", "[1] "])
    assert view.sentence_counts_spacy(whole(view.text, 4)).tolist() == [2, 1, 2, 1]


def test_ids_follow_the_surface() -> None:
    text = decode(["the cat, the hat."])
    found = words_spacy(text)
    assert surfaces(text, found, 0) == ["the", "cat", ",", "the", "hat", "."]
    assert found.ids.tolist() == [word_id(word) for word in surfaces(text, found, 0)]


def test_words_of_a_document_do_not_depend_on_the_batch() -> None:
    texts = [case[0] for case in GOLDEN]
    assert words(*texts) == [words(text)[0] for text in texts[:20]] + words(*texts[20:])


@pytest.mark.parametrize(
    "unit",
    [")", ".", "a.", "a@", "a@b.", ":)", "a-", "中文。", "1.", "US$", "'", "5km", "...a", "(a.)", "><(((*>", "a://"],
)
def test_a_chunk_of_any_length_takes_linear_time(unit: str) -> None:
    text = decode([unit * (400_000 // len(unit))])
    words("compile first")
    begin = time.process_time()
    found = words_spacy(text)
    assert time.process_time() - begin < 3  # some 10 ms; quadratic work takes 10 s
    assert (found.end - found.begin).sum() == len(text.codes)


def test_lone_surrogates_and_nul_are_characters() -> None:
    assert words("a\ud800b \x00 c\x00.") == [["a\ud800b", "\x00", "c\x00."]]


def test_the_table_of_facts_has_room_and_no_key_twice() -> None:
    facts = rules().facts
    used = facts[facts[:, 0] != 0]
    assert len(used) < len(facts) / 2
    assert len(np.unique(used[:, 0])) == len(used)


@pytest.mark.oracle
def test_random_texts_against_spacy() -> None:
    spacy = pytest.importorskip("spacy")
    text_module = pytest.importorskip("datatrove.utils.text")
    nlp = spacy.blank("en")
    with np.load(PATH) as packed:
        specials = [str(name) for name in packed["specials"]]
        units = [str(unit) for unit in packed["units"]]
    marks = list(
        "abAB05.,:;!?'\"’“-–—~+*^/@#$€%&()[]{}<>=_|\\`´°²³éÉяЯאا中あ。，，　 \n\t\u00a0\u200b☃★😀⺀§\x00\ufeff\u0301"
    )
    pieces = [
        *marks,
        *marks,
        "..",
        "...",
        "……",
        "--",
        "——",
        "://",
        "www.",
        ".com",
        "US$",
        "'s",
        "’S",
        "1.2.3.4",
        "10.",
        " ",
    ]
    draw = random.Random(20261121)
    texts = []
    for _ in range(4000):
        count = draw.randrange(1, 14)
        pools = draw.choices([pieces, specials, units, [" "]], [70, 16, 6, 8], k=count)
        texts.append("".join(draw.choice(pool) for pool in pools))
    text = decode(texts)
    found = words_spacy(text)
    counts = sentence_counts_spacy(text, found, whole(text, len(texts)))
    for d, surface in enumerate(texts):
        with nlp.memory_zone():
            expected = [token.text for token in nlp.tokenizer(surface)]
        assert surfaces(text, found, d) == [word.strip() for word in expected if word.strip()], surface
        if d % 5 == 0:
            assert counts[d] == len(text_module.split_into_sentences(surface)), surface
