from __future__ import annotations

import polars as pl

from curate.duplicates.config import Duplicates
from curate.duplicates.index.settle import settle

SETTINGS = Duplicates.model_validate({"text": True, "url": True, "near": {"enabled": True, "containment": 0.95}})
COLUMNS = {"id": pl.String, "text": pl.String, "url_key": pl.String, "set": pl.String, "rank": pl.Int64}
PAIRS = ["left", "right", "jaccard", "containment"]


def rows(*values: tuple[str, str | None, str | None, str | None, int]) -> pl.DataFrame:
    return pl.DataFrame(values, COLUMNS, orient="row")


def pairs(*values: tuple[str, str, float, float]) -> pl.DataFrame:
    return pl.DataFrame(
        values, dict(zip(PAIRS, (pl.String, pl.String, pl.Float64, pl.Float64), strict=True)), orient="row"
    )


def found(members: pl.DataFrame, survivors: pl.DataFrame, known: pl.DataFrame) -> list[tuple[object, ...]]:
    return settle(members, survivors, known, SETTINGS).rows()


def test_survivors_come_first_then_the_order() -> None:
    members = rows(("n1", None, None, "s1", 0), ("n2", None, None, "s2", 1), ("n3", None, None, "s3", 2))
    known = pairs(("s0", "s1", 0.9, 0.9), ("s1", "s2", 0.95, 0.95), ("s2", "s3", 0.85, 0.9))
    # n1 goes for the survivor; so n2, which is only like n1, stays, and takes n3 with it.
    assert found(members, rows(("old", None, None, "s0", 0)), known) == [
        ("n1", "old", "near", 0.9, 0.9),
        ("n3", "n2", "near", 0.85, 0.9),
    ]


def test_text_then_the_most_similar_then_address() -> None:
    survivors = rows(("a", "t", None, "sa", 0), ("b", None, None, "sb", 1), ("c", None, "u", "sc", 2))
    known = pairs(("sa", "sn", 0.81, 0.9), ("sb", "sn", 0.99, 1.0), ("sc", "sx", 0.1, 0.2), ("sa", "sy", 0.5, 0.96))
    members = rows(
        ("by-text", "t", "u", "sn", 0),
        ("by-set", None, "u", "sn", 1),
        ("by-address", None, "u", "sx", 2),
        ("unknown", None, "u", None, 3),
        ("inside", None, None, "sy", 4),
    )
    assert found(members, survivors, known) == [
        ("by-address", "c", "url", 0.1, 0.2),
        ("by-set", "b", "near", 0.99, 1.0),
        ("by-text", "a", "text", 1.0, 1.0),
        ("inside", "a", "near", 0.5, 0.96),
        ("unknown", "c", "url", None, None),
    ]


def test_a_tie_goes_to_the_better_rank_and_nulls_are_like_nothing() -> None:
    survivors = rows(("b", None, None, "sb", 1), ("a", None, None, "sa", 2), ("none", None, None, None, 0))
    members = rows(("n", None, None, "s", 0), ("nothing", None, None, None, 1))
    assert found(members, survivors, pairs(("s", "sa", 0.9, 0.9), ("s", "sb", 0.9, 0.9))) == [
        ("n", "b", "near", 0.9, 0.9)
    ]


def test_a_kind_that_is_off() -> None:
    members, survivors = rows(("n", "t", "u", "s", 0)), rows(("a", "t", "u", "s", 0))
    for kind, method in (("text", "text"), ("url", "url"), ("near", "near")):
        settings = Duplicates.model_validate({kind: {"enabled": True} if kind == "near" else True})
        assert settle(members, survivors, pairs(), settings)["method"].to_list() == [method]
    assert settle(members, survivors, pairs(), Duplicates()).height == 0
