"""What is found, in which order, and that no query is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_runs import doc_id

from curate.search.index import Built
from curate.search.query import Filters, Hits, known, matches, parse, search
from workbench.errors import Exit, UserError

from .conftest import TEXTS

NAMES = {
    doc_id(name): name
    for name in "bread mill cafe decomposed tokyo kyoto thai hindi korean odd spam menu".split()  # noqa: SIM905
}


def names(hits: Hits) -> set[str]:
    assert len(hits.hits) == hits.total
    return {NAMES[hit.id] for hit in hits.hits}


def found(built: Built, text: str, any_word: bool = False, **filters: str) -> set[str]:
    return names(search(built.path, text, Filters(**filters), limit=100, any_word=any_word))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("flour", {"bread", "mill", "spam"}),
        ("FLOUR Water", {"bread", "mill"}),
        ('"water turns"', {"mill"}),
        ('"turns water"', set()),
        ("flour -yeast", {"mill", "spam"}),
        ('flour -"the wheel"', {"bread", "spam"}),
        ("flour - yeast", {"bread"}),  # a minus alone is no word
        ("cafe", {"cafe", "decomposed"}),
        ("café", {"cafe", "decomposed"}),
        ("brulee", {"cafe"}),
        ("don't", {"odd"}),
        ("don’t", {"odd"}),
        ("R&D", {"odd"}),
        ("flour of", {"bread"}),
        ("flour AND water", {"bread", "mill"}),  # `and` stands in both
        ("flour OR water", set()),  # and `or` in none
        ("東京", {"tokyo"}),
        ("京都", {"tokyo", "kyoto"}),  # any part of a line, as there are no blanks
        ("都", {"tokyo", "kyoto"}),
        ("京都 -東京", {"kyoto"}),
        ("python", {"kyoto"}),
        ("C++", {"kyoto", "odd"}),  # signs are no words
        ("น้ำ", {"thai"}),
        ("ไทย", {"thai"}),
        ("हिन्दी", {"hindi"}),
        ("ह", set()),
        ("한국", {"korean"}),
        ("물", {"korean"}),
        ("b", {"odd"}),
    ],
)
def test_all_words_must_occur(built: Built, query: str, expected: set[str]) -> None:
    assert found(built, query) == expected


def test_any_word_will_do(built: Built) -> None:
    assert found(built, "yeast wheel nothing", any_word=True) == {"bread", "mill"}
    assert found(built, "東京の水", any_word=True) == {"tokyo"}
    assert found(built, "flour wheel -yeast", any_word=True) == {"mill", "spam"}


def test_filters(built: Built) -> None:
    assert found(built, "flour", state="kept") == {"bread", "mill"}
    assert found(built, "flour", rule="gopher.rep") == {"spam"}
    assert found(built, "bread", host="shop.example") == {"menu"}
    assert found(built, "water", lang="en", state="dropped") == {"menu"}
    assert found(built, "flour", host="' OR 1=1 --") == set()


def test_without_words_filters_choose(built: Built) -> None:
    assert found(built, "") == set(NAMES.values())
    assert found(built, "...", state="dropped") == {"spam", "menu"}
    assert found(built, "-flour", state="dropped") == {"menu"}


def test_the_best_come_first_and_pages_follow_each_other(built: Built) -> None:
    best = search(built.path, "flour")
    assert NAMES[best.hits[0].id] == "spam"
    assert [hit.score for hit in best.hits] == sorted((hit.score for hit in best.hits), reverse=True)
    assert best.hits[-1].score > 0
    paged = [search(built.path, "flour", limit=1, offset=at) for at in range(4)]
    assert [hit for page in paged for hit in page.hits] == best.hits
    assert {page.total for page in paged} == {3}


def test_equal_scores_stand_in_the_order_of_the_run(built: Built) -> None:
    everything = search(built.path, "", limit=100)
    assert [hit.id for hit in everything.hits] == list(TEXTS)


def test_a_hit_says_everything_and_marks_the_matches(built: Built) -> None:
    (hit,) = search(built.path, "bread dough").hits
    assert (hit.url, hit.host, hit.lang, hit.state) == ("https://bread.example/page", "bread.example", "en", "kept")
    assert (hit.rule, hit.title) == (None, "Of bread")
    assert hit.snippet == TEXTS[hit.id]
    assert [hit.snippet[left:right] for left, right in hit.marks] == ["Bread", "dough"]
    assert hit.title_marks == [(3, 8)]
    (sign,) = search(built.path, "東京").hits
    assert [sign.snippet[left:right] for left, right in sign.marks] == ["東京"]
    assert sign.title_marks == [(0, 2)]
    (dropped,) = search(built.path, "cheap").hits
    assert (dropped.state, dropped.rule) == ("dropped", "gopher.rep")


def test_how_many_of_how_many(built: Built) -> None:
    hits = search(built.path, "flour", limit=1)
    assert (len(hits.hits), hits.total, hits.indexed, hits.texts) == (1, 3, 12, 12)


def test_known_values(built: Built) -> None:
    assert known(built.path) == {
        "lang": ["en", "fr", "hi", "ja", "ko", "th"],
        "rule": ["c4.lines", "gopher.rep"],
    }


def test_terms_are_quoted() -> None:
    assert parse('a"b c" -d') == ('"a" AND "b c"', '"d"')
    assert parse('say ""hi"" NEAR(x y)').wanted == '"say" AND "hi" AND "NEAR(x" AND "y)"'
    assert parse("x x X").wanted == '"x" AND "X"'
    assert parse('... "" -').wanted == ""


SYNTAX = [*"()\"'*^:{}+-,x \0", "AND", "OR", "NOT", "NEAR", "title"]


@settings(max_examples=200, deadline=None)
@example('"')
@example("title:x")
@example("NEAR(x y, 2)")
@example("^x*")
@example("\ud800")
@example('x" OR rowid > 0 --')
@given(st.one_of(st.text(), st.lists(st.sampled_from(SYNTAX)).map("".join)))
def test_no_query_is_an_error(built: Built, query: str) -> None:
    for any_word in (False, True):
        hits = search(built.path, query, any_word=any_word)
        assert len(hits.hits) == min(10, hits.total)


def test_a_very_long_query_is_none_either(built: Built) -> None:
    words = " ".join(f"w{number} -v{number}" for number in range(20_000))
    assert search(built.path, words + " flour", any_word=True).total == 3
    assert search(built.path, "北" * 50_000).total == 0


def test_a_file_that_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"something else" * 1000)
    with pytest.raises(UserError, match="no search index") as error:
        search(tmp_path / "x.sqlite", "x")
    assert error.value.code == Exit.INPUT


def test_a_query_that_takes_too_long_is_stopped(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.search.query.QUERY_S", -1.0)
    monkeypatch.setattr("curate.search.query._STEPS", 1)
    with pytest.raises(UserError, match="took too long"):
        search(built.path, "flour")


def test_where_the_words_of_a_query_stand_in_a_text() -> None:
    assert matches("bog peat", "A Peat bog, peaty") == [(2, 6), (7, 10)]
    assert matches('"peat bog" -sand', "a peat bog") == [(2, 10)]
    assert matches("peat bog", "only peat") == []
    assert matches("", "peat") == []
