"""Indexes of small runs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from curate.ask.finished import FinishedRun
from curate.duplicates.index.add import Added, add
from curate.duplicates.index.segment import scan
from curate.duplicates.index.state import DOCUMENTS, Index, writer

TIDES = (
    "the tide came in over the flat sands before noon and the boats that had lain on their sides since morning "
    "rose one after the other while the children who had dug channels all around them ran back to the wall and "
    "counted how many would float before the bell of the harbour office rang for the end of the working day"
)
# One word is another: 53 of 63 shingles of five words are in both texts, a similarity of 0.84.
TIDES_NEAR = TIDES.replace("children", "seagulls")
BREAD = (
    "mix the flour with water and let it rest for an hour then add the salt and the ripe starter and fold the dough "
    "every half hour until it holds its shape and keeps a dent when you press it with a wet finger"
)


def adding(index: Path, run: Path) -> Added:
    """Add a run to the index as the command does."""
    with writer(index, create=True) as own:
        return add(own, FinishedRun.open(str(run), run.parent), memory_bytes=10**9, jobs=1)


def documents(index: Path) -> pl.DataFrame:
    """All documents of an index, by id."""
    return scan(Index.open(index).tables(DOCUMENTS)).collect().sort("id")


def states(index: Path) -> dict[str, str | None]:
    """By id: None for a survivor, else the id of the document that stays for it."""
    return dict(documents(index).select("id", "kept_id").iter_rows())


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Where an index may be made."""
    return tmp_path / "index"
