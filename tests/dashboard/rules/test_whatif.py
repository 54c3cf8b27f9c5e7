"""The preview says what `curate whatif` says, on a real run, before duplicates are decided again."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from curate.ask.finished import FinishedRun
from curate.ask.whatif import whatif
from curate.pipeline.child import changed_settings
from curate.rules import evaluate
from dashboard.demo import unpack
from dashboard.queries import measured, rules, threshold
from dashboard.queries.threshold import Amount
from dashboard.source import Source, open_database
from dashboard.workspace import scan

AFTER_RULES = ("kept", "duplicates.", "contamination.")
CHANGES = [
    ("gopher.words_min", "300"),
    ("gopher.words_min", "12"),
    ("gopher.words_min", "off"),
    ("gopher.top_3_gram", "0.02"),
    ("fineweb.short_lines", "0.99"),
    ("gopher.stop_words", "9"),
    ("c4.lorem_ipsum", "5"),
    ("language.lang", "[en, de]"),
    ("language.score", "0.9"),
    ("lexicon.gambling", "1"),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = unpack(tmp_path_factory.mktemp("demo"))
    run = scan(root).get("crawl")
    assert run is not None
    return Source(open_database([root]), run)


@pytest.mark.parametrize(("rule", "value"), CHANGES)
def test_the_numbers_are_those_of_whatif(source: Source, rule: str, value: str) -> None:
    run = FinishedRun.open(str(source.run.path), source.run.path.parent)
    columns = run.scan("measures").collect_schema().names()
    changed, names = changed_settings(run.settings, columns, None, [f"{rule}={value}"])
    says = whatif(run, changed, names, 3)
    told = rules.told(source).profile
    old = told.rule(rule)
    values = measured.values(source, column=told.column(old), rule=old)
    new = rules.proposed(told, old, value, numeric=values.numeric)
    assert new.threshold == changed.profile.rule(rule).threshold
    found = threshold.preview(measured.documents(source), values, told, old, new)

    assert found.differing == 0
    assert found.before == Amount(says["kept"]["before"], says["kept"]["tokens_before"])
    moved = says["moved"]
    passed = [row for row in moved if row["before"] == rule and row["after"].startswith(AFTER_RULES)]
    assert found.kept == _sum(passed)
    lost = [row for row in moved if row["before"].startswith(AFTER_RULES) and row["after"] == rule]
    assert Amount(*(sum(each) for each in zip(found.dropped, found.late, strict=True))) == _sum(lost)
    assert found.dropped == _sum([row for row in lost if row["before"] == "kept"])

    measures = run.scan("measures").collect()
    was, now = (evaluate(profile, measures).fails.list.contains(rule) for profile in (told, changed.profile))
    tokens = measures["text.tokens"]
    assert found.passing == Amount(int((was & ~now).sum()), int(tokens.filter(was & ~now).sum()))
    assert found.failing == Amount(int((~was & now).sum()), int(tokens.filter(~was & now).sum()))


def _sum(rows: list[dict[str, int]]) -> Amount:
    return Amount(sum(row["documents"] for row in rows), sum(row["tokens"] for row in rows))


def test_the_list_is_what_the_decisions_say(source: Source) -> None:
    told = rules.told(source).profile
    listed = rules.listed(told, rules.fails(source))
    rows = FinishedRun.open(str(source.run.path), source.run.path.parent).scan("decisions").collect()
    any_, first = Counter(rows["fails"].explode().drop_nulls()), Counter(rows["rule"].drop_nulls())
    assert listed["any"].to_list() == [any_[rule.id] for rule in told.declared]
    assert listed["first"].to_list() == [first[rule.id] for rule in told.declared]


def test_every_rule_of_the_run_agrees_with_its_measures(source: Source) -> None:
    told = rules.told(source).profile
    documents = measured.documents(source)
    for rule in told.declared:
        values = measured.values(source, column=told.column(rule), rule=rule)
        found = threshold.preview(documents, values, told, rule, rule)
        assert (found.differing, found.moves) == (0, False), rule.id
        says = documents.sets["fails"].list.contains(rule.id).gather(documents.rows["set"])
        assert says.to_list() == threshold.failed(values, told, rule).to_list()
    assert documents.rows.height == pl.scan_parquet(source.run.path / "measures" / "*.parquet").collect().height
