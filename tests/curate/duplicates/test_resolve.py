"""Who stays and who goes, against a reference that compares every document with every kept one."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.resolve import DUPLICATES, clusters, resolve

Row = dict[str, Any]
MEMBERS = {"id": pl.String, "text": pl.String, "url": pl.String, "set": pl.String, "rank": pl.Int64}
PAIRS = {"left": pl.String, "right": pl.String, "jaccard": pl.Float64, "containment": pl.Float64}
ALL = {"text": True, "url": True, "near": True}


def members(*rows: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    """Documents given as id, text, url, set, the best first."""
    return pl.DataFrame([(*row, rank) for rank, row in enumerate(rows)], MEMBERS, orient="row")


def pairs(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, PAIRS, orient="row")


def told(table: pl.DataFrame) -> list[tuple[Any, ...]]:
    assert dict(table.schema) == DUPLICATES
    return table.rows()


def test_nothing_to_resolve() -> None:
    assert told(resolve(members(), pairs(), 0.8, None, **ALL)) == []
    assert told(resolve(members(("a", None, None, None)), pairs(), 0.8, None, **ALL)) == []


def test_the_same_text() -> None:
    found = resolve(
        members(("b", "T", None, None), ("a", "T", None, None), ("c", "U", None, None)), pairs(), 0.8, None, **ALL
    )
    assert told(found) == [("a", "b", "b", 1.0, 1.0, "text")]


def test_the_same_text_is_told_before_nearness_and_address() -> None:
    found = resolve(members(("a", "T", "U", "S"), ("b", "T", "U", "S")), pairs(), 0.8, None, **ALL)
    assert told(found) == [("b", "a", "a", 1.0, 1.0, "text")]


def test_the_same_set_is_near() -> None:
    found = resolve(members(("a", "T", "U", "S"), ("b", "V", "U", "S")), pairs(), 0.8, None, **ALL)
    assert told(found) == [("b", "a", "a", 1.0, 1.0, "near")]


def test_the_most_similar_kept_document_is_the_partner() -> None:
    rows = members(("a", None, None, "A"), ("b", None, None, "B"), ("c", None, None, "C"))
    found = resolve(rows, pairs(("A", "C", 0.8, 0.9), ("B", "C", 0.9, 0.95)), 0.8, None, **ALL)
    assert told(found) == [("c", "b", "a", 0.9, 0.95, "near")]


def test_of_two_as_similar_the_better_ranked_is_the_partner() -> None:
    rows = members(("z", None, None, "A"), ("b", None, None, "B"), ("c", None, None, "C"))
    found = resolve(rows, pairs(("B", "C", 0.9, 1.0), ("A", "C", 0.9, 0.91)), 0.8, None, **ALL)
    assert told(found) == [("c", "z", "z", 0.9, 0.91, "near")]


def test_a_copy_of_a_copy_stays_in_the_same_cluster() -> None:
    rows = members(("a", None, None, "A"), ("b", None, None, "B"), ("c", None, None, "C"))
    found = resolve(rows, pairs(("A", "B", 0.8, 0.9), ("B", "C", 0.8, 0.9)), 0.8, None, **ALL)
    assert told(found) == [("b", "a", "a", 0.8, 0.9, "near")]


def test_two_stars_of_one_cluster() -> None:
    rows = members(*((name, None, None, name.upper()) for name in "abcd"))
    chain = pairs(("A", "C", 0.9, 0.9), ("C", "D", 0.8, 0.9), ("B", "D", 0.85, 0.9))
    found = resolve(rows, chain, 0.8, None, **ALL)
    assert told(found) == [("c", "a", "a", 0.9, 0.9, "near"), ("d", "b", "a", 0.85, 0.9, "near")]
    assert clusters(found).rows() == [("a", 4, 2)]


def test_a_best_copy_that_failed_a_rule_does_not_take_its_cluster_along() -> None:
    rows = members(("a", None, None, "A"), ("b", None, None, "B"), ("c", None, None, "C"))
    known = pairs(("A", "B", 0.9, 0.9), ("A", "C", 0.9, 0.9), ("B", "C", 0.85, 0.9))
    assert [row[:2] for row in told(resolve(rows, known, 0.8, None, **ALL))] == [("b", "a"), ("c", "a")]
    passed = rows.filter(pl.col("id") != "a")
    assert told(resolve(passed, known, 0.8, None, **ALL)) == [("c", "b", "b", 0.85, 0.9, "near")]


@pytest.mark.parametrize(
    ("threshold", "containment", "method"), [(0.5, None, "near"), (0.8, 0.9, "near"), (0.8, 0.99, None)]
)
def test_a_pair_counts_by_either_similarity(threshold: float, containment: float | None, method: str | None) -> None:
    rows = members(("a", None, None, "A"), ("b", None, None, "B"))
    found = resolve(rows, pairs(("A", "B", 0.5, 0.95)), threshold, containment, **ALL)
    assert [row[-1] for row in told(found)] == ([method] if method else [])


def test_an_address_tells_the_similarity_where_it_is_known() -> None:
    rows = members(
        ("a", "T", "U", "A"), ("b", "V", "U", "B"), ("c", "W", "U", None), ("d", "X", "U", "D"), ("e", "Y", "U", "A")
    )
    found = resolve(rows, pairs(("A", "B", 0.1, 0.2)), 0.8, None, text=True, url=True, near=False)
    assert told(found) == [
        ("b", "a", "a", 0.1, 0.2, "url"),
        ("c", "a", "a", None, None, "url"),
        ("d", "a", "a", None, None, "url"),
        ("e", "a", "a", 1.0, 1.0, "url"),
    ]


def test_only_what_is_asked_for() -> None:
    rows = members(("a", "T", "U", "S"), ("b", "T", "U", "S"))
    for method in ("text", "near", "url"):
        asked = {name: name == method for name in ALL}
        assert [row[-1] for row in told(resolve(rows, pairs(), 0.8, None, **asked))] == [method]
    assert told(resolve(rows, pairs(), 0.8, None, text=False, url=False, near=False)) == []


def test_ranks_must_tell_documents_apart() -> None:
    rows = members(("a", "T", None, None), ("b", "T", None, None)).with_columns(rank=pl.lit(3, pl.Int64))
    with pytest.raises(AssertionError, match="distinct ranks"):
        resolve(rows, pairs(), 0.8, None, **ALL)


@dataclass(frozen=True)
class Page:
    """A document as the reference sees it: its words instead of hashes of them."""

    id: str
    text: str
    url: str | None
    words: frozenset[int]
    rank: int
    passed: bool

    @property
    def set(self) -> str | None:
        return "".join(f"{word:x}" for word in sorted(self.words)) or None


def similarity(one: frozenset[int], two: frozenset[int]) -> tuple[float, float]:
    shared = len(one & two)
    return shared / len(one | two), shared / min(len(one), len(two))


@st.composite
def corpora(draw: st.DrawFn) -> list[Page]:
    """Few words, few addresses, so that everything meets everything; the same text has the same words."""
    contents = draw(st.lists(st.frozensets(st.integers(0, 5)), min_size=1, max_size=8))
    docs = draw(st.integers(1, 14))
    ranks = draw(st.permutations([3 * number - 7 for number in range(docs)]))
    pages = []
    for number in range(docs):
        content = draw(st.integers(0, len(contents) - 1))
        text = f"{content}.{draw(st.integers(0, 1))}"
        url = draw(st.sampled_from([None, "u", "v", "w"]))
        passed = draw(st.integers(0, 5)) > 0
        pages.append(Page(f"{number:02}", text, url, contents[content], ranks[number], passed))
    return pages


def tables(pages: list[Page], threshold: float, containment: float | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the exchange hands over: only shared keys, verified pairs, and all pairs within an address."""
    known: dict[tuple[str, str], tuple[float, float]] = {}
    for one, two in itertools.combinations(pages, 2):
        if one.set is None or two.set is None or one.set == two.set:
            continue
        jaccard, contained = similarity(one.words, two.words)
        near = jaccard >= threshold or (containment is not None and contained >= containment)
        if near or (one.url is not None and one.url == two.url):
            known[min(one.set, two.set), max(one.set, two.set)] = jaccard, contained
    shared = [Counter(getattr(page, key) for page in pages) for key in ("text", "url", "set")]
    paired = {name for pair in known for name in pair}
    rows = [
        (
            page.id,
            page.text if shared[0][page.text] > 1 else None,
            page.url if shared[1][page.url] > 1 else None,
            page.set if shared[2][page.set] > 1 or page.set in paired else None,
            page.rank,
        )
        for page in pages
        if page.passed
    ]
    frame = pl.DataFrame(rows, MEMBERS, orient="row")
    return frame, pairs(*((*pair, *values) for pair, values in known.items()))


