"""Texts to code points, from every kind of input."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.segment import decode

TEXTS = ["", "abc", "é中😀\x00", "", "\U0010ffff"]
CODES = [97, 98, 99, 0xE9, 0x4E2D, 0x1F600, 0, 0x10FFFF]
FIRST = [0, 0, 3, 7, 7, 8]


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        pl.Series(TEXTS),
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(["dropped", *TEXTS, "also"]).slice(1, len(TEXTS)),
        pa.chunked_array([TEXTS[:2], TEXTS[2:]]),
    ],
    ids=["list", "polars", "arrow", "arrow large", "arrow slice", "arrow chunks"],
)
def test_every_input_gives_the_same_code_points(texts: object) -> None:
    text = decode(texts)  # type: ignore[arg-type]
    assert text.codes.tolist() == CODES
    assert text.first.tolist() == FIRST
    assert text.docs == len(TEXTS)
    assert text.codes.dtype == np.uint32
    assert not text.codes.flags.writeable


@pytest.mark.parametrize("texts", [[], pl.Series([], dtype=pl.String), pa.array([], pa.string())])
def test_no_texts(texts: object) -> None:
    text = decode(texts)  # type: ignore[arg-type]
    assert (len(text.codes), text.first.tolist(), text.docs) == (0, [0], 0)


def test_lone_surrogates_keep_their_code_point() -> None:
    text = decode(["a\ud800\udc00"])
    assert text.codes.tolist() == [97, 0xD800, 0xDC00]
    assert text.slice(0, 3) == "a\ud800\udc00"


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 texts of the batch are missing"):
        decode(pl.Series(["a", None]))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_arrow_and_list_agree(texts: list[str]) -> None:
    ours, arrows = decode(texts), decode(pa.array(texts, pa.string()))
    assert ours.codes.tolist() == arrows.codes.tolist()
    assert ours.first.tolist() == arrows.first.tolist()
