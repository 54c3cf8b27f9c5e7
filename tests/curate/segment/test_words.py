"""Ids of words, and words by Unicode's word boundaries."""

from __future__ import annotations

from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from curate.segment import Segments, surfaces, word_id


def uax29(text: str) -> list[str]:
    view = Segments([text])
    return surfaces(view.text, view.words_uax29, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "The quick (“brown”) fox can’t jump 32.3 feet, right?",
            ["The", "quick", "brown", "fox", "can’t", "jump", "32.3", "feet", "right"],
        ),
        ("", []),
        (" \r\n\t ", []),
        ("...!? — «»", []),
        ("a.b a. .b a.b. 1,000.5 1, ,1 a,b 1.a", ["a.b", "a", "b", "a.b", "1,000.5", "1", "1", "a", "b", "1", "a"]),
        ("don't 'tis dogs' rock'n'roll", ["don't", "tis", "dogs", "rock'n'roll"]),
        ("snake_case _a_ __ a__b 1_2", ["snake_case", "_a_", "a__b", "1_2"]),
        ("x:y a·b", ["x:y", "a·b"]),
        ("中文词", ["中", "文", "词"]),
        ("ひらがなカタカナ漢字", ["ひ", "ら", "が", "な", "カタカナ", "漢", "字"]),
        ("か\u3099ー", ["か\u3099", "ー"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("กิน", ["กิ", "น"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ('צה״ל ג\' א"ב א" ב', ["צה״ל", "ג'", 'א"ב', "א", "ב"]),
        ("e\u0301t\u00e9 a\u200db so\u00adft", ["e\u0301t\u00e9", "a\u200db", "so\u00adft"]),
        ("a\u0301.\u0301b\u0301", ["a\u0301.\u0301b\u0301"]),
        ("😀 a😀b 🇩🇪🇫🇷 ❤\ufe0f", ["a", "b"]),
        ("Ⓜ\u200dⓂ x\u200dⓂ", ["Ⓜ\u200dⓂ", "x\u200dⓂ"]),
        ("a\u3000b\u2028c\x85d", ["a", "b", "c", "d"]),
        ("² ½ Ⅷ ٣٤", ["²", "½", "Ⅷ", "٣٤"]),
        ("COVID-19 e-mail x2y", ["COVID", "19", "e", "mail", "x2y"]),
    ],
)
def test_words_of_any_script(text: str, words: list[str]) -> None:
    assert uax29(text) == words


# The `regex` module tailors apostrophes before vowels and joins regional indicators and leading marks to what
# follows; the alphabet leaves these out.
@given(st.text('abאבגカナ15٣Ⓐ.,:;_ "\n中ไ漢あ-é!', max_size=16))
def test_boundaries_are_those_of_the_regex_module(text: str) -> None:
    cuts = sorted({0, len(text)} | {match.start() for match in regex.finditer(r"(?w)\b", text)})
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    assert uax29(text) == [piece for piece in pieces if regex.search(r"[\p{Alphabetic}\p{N}]", piece)]


@given(st.lists(st.text(max_size=12), min_size=2, max_size=6))
def test_equal_ids_mean_equal_words(words: list[str]) -> None:
    ids = [word_id(word) for word in words]
    assert len(set(ids)) == len(set(words))
    assert word_id(words[0]) == ids[0]


def test_ids_tell_like_words_apart() -> None:
    words = [
        "",
        "a",
        "aa",
        "aaa",
        "aaaa",
        "\x00",
        "\x00\x00",
        "a\x00",
        "\x00a",
        "ab",
        "ba",
        "abc",
        "acb",
        "abcd",
        "abdc",
    ]
    assert len({word_id(word) for word in words}) == len(words)


def test_ids_are_the_same_for_ever() -> None:
    # Written into runs: a change makes stored ids useless.
    assert word_id("the") == 8901742292390866357
    assert word_id("") == 0


def test_lower_ids() -> None:
    view = Segments(["The THE the Éa ÉA ΣΑΣ İ"])
    ids = view.lower_ids("words_space").tolist()
    assert ids[0] == ids[1] == ids[2] == word_id("the")
    assert ids[3] == ids[4] == word_id("éa")
    assert ids[5] == word_id("σασ")  # one code point at a time: a final sigma is not told from another
    assert ids[6] == word_id("İ")
    assert word_id("ΣΑΣ", lower=True) == ids[5]


def test_a_word_longer_than_any_room() -> None:
    long = "Ab" * 5000
    view = Segments([long])
    assert view.lower_ids("words_space").tolist() == [word_id(long.lower())]
    assert view.words_uax29.end.tolist() == [10000]
