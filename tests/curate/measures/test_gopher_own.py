"""The family `gopher`: our own reading, in any script."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.measures.gopher.own import stop_words
from curate.measures.trie import UNSPACED
from curate.segment import Segments, surfaces

PIECES = [
    "the ",
    "a b c d e f ",
    "ab ",
    "b ",
    "x. ",
    "\n",
    "\n\n",
    " ",
    "same line\n",
    "same line\n\n",
    " same line ",
    "é ",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def restated_repetition(text: str) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, blocks in (("line", text.split("\n")), ("para", re.split(r"\n{2,}", text))):
        blocks = [block.strip() for block in blocks if block.strip()]
        again = [block for i, block in enumerate(blocks) if block in blocks[:i]]
        out[f"dup_{name}_frac"] = share(len(again), len(blocks))
        out[f"dup_{name}_char_frac"] = share(sum(map(len, again)), sum(map(len, blocks)))
    view = Segments([text])
    words = surfaces(view.text, view.words_uax29, 0)
    for n in range(2, 11):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = Counter(grams)
        chosen = {gram for gram in counts if counts[gram] > 1}
        if n <= 4 and chosen:
            most = max(counts.values())
            # The first seen of the longest of the most frequent.
            chosen = {max((g for g in counts if counts[g] == most), key=lambda gram: sum(map(len, gram)))}
        inside = {i + k for i, gram in enumerate(grams) if gram in chosen and gram in grams[:i] for k in range(n)}
        name = f"top_{n}_gram" if n <= 4 else f"dup_{n}_gram"
        out[name] = share(sum(len(words[i]) for i in inside), sum(map(len, words)))
    return out


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_repetition_is_as_restated(measured, text: str) -> None:
    (row,) = measured([text])
    assert {name: row[f"gopher.{name}"] for name in restated_repetition(text)} == restated_repetition(text)


@pytest.mark.parametrize(
    ("lang", "text", "at_least"),
    [
        ("en", "The cat sat on the mat, and that was all it did for the day.", 5),
        ("de", "Der Hund und die Katze sind in dem Haus, aber nicht auf dem Dach.", 5),
        ("fr", "Le chat est dans la maison et le chien ne veut pas sortir.", 5),
        ("es", "El perro y el gato están en la casa de los vecinos.", 4),
        ("ru", "Это не первый раз, как он был в городе и на реке.", 5),
        ("zh", "我们的房子在河边，他是一个好人，这个问题不大。", 4),
        ("ja", "私は本を読むのが好きです。そして、これは彼の本である。", 4),
        ("th", "นี่คือบ้านของเราและเราอยู่ในเมืองที่มีแม่น้ำ", 3),
        ("ko", "이 책은 그 사람을 위해 쓴 것 이고 더 많은 것 을 할 수 있다", 3),
        ("ar", "هذا كتاب عن تاريخ المدينة من القرن الماضي إلى الآن", 3),
    ],
)
def test_stop_words_are_those_of_the_language(measured, lang: str, text: str, at_least: int) -> None:
    assert measured([text], langs=[lang])[0]["gopher.stop_words"] >= at_least
    assert measured([text], langs=[None])[0]["gopher.stop_words"] == 0


def test_stop_words_in_any_case_count_once(measured) -> None:
    (row,) = measured(["The THE the of"], langs=["en"])
    assert row["gopher.stop_words"] == 2
    assert row["gopher.stop_word_share"] == 1.0


def test_stop_word_lists_are_sound() -> None:
    lists = stop_words()
    assert {"ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "vi", "zh"} <= set(
        lists
    )
    for lang, words in lists.items():
        assert 15 <= len(words) <= 32, lang
        assert len(set(words)) == len(words), lang
        assert all(word == word.lower() for word in words), lang


def test_each_stop_word_is_a_word_of_the_segmenter() -> None:
    for lang, words in stop_words().items():
        if lang in UNSPACED:
            continue
        view = Segments(words)
        whole = [len(surfaces(view.text, view.words_uax29, d)) == 1 for d in range(len(words))]
        assert all(whole), (lang, [word for word, one in zip(words, whole, strict=True) if not one])


def test_bullets_of_many_kinds(measured) -> None:
    text = "• one\n‣ two\n- three\n* four\n+ five\n– six\n-seven\n*eight*\nnine\n\n"
    assert measured([text])[0]["gopher.bullet_lines"] == 6 / 9


def test_ellipses_of_many_kinds(measured) -> None:
    text = "one...\ntwo… \nthree. . .\nfour⋯\nfive..\n"
    assert measured([text])[0]["gopher.ellipsis_lines"] == 4 / 5


def test_words_with_letters(measured) -> None:
    assert measured(["abc 123 中文 4"])[0]["gopher.alpha_words"] < 1.0
    assert measured(["12 34 56"])[0]["gopher.alpha_words"] == 0.0
