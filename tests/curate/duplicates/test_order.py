"""Which copy stays: criteria, dates of any precision and offset, what is missing, ties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.duplicates.order import columns_needed, deciding, instants, ranks, source_names
from workbench.errors import UserError

SCHEMA = {"id": pl.String, "file": pl.String, "date": pl.String, "chars": pl.Int64, "quality.score": pl.Float64}


def frame(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, SCHEMA, orient="row")


def best_first(rows: pl.DataFrame, survivor: list[str], sources: list[str] | None = None) -> str:
    """The ids of one letter each, the best first."""
    return "".join(rows.with_columns(ranks(rows, survivor, sources or [])).sort("rank")["id"])


PAGES = frame(
    ("d", "web/1.warc", "2024-05-18T10:00:00Z", 50, 0.2),
    ("b", "wiki/x/1.warc", "2023", 70, None),
    ("c", "news/1.warc", None, 70, float("nan")),
    ("a", "web/1.warc", "2024-05-18T12:00:00+03:00", None, 0.9),
)


@pytest.mark.parametrize(
    ("survivor", "ids"),
    [
        ([], "abcd"),
        (["newest"], "dabc"),
        (["oldest"], "badc"),
        (["longest"], "bcda"),
        (["shortest"], "dbca"),
        (["highest quality.score"], "adbc"),
        (["lowest quality.score"], "dabc"),
        (["source"], "bcad"),
        (["source", "newest"], "bcda"),
        (["longest", "oldest"], "bcda"),
    ],
)
def test_criteria(survivor: list[str], ids: str) -> None:
    assert best_first(PAGES, survivor, ["wiki/*", "news/*"]) == ids


def test_ranks_stand_in_the_order_of_the_frame() -> None:
    found = ranks(PAGES, ["newest"], [])
    assert found.name == "rank" and found.dtype == pl.Int64
    assert found.to_list() == [0, 2, 3, 1]
    assert ranks(PAGES.head(0), ["source", "newest", "highest quality.score"], ["a"]).to_list() == []


def test_the_order_of_the_rows_does_not_matter() -> None:
    for survivor in (["newest", "longest"], ["source"], ["lowest quality.score"]):
        assert best_first(PAGES.reverse(), survivor) == best_first(PAGES, survivor)


def test_a_measure_of_whole_numbers_or_truths() -> None:
    rows = PAGES.with_columns(
        pl.Series("text.words", [5, 9, 7, None]), pl.Series("url.is_ip", [True, False, None, True])
    )
    assert best_first(rows, ["highest text.words"]) == "bcda"
    assert best_first(rows, ["lowest url.is_ip", "lowest text.words"]) == "bdac"


def test_a_measure_that_is_text_is_refused() -> None:
    rows = PAGES.with_columns(pl.Series("language.lang", ["de"] * 4))
    with pytest.raises(UserError, match=r"'language\.lang': it is no number"):
        ranks(rows, ["highest language.lang"], [])


def test_ids_must_be_distinct() -> None:
    with pytest.raises(AssertionError, match="distinct ids"):
        ranks(pl.concat([PAGES, PAGES]), ["newest"], [])


def test_columns_needed() -> None:
    assert columns_needed(["source", "newest", "longest"]) == []
    survivor = ["highest quality.score", "oldest", "lowest text.words@edited", "lowest quality.score"]
    assert columns_needed(survivor) == ["quality.score", "text.words@edited"]


def test_sources_are_the_first_pattern_or_the_file() -> None:
    files = pl.Series(["wiki/en/1.warc", "web/1.warc", "wiki/de/1.warc", None])
    assert source_names(files, ["wiki/en/*", "wiki/*"]).to_list() == ["wiki/en/*", "web/1.warc", "wiki/*", None]
    assert source_names(files, []).to_list() == files.to_list()
    assert source_names(pl.Series([], dtype=pl.String), ["a"]).to_list() == []


@pytest.mark.parametrize(
    ("date", "instant"),
    [
        ("2024", "2024-01-01"),
        ("2024-05", "2024-05-01"),
        ("2024-05-18", "2024-05-18"),
        ("20240518", "2024-05-18"),
        ("20240518T010203Z", "2024-05-18T01:02:03"),
        ("20240518010203", "2024-05-18T01:02:03"),
        (" 2024-05-18t01:02:03z ", "2024-05-18T01:02:03"),
        ("2024-05-18 01:02", "2024-05-18T01:02:00"),
        ("2024-05-18T01:02:03.5+02:00", "2024-05-17T23:02:03.500000"),
        ("2024-05-18T01:02:03,123456789 -0230", "2024-05-18T03:32:03.123456"),
        ("2024-05-18T01\u221205", "2024-05-18T06:00:00"),
        ("2024-05-18T24:00:00Z", "2024-05-19"),
        ("2016-12-31T23:59:60Z", "2017-01-01"),
        ("0001-01-01", "0001-01-01"),
    ],
)
def test_dates(date: str, instant: str) -> None:
    assert instants(pl.Series([date])).cast(pl.Datetime("us")).to_list() == [datetime.fromisoformat(instant)]


NO_DATES = [
    "yesterday",
    "202405",
    "2024-13",
    "2024-02-30",
    "2024-05-18T25:00",
    "2024-05-18T24:01",
    "2024-05-18T10:60",
    "2024-05-18T10:00:61",
    "2024-05-18T10:00+25:00",
    "1701010112",
    "٢٠٢٤-05-18",
]


@pytest.mark.parametrize("date", [None, "", "Sat, 18 May 2024 01:02:03 GMT", *NO_DATES])
def test_no_dates(date: str | None) -> None:
    assert instants(pl.Series([date], dtype=pl.String)).to_list() == [None]


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=offsets))
def test_whatever_python_writes_is_read(when: datetime) -> None:
    microseconds = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert instants(pl.Series([when.isoformat()])).to_list() == [microseconds]


def test_the_criterion_that_decides_between_two_documents() -> None:
    rows = {"id": ["a", "b"], "file": ["x.warc", "y.warc"], "date": ["2026-01-02", "2026-01-01"], "chars": [5, 5]}
    frame = pl.DataFrame(rows)
    assert deciding(frame, ["longest", "newest"], []) == "newest"
    assert deciding(frame, ["source", "newest"], ["y.*", "x.*"]) == "source"
    assert deciding(frame, ["source", "longest"], []) is None
    unknown = frame.with_columns(date=pl.Series(["2026-01-02", None]))
    assert deciding(unknown, ["newest"], []) == "newest"
