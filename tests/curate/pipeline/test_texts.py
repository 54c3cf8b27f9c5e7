"""What the second map says of each text."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl

from curate.pipeline.maps import _texts


def test_lengths_are_of_the_text_that_is_stored() -> None:
    """Rules may read the extracted text, whose length decisions name; cuts are made in the edited one."""
    records = pl.DataFrame({"text": ["édited", None], "date": [None, None]}, {"text": pl.String, "date": pl.String})
    decisions = pl.DataFrame(
        {"id": ["a", "b"], "host": [None] * 2, "file": ["f"] * 2, "chars": [100, None], "state": ["kept", "dropped"]},
        {"id": pl.String, "host": pl.String, "file": pl.String, "chars": pl.Int64, "state": pl.String},
    )
    piece = SimpleNamespace(records=records, begin=5)
    assert _texts(piece, decisions, 2).select("row", "position", "chars", "bytes", "passed").rows() == [
        (2, 5, 6, 7, True)
    ]
