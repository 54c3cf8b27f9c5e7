"""How a measure is spread: bins that part at the threshold, outliers counted, unknown values said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from dashboard_rules import RULES, judged, profile

from curate.rules import Rule
from dashboard.charts import rules as charts
from dashboard.queries import measured
from dashboard.queries.histogram import Histogram, histogram, line
from dashboard.queries.measured import Documents, Values


def seen(rule: Rule, numbers: Sequence[float | None], *, logarithmic: bool = False, kept: bool = True) -> Histogram:
    """The histogram of documents of one token that all other rules keep."""
    value = pl.Series("value", numbers, pl.Float64 if any(isinstance(n, float) for n in numbers) else pl.Int64)
    height = len(numbers)
    rows = pl.DataFrame({"set": [0] * height, "tokens": [1] * height}, schema={"set": pl.UInt32, "tokens": pl.UInt32})
    sets = pl.DataFrame({"kept": [kept], "fails": [[]]}, schema={"kept": pl.Boolean, "fails": pl.List(pl.String)})
    documents = Documents(rows, sets, pl.Series(dtype=pl.String), pl.Series(dtype=pl.String), [0])
    values = Values(pl.DataFrame({"value": value, "applies": pl.Series([True] * height, dtype=pl.Boolean)}))
    return histogram(documents, values, profile([rule]), rule, logarithmic=logarithmic)


def my(drop_if: str, threshold: object) -> Rule:
    return Rule(id="my.rule", measure="my.value", drop_if=drop_if, threshold=threshold)


def test_whole_numbers_of_a_run(tmp_path: Path) -> None:
    source = judged(tmp_path)
    documents, values = measured.documents(source), measured.values(source, column="text.words", rule=RULES[0])
    found = histogram(documents, values, profile(), RULES[0])
    assert (found.low, found.high, found.below, found.above, found.total, found.whole) == (9.5, 60.5, 0, 0, 8, True)
    assert found.bins.select("low", "high", "state", "documents", "tokens").rows() == [
        (9.5, 10.5, "dropped by this rule", 1, 100),
        (19.5, 20.5, "dropped by this rule", 1, 200),
        (28.5, 29.5, "dropped by this rule", 1, 300),
        (29.5, 30.5, "kept", 1, 400),
        (34.5, 35.5, "kept", 1, 500),
        (39.5, 40.5, "dropped by another", 1, 600),
        (49.5, 50.5, "dropped by another", 1, 700),
        (59.5, 60.5, "dropped by another", 1, 800),
    ]


@pytest.mark.parametrize("drop_if", [">", ">=", "<", "<="])
@pytest.mark.parametrize("limit", [30, 2.5])
@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_no_bin_lies_on_both_sides_of_the_threshold(drop_if: str, limit: float, logarithmic: bool, whole: bool) -> None:
    numbers = [int(n) if whole else float(n) for n in (0, 1, 2, 3, 29, 30, 31, 500, 30, 30)]
    found = seen(my(drop_if, limit), numbers, logarithmic=logarithmic)
    assert found.bins.group_by("low").len()["len"].max() == 1
    at = line(my(drop_if, limit), whole=whole)
    assert at is not None
    for low, high, state in found.bins.select("low", "high", "state").rows():
        above = (low + high) / 2 > at
        assert state == ("dropped by this rule" if above == drop_if.startswith(">") else "kept")


def test_outliers_are_counted_at_the_ends() -> None:
    found = seen(my("<", 5), [-(10**6), *range(1000), 10**9])
    assert (found.below, found.above) == (1, 1)
    assert found.bins["documents"].sum() == 1002
    assert (found.low, found.high) == (-8.5, 1005.5)
    assert found.bins["low"].n_unique() <= 100


def test_a_threshold_far_away_does_not_flatten_the_picture() -> None:
    found = seen(my(">", 2_000_000), list(range(100)))
    assert found.high < 110


def test_values_that_cannot_be_drawn_are_counted() -> None:
    found = seen(my(">", 0.5), [None, math.nan, math.inf, 0.25, 0.75])
    assert (found.unknown, found.infinite, found.total) == (2, 1, 5)
    assert found.bins["documents"].sum() == 2


@pytest.mark.parametrize("numbers", [[], [None], [7], [7, 7], [0.0], [1e300, -1e300]], ids=range(6))
def test_few_values(numbers: list[float | None]) -> None:
    for logarithmic in (False, True):
        found = seen(my("<", 5), numbers, logarithmic=logarithmic)
        assert found.bins["documents"].sum() == sum(number is not None for number in numbers)
        assert found.low < found.high


def test_words_the_most_frequent_first(tmp_path: Path) -> None:
    source = judged(tmp_path)
    documents, values = measured.documents(source), measured.values(source, column="script.main", rule=RULES[2])
    found = histogram(documents, values, profile(), RULES[2])
    assert found.bins.rows() == [
        ("latin", "kept", 1, 400),
        ("latin", "dropped by another", 5, 2000),
        ("cyrillic", "dropped by this rule", 1, 700),
        ("greek", "kept", 1, 500),
    ]


def test_bars_stand_on_each_other() -> None:
    bins = pl.DataFrame(
        {
            "low": [0.0, 0.0, 1.0],
            "high": [1.0, 1.0, 2.0],
            "state": ["dropped by another", "kept", "kept"],
            "documents": [2, 3, 4],
        }
    )
    assert charts.stacked(bins).select("low", "state", "from", "to").rows() == [
        (0.0, "kept", 0, 3),
        (0.0, "dropped by another", 3, 5),
        (1.0, "kept", 0, 4),
    ]
