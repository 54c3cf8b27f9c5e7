"""Plans: what each method gives, and what is refused where."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.mix.plan import Plan
from workbench.errors import UserError

from .conftest import Mixer, frame

ROWS = frame()


def groups(plan: Plan, phase: int = 0) -> dict[str, dict[str, float]]:
    return {row["group"]: row for row in plan.phases[phase].groups.iter_rows(named=True)}


def test_without_a_word_everything_is_read_once(plan: Mixer) -> None:
    found = plan("")
    assert (found.phases[0].copies == 1).all()
    assert groups(found)["de"]["tokens_taken"] == ROWS.filter(lang="de")["tokens"].sum()


def test_the_accounts_are_those_of_the_documents(plan: Mixer) -> None:
    found = plan("by: [lang, domain.topic]\nmethod: temperature\ntemperature: 0.3\ntokens: 200000")
    counted = (
        ROWS.with_columns(copies=pl.Series(found.phases[0].copies))
        .group_by(group=pl.concat_str("lang", "topic", separator="|"))
        .agg(
            documents_available=pl.len().cast(pl.Int64),
            tokens_available=pl.col("tokens").sum(),
            documents_taken=(pl.col("copies") > 0).sum().cast(pl.Int64),
            copies=pl.col("copies").sum(),
            tokens_taken=(pl.col("copies") * pl.col("tokens")).sum(),
        )
        .sort("group")
    )
    assert found.phases[0].groups.select(counted.columns).equals(counted)


def test_no_group_is_further_from_its_tokens_than_half_a_document(plan: Mixer) -> None:
    found = plan("by: [lang, host]\nmethod: unimax\ntokens: 300000").phases[0].groups
    assert ((found["tokens_taken"] - found["tokens_wanted"]).abs() <= 449 / 2).all()


def test_weights_by_hand_with_a_rest(plan: Mixer) -> None:
    found = groups(plan("by: [host]\nmethod: weights\ntokens: 50000\nweights: {host1.example: 1, '*': 3}"))
    assert found["host1.example"]["tokens_wanted"] == pytest.approx(12500)
    others = [row for name, row in found.items() if name != "host1.example"]
    assert len({round(row["epochs"], 9) for row in others}) == 1


def test_raising_one_weight_only_adds_documents_of_that_group(plan: Mixer) -> None:
    text = "method: weights\ntokens: {}\nweights: {{en: {}, de: 30, fr: 10}}"
    before = plan(text.format(80_000, 40)).phases[0].copies
    after = plan(text.format(90_000, 50)).phases[0].copies  # the others want what they wanted
    moved = ROWS.filter(pl.Series(before != after))
    assert set(moved["lang"]) == {"en"}
    assert (after >= before).all()
    assert abs(int(((after - before) * ROWS["tokens"].to_numpy()).sum()) - 10_000) < 449


def test_unimax_is_even_up_to_the_cap(plan: Mixer) -> None:
    found = groups(plan("method: unimax\ntokens: 120000\nmax_epochs: 2"))
    assert found["fr"]["epochs"] == 2
    assert found["en"]["tokens_wanted"] == pytest.approx(found["de"]["tokens_wanted"])


def test_a_group_below_the_minimum_weight_is_left_out(plan: Mixer) -> None:
    found = plan("minimum_weight: 0.1")
    assert groups(found)["fr"]["copies"] == 0
    assert groups(found)["en"]["weight"] + groups(found)["de"]["weight"] == pytest.approx(1)
    assert "1 groups below minimum_weight" in found.phases[0].notes[0]


def test_buckets_hold_equally_many_documents_and_those_without_a_number_stand_apart(plan: Mixer) -> None:
    found = groups(plan("by: [{measure: quality.edu, buckets: 4}]"))
    assert list(found) == ["(none)", "1/4", "2/4", "3/4", "4/4"]
    assert found["(none)"]["documents_available"] == 24
    assert [found[f"{part}/4"]["documents_available"] for part in range(1, 5)] == [144, 144, 144, 144]


def test_edges(plan: Mixer) -> None:
    found = groups(plan("by: [{measure: tokens, edges: [100, 400]}]"))
    expected = [
        ROWS.filter(pl.col("tokens") < 100).height,
        ROWS.filter(pl.col("tokens").is_between(100, 400, closed="left")).height,
        ROWS.filter(pl.col("tokens") >= 400).height,
    ]
    assert [found[name]["documents_available"] for name in ("<100", "100..400", ">=400")] == expected


CURVE = """
by: [lang]
method: curve
tokens: {}
curve: {{measure: quality.edu, buckets: 10, bottom: 0.4, power: 1, rate: 2}}
"""


def test_the_curve_rises_from_nothing_to_the_cap(plan: Mixer) -> None:
    found = plan(CURVE.format(260_000)).phases[0]
    epochs = found.groups.filter(lang="en").sort("quality.edu curve")["epochs"].to_list()
    assert epochs[:5] == [0] * 5  # those without a quality, and four tenths
    assert np.all(np.diff(epochs[4:]) >= 0)
    assert epochs[-1] == 4
    assert found.groups["tokens_wanted"].sum() == pytest.approx(260_000)
    assert "24 documents without quality.edu get nothing" in found.notes


def test_a_curve_within_weights_of_domains(plan: Mixer) -> None:
    found = plan(CURVE.format(60_000) + "\nweights: {en: 1, de: 1}").phases[0].groups
    wanted = dict(found.group_by("lang").agg(pl.col("tokens_wanted").sum()).iter_rows())
    assert wanted == pytest.approx({"en": 30_000, "de": 30_000, "fr": 0})


PHASES = """
by: [lang]
tokens: 70000
phases:
  main: {}
  anneal:
    method: weights
    tokens: 20000
    weights: {en: 0.5, de: 0.5}
    filters: [{measure: quality.edu, keep_if: ">=", value: 0.5}, {measure: lang, keep_if: in, value: [en, de]}]
