"""Shares of hosts and sources, clusters too large, and what people are told."""

from __future__ import annotations

import polars as pl

from curate.duplicates.config import Guards
from curate.duplicates.guards import Trip, exportable, guard, sentences

COUNTS = {"host": pl.String, "source": pl.String, "documents": pl.UInt32}
CLUSTERS = {"cluster": pl.String, "documents": pl.Int64, "kept": pl.Int64}
NONE = pl.DataFrame([], CLUSTERS)


def counts(*rows: tuple[str | None, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, COUNTS, orient="row")


def test_a_share_trips_only_above_the_limit() -> None:
    passed = counts(("a.org", "wiki/*", 100), ("b.org", "wiki/*", 100))
    limits = Guards(max_host_share=0.29, max_source_share=1)
    assert guard(passed, counts(("a.org", "wiki/*", 29)), NONE, limits) == []
    assert guard(passed, counts(("a.org", "wiki/*", 30)), NONE, limits) == [Trip("host", "a.org", 100, 30, 0.29)]


def test_hosts_and_sources_are_added_up() -> None:
    passed = counts(("a.org", "x", 60), ("a.org", "y", 60), ("b.org", "x", 60))
    removed = counts(("a.org", "x", 60), ("a.org", "y", 55), ("b.org", "x", 50))
    assert guard(passed, removed, NONE, Guards()) == [
        Trip("source", "x", 120, 110, 0.9),
        Trip("host", "a.org", 120, 115, 0.9),
    ]


def test_few_documents_are_not_judged() -> None:
    passed, removed = counts(("a.org", "x", 99)), counts(("a.org", "x", 99))
    assert guard(passed, removed, NONE, Guards()) == []
    assert len(guard(passed, removed, NONE, Guards(min_documents=99))) == 2


def test_documents_without_a_host_are_judged_by_their_source() -> None:
    found = guard(counts((None, "x", 200)), counts((None, "x", 200)), NONE, Guards())
    assert found == [Trip("source", "x", 200, 200, 0.9)]


def test_the_most_removed_come_first() -> None:
    passed = counts(*((name, "x", 1000) for name in "abc"), (None, "x", 10**6))
    removed = counts(("a", "x", 950), ("b", "x", 999), ("c", "x", 950))
    assert [trip.name for trip in guard(passed, removed, NONE, Guards())] == ["b", "a", "c"]


def test_large_clusters_alarm_but_do_not_stop_an_export() -> None:
    sizes = pl.DataFrame([("f0", 1001, 1), ("f1", 1000, 1), ("f2", 1300, 2)], CLUSTERS, orient="row")
    found = guard(counts(), counts(), sizes, Guards())
    assert found == [Trip("cluster", "f2", 1300, 1298, 1000), Trip("cluster", "f0", 1001, 1000, 1000)]
    assert exportable(found, Guards())
    assert sentences(found, Guards())[0] == (
        "cluster f2 has 1,300 documents, more than 1,000: a template, or texts too alike to tell apart (1,298 removed)"
    )


def test_an_override_keeps_what_tripped() -> None:
    passed, removed = counts(("a.org", "x", 1200)), counts(("a.org", "x", 1100))
    for override in (False, True):
        limits = Guards(max_source_share=1, override=override)
        found = guard(passed, removed, NONE, limits)
        assert [trip.name for trip in found] == ["a.org"]
        assert exportable(found, limits) == override
    assert sentences(found, Guards()) == [
        "host a.org lost 91.67 % of its documents as duplicates (1,100 of 1,200), more than 90 %",
        "not marked exportable: raise the limit in duplicates.guards, or set duplicates.guards.override to true",
    ]
    assert len(sentences(found, limits)) == 1


def test_many_trips_are_told_in_few_sentences() -> None:
    passed = counts(*((f"{number}.org", f"{number}", 100) for number in range(8)))
    found = guard(passed, passed, NONE, Guards(max_source_share=1))
    assert len(found) == 8
    assert sentences(found, Guards())[5] == "... and 3 more hosts"
    assert sentences(found[:6], Guards())[5] == "... and 1 more host"
    assert sentences([], Guards()) == []
