"""Text as it comes: whole characters only, and stop texts found wherever the tokens cut them."""

from __future__ import annotations

import speaking_models
from hypothesis import given
from hypothesis import strategies as st

from train.textstream import TextStream

PIECES = st.lists(st.sampled_from(["a", "b", "ab", "é", "😀", "🇩🇪", "日本", "�", " ", "the ", "fox"]), max_size=30)


def fed(ids: list[int], stop: list[str]) -> tuple[list[str], bool]:
    stream = TextStream(speaking_models.tokenizer(), stop)
    pieces = []
    for token in ids:
        pieces.append(stream.feed(token))
        if stream.stopped:
            break
    pieces.append(stream.end())
    return pieces, stream.stopped


def cut(text: str, stop: list[str]) -> str:
    """What a reader of one character after another keeps."""
    for end in range(len(text) + 1):
        found = [len(each) for each in stop if text[:end].endswith(each)]
        if found:
            return text[: end - max(found)]
    return text


@given(PIECES)
def test_pieces_are_the_text_and_never_half_a_character(pieces: list[str]) -> None:
    text = "".join(pieces)
    ids = speaking_models.tokenizer().encode(text)
    found, _ = fed(ids, [])
    assert "".join(found) == text
    for piece in found[:-1]:
        assert piece.count("\ufffd") <= text.count("�")


@given(st.lists(st.integers(0, 300), max_size=60))
def test_any_tokens_give_what_decoding_them_all_gives(ids: list[int]) -> None:
    found, _ = fed(ids, [])
    assert "".join(found) == speaking_models.tokenizer().decode(ids)


@given(
    PIECES,
    st.lists(st.sampled_from(["ab", "b", "aba", "😀", "é😀", "本", "🇩🇪a", "fox the", "bb", "\ufffda"]), max_size=3),
)
def test_stop_texts_across_tokens_and_within_characters(pieces: list[str], stop: list[str]) -> None:
    text = "".join(pieces)
    found, stopped = fed(speaking_models.tokenizer().encode(text), stop)
    assert "".join(found) == cut(text, stop)
    assert stopped == any(each in text for each in stop)


def test_what_may_become_a_stop_text_waits() -> None:
    coder = speaking_models.tokenizer()
    stream = TextStream(coder, ["abcd"])
    shown = [stream.feed(coder.encode(letter)[0]) for letter in "xabcabx"]
    assert shown == ["x", "", "", "", "abc", "", "abx"]


def test_nothing_is_shown_of_a_character_before_its_last_byte() -> None:
    coder = speaking_models.tokenizer()
    ids = coder.encode("🤖")
    assert len(ids) > 1
    stream = TextStream(coder)
    assert [stream.feed(token) for token in ids] == [""] * (len(ids) - 1) + ["🤖"]
    stream = TextStream(coder)
    assert stream.feed(ids[0]) == ""
    assert stream.end() == "\ufffd"
