"""Measures of the user's own from Parquet files."""

from pathlib import Path

import polars as pl
import pytest

from curate.measures import tables
from workbench.errors import Exit, UserError


def written(directory: Path, **columns: list) -> str:
    path = directory / "mine[1].parquet"
    pl.DataFrame(columns).write_parquet(path)
    return str(path)


def test_a_table_adds_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, id=["a", "b"], **{"mine.x": [1, 2], "mine.y": ["u", "v"]})
    assert tables.names([path]) == ["mine.x", "mine.y"]
    assert tables.kinds([path]) == {"mine.x": "number", "mine.y": "text"}
    found = tables.rows([path], pl.Series(["b", "c"]))
    assert found.rows() == [(2, "v"), (None, None)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"mine.x": [1]}, "no column 'id'"),
        ({"id": [1], "mine.x": [1]}, "'id' is Int64"),
        ({"id": ["a"], "text.chars": [1]}, "a measure 'text.chars' already"),
        ({"id": ["a"], "text.chars@edited": [1]}, "already"),
        ({"id": ["a"], "mine.x": [[1]]}, "'mine.x' is List"),
        ({"id": ["a"], "mine.x": [True]}, "'mine.x' is Boolean"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path: Path, columns: dict[str, list], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        tables.names([written(tmp_path, **columns)])
    assert raised.value.code == Exit.INPUT


def test_names_that_are_taken(tmp_path: Path) -> None:
    path = written(tmp_path, id=["a"], **{"language.score": [0.5]})
    with pytest.raises(UserError, match=r"language\.score"):
        tables.names([path], {"language.score"})
    with pytest.raises(UserError, match="already"):
        tables.names([path, path], ())


def test_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "page.parquet").write_text("PAR1 and no more")
    for name, message in (("page.parquet", "not readable"), ("none.parquet", "no table"), (".", "no table")):
        with pytest.raises(UserError, match=message) as raised:
            tables.names([str(tmp_path / name)])
        assert raised.value.code == Exit.INPUT
