"""The kernels are compiled before the first test, so that no test pays for it."""

import polars as pl
import pytest

from curate.segment import Segments, nonempty, stripped


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Ask for every view once, from both kinds of input."""
    for texts in (["A (b). C\n\nd's e."], pl.Series(["a"])):
        view = Segments(texts)
        for name in dir(Segments):
            if not name.startswith("_") and name not in ("lower_ids", "sentence_counts_spacy"):
                getattr(view, name)
        view.lower_ids("words_space")
        view.sentence_counts_spacy(nonempty(stripped(view.text, view.lines)))