"""


def test_phases_have_budgets_and_filters_and_begin_with_what_is_new(plan: Mixer) -> None:
    main, anneal = plan(PHASES).phases
    assert main.groups["tokens_taken"].sum() == pytest.approx(70_000, abs=700)
    assert anneal.groups["tokens_taken"].sum() == pytest.approx(20_000, abs=500)
    taken = ROWS.filter(pl.Series(anneal.copies > 0))
    assert set(taken["lang"]) == {"en", "de"}
    assert taken["quality"].min() >= 0.5
    assert not taken["quality"].is_nan().any()
    both = ROWS.filter(pl.Series((main.copies > 0) & (anneal.copies > 0)))
    unread = ROWS.filter(pl.Series((main.copies + anneal.copies == 0) & (anneal.member >= 0)))
    assert not set(both["lang"]) & set(unread["lang"])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 500_000), st.sampled_from(["natural", "unimax", "temperature"]))
def test_any_budget_is_met_and_counted(plan: Mixer, tokens: int, method: str) -> None:
    extra = "temperature: 0.5" if method == "temperature" else ""
    found = plan(f"method: {method}\ntokens: {tokens}\nmax_epochs: 8\n{extra}").phases[0]
    assert found.groups["tokens_wanted"].sum() == pytest.approx(tokens)
    assert found.groups["tokens_taken"].sum() == (found.copies * ROWS["tokens"].to_numpy()).sum()
    assert abs(found.groups["tokens_taken"].sum() - tokens) <= 3 * 449 / 2
    assert found.copies.max() <= 8


REFUSED = {
    "by: [language]": ("1:6", "no measure 'language'"),
    "by: [quality.edu]": ("1:6", "say how it is cut"),
    "by: [{measure: lang, buckets: 3}]": ("1:7", "lang is text"),
    "by: [{measure: quality.edu, edges: [0.5, 0.2]}]": ("1:6", "edges must ascend"),
    "tokens: 10000000": ("1:1", "may be read 4 times"),
    "method: weights\nweights: {en: 1, xx: 1}": ("2:18", "no group 'xx'"),
    "method: weights\ntokens: 110000\nweights: {en: 0.5, fr: 0.5}": ("3:20", "'fr' would need 55,000 tokens"),
    "method: weights": ("1:1", "needs 'weights:'"),
    "weights: {en: 1}": ("1:1", "does not read 'weights:'"),
    "method: temprature": ("1:9", "input should be"),
    "filters: [{measure: lang, keep_if: '==', value: xx}]": ("1:1", "no document passes"),
    "filters: [{measure: tokens, keep_if: '>', value: many}]": ("1:43", "tokens is a number"),
    "filters: [{measure: wordz, keep_if: '>', value: 3}]": ("1:12", "no measure 'wordz'"),
    "by: [tokens]": ("1:6", "'tokens' is a column of the plan itself"),
    "by: [lang, lang]": ("1:1", "by names lang twice"),
    "minimum_weight: 0.9": ("1:1", "no group has this share"),
    "method: curve\ncurve: {measure: quality.edu, power: 1, rate: -2}": ("2:8", "must not fall"),
    "method: curve\ntokens: 300000\ncurve: {measure: quality.edu, bottom: 0.9}": ("2:1", "the groups that may be read"),
    "method: curve\ntokens: 90000\ncurve: {measure: quality.edu}\nweights: {fr: 1}": ("4:11", "'fr' would need"),
    "phases:\n  main: {tokens: 100}\n  long: {tokens: 9999999}": ("3:10", "phase long asks for 9,999,999"),
    "regression: {trials: none.csv, metric: loss}\nmethod: regression": ("", "no trials at"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_had_is_refused_where_it_stands(plan: Mixer, text: str) -> None:
    place, message = REFUSED[text]
    with pytest.raises(UserError) as refused:
        plan(text)
    assert message in refused.value.message
    assert refused.value.where.endswith(place)
    assert refused.value.hint


def test_a_changed_value_is_named_by_its_flag(plan: Mixer) -> None:
    with pytest.raises(UserError, match="--set tokens=99999999: phase main"):
        plan("by: [lang]", "tokens=99999999")
