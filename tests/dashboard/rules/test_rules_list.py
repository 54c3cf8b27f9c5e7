"""The rules of a run and what each dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from dashboard_rules import RULES, judged, profile

from curate.rules import Rule, When
from dashboard.queries import rules
from workbench.errors import UserError


def test_what_each_rule_dropped(tmp_path: Path) -> None:
    source = judged(tmp_path)
    told = rules.told(source)
    assert told.profile.declared == RULES
    assert told.counter is None
    listed = rules.listed(told.profile, rules.fails(source))
    assert listed.select("rule", "drops", "any", "first", "alone", "first_tokens", "any_tokens").rows() == [
        ("shape.words", "< 30", 3, 3, 2, 600, 600),
        ("shape.upper", "> 0.5", 2, 1, 1, 600, 800),
        ("shape.script", "not in [latin, greek]", 1, 1, 1, 700, 700),
        ("shape.other", "off", 0, 0, 0, 0, 0),
    ]
    assert listed["languages"].to_list() == ["all", "en", "all", "all"]
    assert listed["why"][0] == "too short"


def test_pairs_of_rules(tmp_path: Path) -> None:
    source = judged(tmp_path)
    pairs = rules.together(profile(), rules.fails(source))
    assert pairs.rows() == [  # who drops documents after the rules is no rule
        ("shape.script", "shape.script", 1, 700, 1, 1.0),
        ("shape.upper", "shape.upper", 1, 600, 2, 0.5),
        ("shape.upper", "shape.words", 1, 200, 2, 0.5),
        ("shape.words", "shape.words", 2, 400, 3, 2 / 3),
        ("shape.words", "shape.upper", 1, 200, 3, 1 / 3),
    ]


def test_languages_in_words() -> None:
    assert rules.languages(Rule(**{**dict(RULES[0]), "when": When(not_langs=("zh", "ja"))})) == "all but zh, ja"


@pytest.mark.parametrize(
    ("rule", "text", "threshold"),
    [
        (0, "40", 40),
        (0, "1e3", 1000.0),
        (0, "off", "off"),
        (2, "[latin]", ("latin",)),
        (2, "han", ("han",)),
        (3, "9", 9),
    ],
)
def test_a_threshold_as_the_command_line_takes_it(rule: int, text: str, threshold: object) -> None:
    new = rules.proposed(profile(), RULES[rule], text, numeric=rule != 2)
    assert new.threshold == threshold
    again = rules.proposed(profile(), RULES[rule], rules.as_text(new), numeric=rule != 2)
    assert again.threshold == threshold


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (0, "many"),
        (0, "[1, 2]"),
        (0, "nan"),
        (0, ".inf"),
        (0, ""),
        (2, "[1, 2]"),
        (2, "[]"),
        (0, "[" * 1000),
        (2, "x" * 2001),
    ],
    ids=range(9),
)
def test_a_threshold_that_cannot_be(rule: int, text: str) -> None:
    with pytest.raises(UserError):
        rules.proposed(profile(), RULES[rule], text, numeric=rule != 2)


def test_words_are_quoted_where_they_look_like_something_else() -> None:
    words = Rule(id="a.b", measure="my.words", drop_if="in", threshold=("no", "it's", "a, b", "12", "de"))
    text = rules.as_text(words)
    assert text == "[no, 'it''s', 'a, b', '12', de]"
    assert rules.proposed(profile([words]), words, text, numeric=False).threshold == words.threshold


def test_settings_that_are_damaged_are_said(tmp_path: Path) -> None:
    source = judged(tmp_path)
    (source.run.path / "settings.json").write_text("{")
    with pytest.raises(UserError, match=r"settings\.json"):
        rules.told(source)
