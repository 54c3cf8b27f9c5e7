from __future__ import annotations

from collections.abc import Sequence

import pytest

from evalkit.likelihood.encode import Coder, Encoded, encode_pairs


class Letters:
    """A token a letter, numbered as in Unicode; "th" is one token, 1000. 1 begins a text, 2 ends it."""

    def __init__(self, *, bos: int | None = 1, eos: int | None = 2, before: Sequence[int] = (), ours: bool = False):
        self.bos, self.eos, self.frame = bos, eos, (list(before), [])
        self.template = "chatml" if ours else None

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode_starts(text)[0] for text in texts]

    def encode_starts(self, text: str) -> tuple[list[int], list[int]]:
        parts = text.replace("th", "\0")
        return [1000 if letter == "\0" else ord(letter) for letter in parts], list(range(len(parts)))


def ids(text: str) -> list[int]:
    return Letters().encode_starts(text)[0]


def encoded(context: str, continuation: str, positions: int | None = None, **said: object) -> Encoded | str:
    return encode_pairs(Coder(Letters(**said)), [(context, continuation)], positions)[0]  # type: ignore[arg-type]


def test_a_continuation_is_what_the_whole_has_behind_the_context() -> None:
    assert encoded("ab", " cd") == Encoded(ids("ab"), ids(" cd"))


def test_white_space_at_the_end_of_a_context_moves_to_the_continuation() -> None:
    assert encoded("ab \n", "cd") == Encoded(ids("ab"), ids(" \ncd"))


def test_the_whole_is_cut_at_the_length_of_the_context_even_where_the_edge_lies_in_a_token() -> None:
    assert encoded("at", "hen") == Encoded(ids("at"), ids("en"))  # as lm-eval: [a, th, e, n] behind two tokens


def test_an_empty_context_is_the_begin_of_text_else_the_end_of_text() -> None:
    assert encoded("", "ab") == Encoded([1], ids("ab"))
    assert encoded("", "ab", bos=None) == Encoded([2], ids("ab"))
    assert encoded(" \n", "ab") == Encoded([1], ids(" \nab"))


def test_a_continuation_that_begins_with_the_begin_of_text_has_it_once() -> None:
    assert encoded("", "\x01ab") == Encoded([1], ids("ab"))


def test_without_any_such_token_nothing_stands_before_a_continuation() -> None:
    assert "no token that begins or ends" in str(encoded("", "ab", bos=None, eos=None))


def test_what_adds_no_token_is_an_error() -> None:
    assert encoded("ab", "") == "the continuation adds no token"
    assert encoded("", "") == "the continuation adds no token"


def test_what_does_not_fit_is_left_out_at_the_beginning_and_counted() -> None:
    assert encoded("abcdef", "gh", 4) == Encoded(ids("def"), ids("gh"), 3)  # the last token takes no position
    assert encoded("abc", "gh", 4) == Encoded(ids("abc"), ids("gh"), 0)
    assert encoded("abc", "defg", 4) == Encoded(ids("c"), ids("defg"), 2)
    assert "the context of the model 4" in str(encoded("abc", "defgh", 4))


@pytest.mark.parametrize(
    ("said", "bos", "before"),
    [
        ({}, None, []),
        ({"before": [1]}, None, [1]),
        ({"before": [1]}, False, []),
        ({}, True, [1]),
        ({"bos": None}, True, []),
        ({"ours": True}, None, [1]),
        ({"ours": True}, False, []),
    ],
)
def test_what_stands_before_a_text(said: dict[str, object], bos: bool | None, before: list[int]) -> None:
    coder = Coder(Letters(**said), bos)  # type: ignore[arg-type]
    assert coder.encode(["ab"]) == [before + ids("ab")]