def reference(
    pages: list[Page], threshold: float, containment: float | None, *, text: bool, url: bool, near: bool
) -> list[Row]:
    """Every document against every kept one, by the definitions."""

    def related(one: Page, two: Page) -> dict[str, tuple[float | None, float | None]]:
        by: dict[str, tuple[float | None, float | None]] = {}
        values = similarity(one.words, two.words) if one.words and two.words else None
        if text and one.text == two.text:
            by["text"] = 1.0, 1.0
        if near and values and (values[0] >= threshold or (containment is not None and values[1] >= containment)):
            by["near"] = values
        if url and one.url is not None and one.url == two.url:
            by["url"] = values or (None, None)
        return by

    order = sorted((page for page in pages if page.passed), key=lambda page: page.rank)
    component = {page.id: page.id for page in order}
    changed = True
    best = {page.id: page.rank for page in order}
    while changed:
        changed = False
        for one, two in itertools.permutations(order, 2):
            if related(one, two) and best[component[one.id]] < best[component[two.id]]:
                component[two.id] = component[one.id]
                changed = True
    kept: list[Page] = []
    rows = []
    for page in order:
        for method in ("text", "near", "url"):
            found = [(other, related(page, other)[method]) for other in kept if method in related(page, other)]
            if found:
                other, values = min(found, key=lambda each: (-(each[1][0] or 0), each[0].rank))
                rows.append((page.id, other.id, component[page.id], *values, method))
                break
        else:
            kept.append(page)
    return [dict(zip(DUPLICATES, row, strict=True)) for row in sorted(rows)]


