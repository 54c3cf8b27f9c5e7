import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.edits.config import EditsConfig
from curate.rules import OFF, Profile, Rule, When, applies, broken, columns, evaluate, margins, require
from workbench.errors import UserError


def profile(*rules: Rule, text: str = "extracted") -> Profile:
    return Profile(name="test", source="test", text=text, engine=None, edits=EditsConfig.off(), declared=rules)


def rule(name: str, drop_if: str, threshold: object, **more: object) -> Rule:
    return Rule(**{"id": name, "measure": "text.words", "drop_if": drop_if, "threshold": threshold, **more})


MIN = rule("gopher.words_min", "<", 50)
MAX = rule("gopher.words_max", ">", 1000)
UPPER = rule("shape.upper", ">=", 0.5, measure="text.upper_share")


def test_the_first_failing_rule_decides_and_all_are_listed() -> None:
    measures = pl.DataFrame({"text.words": [100, 20, 2000, 20], "text.upper_share": [0.1, 0.1, 0.5, 0.75]})
    verdicts = evaluate(profile(MIN, MAX, UPPER), measures)
    assert verdicts.first.to_list() == [None, "gopher.words_min", "gopher.words_max", "gopher.words_min"]
    assert verdicts.value.to_list() == [None, "20", "2000", "20"]
    assert verdicts.threshold.to_list() == [None, "< 50", "> 1000", "< 50"]
    assert verdicts.fails.to_list() == [
        [],
        ["gopher.words_min"],
        ["gopher.words_max", "shape.upper"],
        ["gopher.words_min", "shape.upper"],
    ]
    assert verdicts.unknown.null_count() == 4


def test_the_order_of_the_rules_is_the_order_of_the_profile() -> None:
    measures = pl.DataFrame({"text.words": [20], "text.upper_share": [0.75]})
    verdicts = evaluate(profile(UPPER, MIN), measures)
    assert verdicts.fails.to_list() == [["shape.upper", "gopher.words_min"]]
    assert verdicts.value.to_list() == ["0.75"]


@pytest.mark.parametrize(
    ("drop_if", "threshold", "dropped"),
    [
        (">", 2, [3]),
        (">=", 2, [2, 3]),
        ("<", 2, [1]),
        ("<=", 2, [1, 2]),
        ("==", 2, [2]),
        ("!=", 2, [1, 3]),
        ("in", [1, 2.0], [1, 2]),
        ("not in", [1, 2.0], [3]),
    ],
)
def test_comparisons(drop_if: str, threshold: object, dropped: list[int]) -> None:
    measures = pl.DataFrame({"text.words": [1, 2, 3]})
    verdicts = evaluate(profile(rule("a.b", drop_if, threshold)), measures)
    assert measures["text.words"].filter(verdicts.first.is_not_null()).to_list() == dropped


def test_words_are_compared_with_words() -> None:
    measures = pl.DataFrame({"language.lang": ["en", "de", "und"]})
    allowed = Rule(id="language.lang", measure="language.lang", drop_if="not in", threshold=["en", "de"])
    verdicts = evaluate(profile(allowed), measures)
    assert verdicts.first.to_list() == [None, None, "language.lang"]
    assert verdicts.value.to_list() == [None, None, "und"]
    assert verdicts.threshold.to_list() == [None, None, "not in [en, de]"]


def test_one_word_is_a_list_of_one() -> None:
    assert Rule(id="language.lang", measure="language.lang", drop_if="in", threshold="de").threshold == ("de",)


def test_a_rule_applies_to_the_languages_it_names() -> None:
    measures = pl.DataFrame({"text.words": [10, 10, 10], "language.lang": ["en", "ja", None]})
    only = evaluate(profile(rule("a.b", "<", 50, when=When(langs=("en",)))), measures)
    assert only.first.to_list() == ["a.b", None, "a.b"]
    all_but = evaluate(profile(rule("a.b", "<", 50, when=When(not_langs=("ja",)))), measures)
    assert all_but.first.to_list() == ["a.b", None, "a.b"]


def test_an_unknown_measure_never_passes() -> None:
    measures = pl.DataFrame({"text.upper_share": [0.1, None, float("nan")]})
    verdicts = evaluate(profile(UPPER), measures)
    assert verdicts.first.to_list() == [None, "shape.upper", "shape.upper"]
    assert verdicts.value.to_list() == [None, "null", "NaN"]
    assert verdicts.unknown.to_list() == [
        None,
        "shape.upper: text.upper_share is null",
        "shape.upper: text.upper_share is NaN",
    ]


