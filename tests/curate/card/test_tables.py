from __future__ import annotations

import polars as pl
import pytest

from curate.ask.finished import FinishedRun
from curate.card.answers import Licence
from curate.card.tables import Edited, Share, Totals, by_licence, edits, rows, shares, totals

from .conftest import HOSTILE


@pytest.fixture
def table(opened: FinishedRun) -> pl.LazyFrame:
    return rows(opened, None)


def test_totals(table: pl.LazyFrame) -> None:
    assert totals(table) == Totals(5, 5, 20, 150, 4, 1, "2026-01-02", "2026-04-02")


def test_copies_count_as_often_as_they_are_read(table: pl.LazyFrame) -> None:
    twice = table.with_columns(copies=pl.lit(2, pl.Int64))
    assert totals(twice)[:4] == (5, 10, 40, 300)
    assert shares(twice, "lang")[0] == Share("de", 2, 240)


def test_shares_with_most_tokens_first(table: pl.LazyFrame) -> None:
    assert shares(table, "lang") == [Share("de", 2, 120), Share("en", 2, 30), Share("unknown", 1, 0)]
    assert shares(table, "host", 2) == [Share("gov.uk.example", 1, 80), Share(HOSTILE, 1, 40)]


def test_a_source_is_the_first_pattern_that_fits_the_whole_host_or_file(table: pl.LazyFrame) -> None:
    licences = [
        Licence(host="*.gov.uk", licence="OGL-UK-3.0"),
        Licence(file="?.warc", licence="x"),
        Licence(host="*", licence="y"),
    ]
    assert by_licence(table, licences) == [
        Share("host *.gov.uk", 2, 30),
        Share("file ?.warc", 3, 120),
        Share("host *", 0, 0),
        Share("unknown", 0, 0),
    ]


def test_a_pattern_is_no_regular_expression(table: pl.LazyFrame) -> None:
    licences = [Licence(host="news.gov|x", licence="x"), Licence(host="news.gov.u.", licence="x")]
    assert [one.documents for one in by_licence(table, licences)] == [0, 0, 5]
    assert by_licence(table, [Licence(host=HOSTILE, licence="x")])[0].documents == 1


def test_edits_of_the_documents_that_are_handed_on(opened: FinishedRun, table: pl.LazyFrame) -> None:
    assert edits([opened], table) == [Edited("pii:email", 2, 3)]
