"""What rules read is checked before anything is extracted."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from curate import required
from curate.recipe import Recipe
from curate.rules import load_profile
from workbench.errors import UserError


def checked(folder: Path, rule: str) -> None:
    (folder / "profile.yaml").write_text(f"source: a test\ntext: edited\nrules:\n  a.b: {{{rule}}}\n")
    pl.DataFrame({"id": ["0" * 32], "own.score": [0.5]}).write_parquet(folder / "own.parquet")
    recipe = Recipe.model_validate({"input": ["x"], "measures": {"tables": [str(folder / "own.parquet")]}})
    required.measures(load_profile(str(folder / "profile.yaml")), recipe, None)


@pytest.mark.parametrize("measure", ["own.score", "text.words"])
def test_of_the_text_that_the_profile_reads(tmp_path: Path, measure: str) -> None:
    checked(tmp_path, f'measure: {measure}, drop_if: "<", threshold: 0.1, text: edited')


def test_a_measure_that_is_taken_once_is_not_read_of_another_text(tmp_path: Path) -> None:
    """A table's, as a model may have written it: it would be missed only when everything is extracted."""
    with pytest.raises(UserError, match=r"rule 'a\.b': 'own\.score' is the same for every text version") as error:
        checked(tmp_path, 'measure: own.score, drop_if: "<", threshold: 0.1, text: extracted')
    assert error.value.hint == "leave 'text' out"
    checked(tmp_path, 'measure: text.words, drop_if: "<", threshold: 1, text: extracted')


@pytest.mark.parametrize("measure", ["quality.edu", "domain.topic_score", "harm.toxic", "tokens.count"])
def test_nor_is_a_models(tmp_path: Path, measure: str) -> None:
    with pytest.raises(UserError, match=r"is the same for every text version"):
        checked(tmp_path, f'measure: {measure}, drop_if: "<", threshold: 0.1, text: extracted')