def test_an_unknown_measure_is_no_matter_where_the_rule_does_not_apply() -> None:
    measures = pl.DataFrame({"text.words": [None], "language.lang": ["ja"]}, schema_overrides={"text.words": pl.Int64})
    verdicts = evaluate(profile(rule("a.b", "<", 50, when=When(langs=("en",)))), measures)
    assert verdicts.first.to_list() == [None]
    assert verdicts.unknown.to_list() == [None]


def test_a_rule_that_is_off_is_not_evaluated() -> None:
    found = profile(rule("a.b", "<", "off"), MIN)
    assert [one.id for one in found.rules] == ["gopher.words_min"]
    assert evaluate(found, pl.DataFrame({"text.words": [20]})).fails.to_list() == [["gopher.words_min"]]


def test_the_other_text_version_has_columns_of_its_own() -> None:
    found = profile(MIN, rule("a.b", "<", 50, text="edited"), rule("a.c", "<", 50, text="extracted"))
    assert columns(found) == ["text.words", "text.words@edited"]
    measures = pl.DataFrame({"text.words": [60], "text.words@edited": [40]})
    assert evaluate(found, measures).fails.to_list() == [["a.b"]]


def test_columns_include_the_language_where_a_rule_asks_for_it() -> None:
    assert columns(profile(MIN, rule("a.b", "<", 5, when=When(langs=("en",))))) == ["text.words", "language.lang"]


def test_no_rules_and_no_documents() -> None:
    assert evaluate(profile(), pl.DataFrame({"text.words": [1, 2]})).fails.to_list() == [[], []]
    empty = evaluate(profile(MIN), pl.DataFrame({"text.words": []}, schema={"text.words": pl.Int64}))
    assert [series.len() for series in empty] == [0, 0, 0, 0, 0]


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError) as error:
        evaluate(profile(MIN), pl.DataFrame({"text.word": [1], "text.chars": [5]}))
    assert error.value.message == "rule 'gopher.words_min' reads 'text.words', which is not among the measures"
    assert error.value.hint == "did you mean 'text.word'?"
    with pytest.raises(UserError, match=r"reads 'language\.lang'"):
        require(profile(rule("a.b", "<", 5, when=When(langs=("en",)))), ["text.words"])


def test_margins_are_positive_on_the_side_that_is_kept() -> None:
    measures = pl.DataFrame({"text.words": [40, 50, 70, None], "language.lang": ["en", "en", "ja", "en"]})
    low = rule("a.b", "<", 50, when=When(langs=("en",)))
    found = margins(profile(low), low, measures)
    assert found["value"].to_list() == [40.0, 50.0, None, None]
    assert found["distance"].to_list() == [-10.0, 0.0, None, None]
    high = rule("a.b", ">", 50)
    assert margins(profile(high), high, measures)["distance"].to_list() == [10.0, 0.0, -20.0, None]
    words = Rule(id="a.b", measure="language.lang", drop_if="in", threshold=("en",))
    assert margins(profile(words), words, measures)["distance"].to_list() == [None] * 4


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 100)), st.one_of(st.none(), st.just(float("nan")), st.floats(0, 1))
        ),
        max_size=30,
    )
)
def test_agrees_with_one_document_at_a_time(rows: list[tuple[int | None, float | None]]) -> None:
    schema = {"text.words": pl.Int64, "text.upper_share": pl.Float64}
    measures = pl.DataFrame(rows, schema=schema, orient="row")
    verdicts = evaluate(profile(MIN, UPPER), measures)
    expected = []
    for words, upper in rows:
        fails = ["gopher.words_min"] if words is None or words < 50 else []
        if upper is None or upper != upper or upper >= 0.5:
            fails.append("shape.upper")
        expected.append(fails)
    assert verdicts.fails.to_list() == expected
    assert verdicts.first.to_list() == [fails[0] if fails else None for fails in expected]


def test_one_rule_alone_says_what_all_together_say() -> None:
    values = [10, None, 60, 10, None]
    measures = pl.DataFrame({"text.words": values, "language.lang": ["de", "de", "de", "fr", None]})
    german = rule("gopher.words_min", "<", 50, when=When(langs=("de",)))
    alone = measures.select(applies(german)).to_series() & broken(profile(german), german, measures)
    assert alone.to_list() == [True, True, False, False, True]
    assert alone.to_list() == evaluate(profile(german), measures).first.is_not_null().to_list()


def test_nobody_fails_a_rule_that_is_off() -> None:
    measures = pl.DataFrame({"text.words": [1, None]})
    assert broken(profile(MIN), rule("gopher.words_min", "<", OFF), measures).to_list() == [False, False]
