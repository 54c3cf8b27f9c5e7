"""The family `lexicon`, and the lists it reads."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.measures import Lists, load_lists
from workbench.errors import Exit, UserError

WORDS = ("bad", "bad word", "a", "x-y", "ex", "exa", "bäd")
LISTS = Lists(lexicons={"toxic": {"*": WORDS}})
PIECES = ["bad", "BAD", " ", "word", "a", "x-y", "-", "_", "exam", "exa", "ex", "é", ".", "\n", "BÄD", "1"]


def places(text: str) -> int:
    r"""Where any of the words stands between `\W` or the ends of the text."""
    low = text.lower()
    pattern = re.compile("|".join(rf"(?:{re.escape(word)})(?!\w)" for word in sorted(WORDS, key=len, reverse=True)))
    starts = [i for i in range(len(low)) if i == 0 or not re.match(r"\w", low[i - 1])]
    return sum(pattern.match(low, i) is not None for i in starts)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_hits_are_those_of_the_regular_expression(measured, text: str) -> None:
    (row,) = measured([text], lists=LISTS)
    assert row["lexicon.toxic"] == places(text)
    found = re.search(r"(?:\W|^)({})(?:\W|$)".format("|".join(map(re.escape, WORDS))), text.lower())
    assert (row["lexicon.toxic"] > 0) == (found is not None)


def test_each_language_has_its_words_and_those_of_all(measured) -> None:
    lists = Lists(lexicons={"toxic": {"*": ("all",), "de": ("deutsch",), "fr": ("français",)}})
    text = "all deutsch français"
    rows = measured([text] * 4, lists=lists, langs=["de", "fr", "en", None])
    assert [row["lexicon.toxic"] for row in rows] == [2, 2, 1, 1]
    assert rows[0]["lexicon.toxic_share"] == 2 / 3


def test_words_of_scripts_without_spaces_stand_anywhere(measured) -> None:
    lists = Lists(lexicons={"toxic": {"zh": ("坏",), "ja": ("悪い",), "en": ("bad",)}})
    texts = ["很坏的人", "悪い人", "badly"]
    rows = measured(texts, lists=lists, langs=["zh", "ja", "en"])
    assert [row["lexicon.toxic"] for row in rows] == [1, 1, 0]


def test_common_parts_of_words_are_allowed_in_their_language_only(measured) -> None:
    lists = Lists(lexicons={"bad_words": {"zh": ("性",), "ja": ("性", "sm")}})
    rows = measured(["性", "性 sm"], lists=lists, langs=["zh", "ja"])
    assert [row["lexicon.bad_words"] for row in rows] == [0, 1]


def test_a_word_that_begins_with_a_mark(measured) -> None:
    (row,) = measured(["go @home now, not x@home"], lists=Lists(lexicons={"toxic": {"*": ("@home",)}}))
    assert row["lexicon.toxic"] == 1


def test_our_own_lists_know_their_spam(measured) -> None:
    rows = measured(
        ["Best online casino: free spins, welcome bonus!", "An article about birds.", "网上赌场 百家乐"],
        langs=["en", "en", "zh"],
    )
    assert [row["lexicon.gambling"] for row in rows] == [3, 0, 2]


def test_a_list_of_another_name_adds_its_measures(tmp_path: Path, measured) -> None:
    path = tmp_path / "birds.txt"
    path.write_text("# comment\nsparrow\nblue tit\n", encoding="utf-8")
    lists = load_lists(lexicons={"birds": str(path)})
    (row,) = measured(["A blue tit and a sparrow."], lists=lists)
    assert (row["lexicon.birds"], row["lexicon.birds_share"]) == (2, 2 / 6)
    assert len(lists.digests[str(path)]) == 64


def test_a_folder_has_a_file_for_each_language(shared_data: Path, measured) -> None:
    lists = load_lists(lexicons={"bad_words": str(shared_data / "blocklists" / "ldnoobw")})
    assert set(lists.lexicons["bad_words"]) == {"de", "en", "es", "fr", "ja", "ru", "zh"}
    assert measured(["A clean sentence."], lists=lists, langs=["en"])[0]["lexicon.bad_words"] == 0
    word = lists.lexicons["bad_words"]["en"][0]
    assert measured([f"It says {word}."], lists=lists, langs=["en"])[0]["lexicon.bad_words"] == 1


def test_what_no_list_is_configured_for_is_named() -> None:
    lists = load_lists()
    assert lists.inactive()["lexicon.bad_words"] == "no list is configured under measures.lexicons.bad_words"
    assert "lexicon.gambling" not in lists.inactive()
    assert lists.inactive()["url.blocked_domain"] == "no list is configured under measures.domains"


def test_too_many_lexicons(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("word\n", encoding="utf-8")
    with pytest.raises(UserError, match="42 lexicons, above 32"):
        load_lists(lexicons={f"list_{k}": str(path) for k in range(40)})


@pytest.mark.parametrize(
    ("content", "message"), [(b"# nothing\n", "holds no entry"), (b"\xff\xfe", "is not UTF-8"), (None, "cannot read")]
)
def test_a_list_that_cannot_be_used(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        load_lists(domains=[str(path)])
    assert raised.value.code == Exit.INPUT
