"""What another threshold would do: exact numbers on eight documents, and the documents at the boundary."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from dashboard_rules import DOCUMENTS, RULES, judged, profile

from curate.rules import Rule, evaluate
from dashboard.queries import measured, rules, threshold
from dashboard.queries.measured import Documents, Values
from dashboard.queries.threshold import Amount, Preview

NONE = Amount(0, 0)


def held(root: Path, rule: Rule) -> tuple[Documents, Values]:
    source = judged(root)
    return measured.documents(source), measured.values(source, column=profile().column(rule), rule=rule)


def moved(root: Path, number: int, text: str) -> Preview:
    rule = RULES[number]
    documents, values = held(root, rule)
    new = rules.proposed(profile(), rule, text, numeric=values.numeric)
    return threshold.preview(documents, values, profile(), rule, new)


def test_the_runs_own_threshold_moves_nothing(tmp_path: Path) -> None:
    found = moved(tmp_path, 0, "30")
    assert not found.moves
    assert found.before == Amount(2, 900)
    assert found[:7] == (NONE,) * 7
    assert (found.langs.height, found.hosts.height, found.others.height, found.differing) == (0, 0, 0, 0)


def test_a_lower_threshold_keeps_what_no_other_rule_drops(tmp_path: Path) -> None:
    found = moved(tmp_path, 0, "15")
    assert (found.passing, found.failing) == (Amount(2, 500), NONE)
    assert (found.kept, found.still) == (Amount(1, 300), Amount(1, 200))
    assert found.others.rows() == [("shape.upper", 1, 200)]
    assert found.langs.rows() == [("de", 1, 0, 300, 0)]


def test_a_higher_threshold_drops_and_tells_who_dropped_already(tmp_path: Path) -> None:
    found = moved(tmp_path, 0, "70")
    assert (found.passing, found.failing) == (NONE, Amount(5, 3000))
    assert (found.dropped, found.caught, found.late) == (Amount(2, 900), Amount(2, 1300), Amount(1, 800))
    assert found.langs.rows() == [("en", 0, 1, 0, 400), (None, 0, 1, 0, 500)]
    assert found.hosts.rows() == [("one.example", 0, 1, 0, 400), (None, 0, 1, 0, 500)]


def test_a_rule_that_is_switched_off(tmp_path: Path) -> None:
    found = moved(tmp_path, 0, "off")
    assert (found.passing, found.kept, found.still) == (Amount(3, 600), Amount(2, 400), Amount(1, 200))


def test_a_rule_that_is_switched_on(tmp_path: Path) -> None:
    found = moved(tmp_path, 3, "34")
    assert (found.failing, found.dropped) == (Amount(4, 2600), Amount(1, 500))


def test_a_rule_of_one_language_looks_at_no_other_and_an_unknown_value_never_passes(tmp_path: Path) -> None:
    stricter = moved(tmp_path, 1, "0.2")
    assert (stricter.failing, stricter.dropped, stricter.late) == (Amount(2, 1200), Amount(1, 400), Amount(1, 800))
    milder = moved(tmp_path / "milder", 1, "1.0")
    assert (milder.passing, milder.kept, milder.still) == (Amount(1, 200), NONE, Amount(1, 200))


def test_a_list_of_words(tmp_path: Path) -> None:
    found = moved(tmp_path, 2, "[latin, cyrillic]")
    assert (found.kept, found.dropped) == (Amount(1, 700), Amount(1, 500))


def test_who_says_something_else_than_the_measures_is_counted(tmp_path: Path) -> None:
    source = judged(
        tmp_path, documents=[*DOCUMENTS[1:], ("z", 90, 0.1, "latin", "en", "dropped", ["shape.words"], 5, "x")]
    )
    values = measured.values(source, column="text.words", rule=RULES[0])
    found = threshold.preview(measured.documents(source), values, profile(), RULES[0], RULES[0])
    assert found.differing == 1


@pytest.mark.parametrize(
    ("drop_if", "limit"),
    [(">", 2), (">=", 2), ("<", 2), ("<=", 2), ("==", 2), ("!=", 2), ("in", (1, 2)), ("not in", (2,))],
)
def test_who_fails_is_who_the_product_drops(drop_if: str, limit: object) -> None:
    rule = Rule(id="my.rule", measure="my.value", drop_if=drop_if, threshold=limit)
    column = pl.Series("my.value", [1.0, 2.0, 3.0, None, math.nan, math.inf])
    values = Values(pl.DataFrame({"value": column, "applies": [True] * 6}))
    found = threshold.failed(values, profile([rule]), rule)
    assert found.to_list() == evaluate(profile([rule]), column.to_frame()).first.is_not_null().to_list()
    assert found.to_list()[3:5] == [True, True]


def test_the_nearest_that_move(tmp_path: Path) -> None:
    documents, values = held(tmp_path, RULES[0])
    new = rules.proposed(profile(), RULES[0], "70", numeric=True)
    found = threshold.nearest(documents, values, profile(), RULES[0], new)
    assert found.select("gain", "moves", "row", "place", "value", "distance").rows() == [
        (False, True, 4, 5, 35, 35.0),
        (False, True, 3, 4, 30, 40.0),
    ]


def test_the_nearest_on_both_sides_where_nothing_moves(tmp_path: Path) -> None:
    documents, values = held(tmp_path, RULES[0])
    found = threshold.nearest(documents, values, profile(), RULES[0], RULES[0])
    assert found.select("gain", "moves", "row", "distance").rows() == [
        (True, False, 2, 1.0),
        (True, False, 0, 20.0),
        (False, False, 3, 0.0),
        (False, False, 4, 5.0),
    ]


def test_no_more_than_ten_a_side_and_equal_distances_in_the_order_of_the_input(tmp_path: Path) -> None:
    many = [(f"k{n:02}", 30 + n % 3, 0.1, "latin", "en", "kept", [], 1, "x") for n in range(60)]
    source = judged(tmp_path, documents=many)
    documents, values = measured.documents(source), measured.values(source, column="text.words", rule=RULES[0])
    found = threshold.nearest(documents, values, profile(), RULES[0], RULES[0])
    assert found["row"].to_list() == list(range(0, 30, 3))


def test_words_have_no_distance(tmp_path: Path) -> None:
    documents, values = held(tmp_path, RULES[2])
    new = rules.proposed(profile(), RULES[2], "[greek]", numeric=False)
    found = threshold.nearest(documents, values, profile(), RULES[2], new)
    assert found.select("gain", "row", "value", "distance").rows() == [(False, 3, "latin", None)]