switches = st.fixed_dictionaries({name: st.booleans() for name in ALL})
thresholds = st.sampled_from([0.2, 0.5, 2 / 3, 0.8, 1.0])
containments = st.sampled_from([None, 0.5, 0.75, 1.0])


@settings(max_examples=120, deadline=None)
@given(corpora(), thresholds, containments, switches, st.randoms(use_true_random=False))
def test_the_reference_agrees(
    pages: list[Page], threshold: float, containment: float | None, asked: Any, dice: Any
) -> None:
    rows, known = tables(pages, threshold, containment)
    found = resolve(rows, known, threshold, containment, **asked)
    assert found.to_dicts() == reference(pages, threshold, containment, **asked)
    # Neither the order of the rows, nor of the pairs, nor the size of the ranks matters.
    mixed = rows.sample(fraction=1, shuffle=True, seed=dice.randrange(2**32)).with_columns(pl.col("rank") * 11)
    assert resolve(mixed, known.reverse(), threshold, containment, **asked).equals(found)


@settings(max_examples=200, deadline=None)
@given(corpora(), thresholds, containments)
def test_every_removal_has_its_reason(pages: list[Page], threshold: float, containment: float | None) -> None:
    rows, known = tables(pages, threshold, containment)
    found = resolve(rows, known, threshold, containment, **ALL).to_dicts()
    by_id = {page.id: page for page in pages}
    dropped = {row["dropped_id"] for row in found}
    assert len(dropped) == len(found)
    for row in found:
        gone, kept = by_id[row["dropped_id"]], by_id[row["kept_id"]]
        assert kept.id not in dropped and row["cluster"] not in dropped
        assert gone.passed and kept.passed and kept.rank < gone.rank
        assert by_id[row["cluster"]].rank <= kept.rank
        if row["method"] == "text":
            assert gone.text == kept.text
        elif row["method"] == "near":
            assert (row["jaccard"], row["containment"]) == similarity(gone.words, kept.words)
            assert row["jaccard"] >= threshold or (containment is not None and row["containment"] >= containment)
        else:
            assert gone.url == kept.url
    # None of two documents that stay is a duplicate of the other.
    for one, two in itertools.combinations([page for page in pages if page.passed and page.id not in dropped], 2):
        assert one.text != two.text and (one.url is None or one.url != two.url)
        if one.words and two.words:
            assert similarity(one.words, two.words)[0] < threshold
