"""Measures of a few texts as plain dictionaries."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from curate.measures import Batch, Lists, Measurer
from curate.segment import Segments

Measured = Callable[..., list[dict[str, Any]]]


def batch_of(
    texts: Sequence[str],
    urls: Sequence[str | None] | None = None,
    langs: Sequence[str | None] | None = None,
) -> Batch:
    nothing = [None] * len(texts)
    return Batch(
        segments=Segments(list(texts)), texts=list(texts), urls=list(urls or nothing), hosts=list(nothing),
        langs=list(langs or nothing),
    )  # fmt: skip


@pytest.fixture(scope="session")
def batch() -> Callable[..., Batch]:
    """A batch of texts, with their URLs and languages."""
    return batch_of


@pytest.fixture(scope="session")
def measured() -> Measured:
    """All measures of the texts, one dictionary a text; `lists` as a Measurer takes them."""
    plain = Measurer(installed={})

    def measure(texts: Sequence[str], lists: Lists | None = None, **known: Any) -> list[dict[str, Any]]:
        measurer = plain if lists is None else Measurer(lists, installed={})
        return list(measurer.measure(batch_of(texts, **known)).iter_rows(named=True))

    return measure
