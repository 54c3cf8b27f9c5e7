"""Every shipped profile: that it loads, what it asks for, and that each of its rules can fire, alone."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from curate.measures.registry import REGISTRY
from curate.rules import Profile, Rule, columns, evaluate, load_profile, profile_names
from curate.rules.catalogue import VERSIONLESS

PROFILES = {name: load_profile(name) for name in profile_names()}
CASES = [(name, rule.id) for name, profile in PROFILES.items() for rule in profile.rules]
WORDS = ["en", "de", "ja", "und", "latin", "qqq"]


def candidates(profile: Profile, column: str) -> list[float] | list[str]:
    """Values of a column around every threshold that reads it."""
    thresholds = [rule.threshold for rule in profile.rules if profile.column(rule) == column]
    if any(isinstance(item, str) for one in thresholds for item in (one if isinstance(one, tuple) else (one,))):
        return WORDS
    flat = [item for one in thresholds for item in (one if isinstance(one, tuple) else (one,))]
    return sorted({value for limit in flat for value in (0, limit, limit - 1, limit + 1, limit / 2) if value >= 0})


@cache
def tried(name: str, column: str, lang: str) -> list[tuple[list[str], float | str]]:
    """Every candidate of a column with the rules it fails."""
    profile = PROFILES[name]
    values = candidates(profile, column)
    rules = tuple(rule for rule in profile.rules if profile.column(rule) == column)
    measures = pl.DataFrame({"language.lang": [lang] * len(values), column: values}, strict=False)
    fails = evaluate(profile.model_copy(update={"declared": rules}), measures).fails.to_list()
    return list(zip(fails, values, strict=True))


def row(profile: Profile, rule: Rule | None) -> tuple[dict[str, float | str], list[str]]:
    """Measures of a document that passes every rule but this one, and what fails nevertheless."""
    lang = "en" if rule is None or rule.when is None or "en" not in rule.when.not_langs else "ja"
    lang = rule.when.langs[0] if rule is not None and rule.when is not None and rule.when.langs else lang
    values: dict[str, float | str] = {"language.lang": lang}
    fails: list[str] = []
    for column in columns(profile):
        if column == "language.lang" and (rule is None or rule.measure != column):
            continue
        found = tried(profile.name, column, lang)
        if rule is not None and profile.column(rule) == column:
            found = [one for one in found if rule.id in one[0]]
        best, values[column] = min(found, key=lambda one: (len(one[0]), str(one[1])))
        fails += best
    return values, fails


def test_the_profiles_of_the_package() -> None:
    expected = {
        "gopher@datatrove", "gopher@dclm", "gopher@olmo3", "c4@datatrove", "c4@datatrove-terminal", "c4@tfds",
        "fineweb@datatrove", "fineweb@paper", "fineweb-pipeline@datatrove", "url@datatrove", "language@datatrove",
        "dclm", "olmo3", "winnow",
    }  # fmt: skip
    assert set(profile_names()) == expected


@pytest.mark.parametrize("name", PROFILES)
def test_names_a_source_and_measures_that_exist(name: str) -> None:
    profile = PROFILES[name]
    assert profile.name == name
    assert profile.source
    for rule in profile.declared:
        assert rule.measure in REGISTRY or rule.measure.split(".")[0] in VERSIONLESS


@pytest.mark.parametrize("name", PROFILES)
def test_some_document_passes_every_rule(name: str) -> None:
    values, fails = row(PROFILES[name], None)
    assert fails == []
    assert evaluate(PROFILES[name], pl.DataFrame([values])).first.to_list() == [None]


@pytest.mark.parametrize(("name", "rule_id"), CASES)
def test_each_rule_fires_alone(name: str, rule_id: str) -> None:
    profile = PROFILES[name]
    values, _ = row(profile, profile.rule(rule_id))
    verdicts = evaluate(profile, pl.DataFrame([values]))
    assert verdicts.fails.to_list() == [[rule_id]]
    assert verdicts.first.to_list() == [rule_id]


def test_fineweb_reads_what_c4_left() -> None:
    profile = PROFILES["fineweb-pipeline@datatrove"]
    assert profile.column(profile.rule("fineweb.short_lines")) == "fineweb.short_lines@edited"
    assert profile.column(profile.rule("gopher.words_min")) == "gopher_datatrove.words"
    assert (profile.edits.lines.policy, profile.edits.pii.email) == ("c4@datatrove", "replace")


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("fineweb-pipeline@datatrove", ["url", "language", "gopher", "c4", "fineweb"]),
        ("dclm", ["url", "language", "gopher", "refinedweb"]),
        ("olmo3", ["url", "gopher", "refinedweb", "language", "madlad"]),
    ],
)
def test_the_order_of_a_pipeline(name: str, families: list[str]) -> None:
    assert list(dict.fromkeys(rule.family for rule in PROFILES[name].rules)) == families
