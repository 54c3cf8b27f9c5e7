"""Numbers from tables of scores."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from evalkit.run.summarise import calibrated, estimates
from evalkit.statistics.intervals import t_quantile, wilson


def f1(values: list[float], weights: list[float], clusters: list[str] | None = None) -> dict[str, Any]:
    rows: dict[str, list[Any]] = {
        "metric": ["f1"] * len(values),
        "value": values,
        "weight": weights,
        "item": [str(number) for number in range(len(values))],
        "cluster": [None] * len(values) if clusters is None else clusters,
        "group": [None] * len(values),
    }
    return estimates(pl.DataFrame(rows, schema_overrides={"cluster": pl.String, "group": pl.String}))["f1"]


def test_an_f1_lies_between_0_and_1_and_is_never_certain() -> None:
    found = f1([2.0, 2.0, 2.0, 0.0], [2.0, 2.0, 2.0, 1.0])
    assert found["value"] == pytest.approx(6 / 7)
    assert 0 < found["low"] < found["value"] < found["high"] == 1.0
    sure = f1([2.0] * 9 + [0.0] * 3, [2.0] * 9 + [0.0] * 3)  # three that are neither foretold nor right
    assert (sure["low"], sure["high"]) == pytest.approx(wilson(1.0, 9, t_quantile(0.95, float("inf"))))
    none = f1([0.0] * 4, [1.0] * 4, ["a", "a", "b", "b"])
    assert (none["value"], none["low"], none["method"]) == (0.0, 0.0, "wilson")
    assert none["high"] == pytest.approx(wilson(0.0, 2, t_quantile(0.95, float("inf")))[1])


def test_an_f1_of_nothing_is_unknown() -> None:
    assert f1([0.0] * 3, [0.0] * 3)["value"] != f1([0.0] * 3, [0.0] * 3)["value"]


def test_calibration_of_choices_in_clusters() -> None:
    items = pl.DataFrame(
        {
            "item": ["a", "b", "c", "d"],
            "cluster": ["x", "x", None, None],
            "state": ["scored", "scored", "scored", "failed"],
            "logprobs": [[0.0, -100.0], [0.0, -100.0], [-100.0, 0.0], None],
        }
    )
    scores = pl.DataFrame({"item": ["a", "b", "c"], "metric": ["acc"] * 3, "value": [1.0, 0.0, 1.0]})
    found = calibrated(items, scores)
    assert found is not None and found["error"]["value"] == pytest.approx(1 / 3)
    assert (found["error"]["n"], found["error"]["clusters"], len(found["bins"])) == (3, 2, 1)
    assert calibrated(items.with_columns(logprobs=pl.lit([0.0])), scores) is None


@pytest.mark.parametrize("wrong", [0, 3, 6])
def test_a_centered_share_has_the_interval_of_the_share(wrong: int) -> None:
    right = [1.0] * (6 - wrong)
    rows = {"item": list("abcdef"), "cluster": [None] * 6, "group": [None] * 6, "weight": [None] * 6}
    schema = {"cluster": pl.String, "group": pl.String, "weight": pl.Float64}
    found = {
        name: estimates(
            pl.DataFrame({**rows, "metric": [name] * 6, "value": right + [low] * wrong}, schema_overrides=schema)
        )
        for name, low in (("acc", 0.0), ("acc_centered", -1 / 3))
    }
    plain, centered = found["acc"]["acc"], found["acc_centered"]["acc_centered"]
    least = -1 / 3 if wrong else -1.0
    for end in ("value", "low", "high"):
        assert centered[end] == pytest.approx(least + (1 - least) * plain[end])
    assert centered["high"] > centered["low"]
