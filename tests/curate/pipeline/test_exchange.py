"""Facts about the whole corpus: repeated ids, words, lengths, and where a limit cuts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from curate.pipeline import exchange


def write_records(path: Path, ids: list[str], file: str) -> Path:
    pl.DataFrame({"id": ids, "file": [file] * len(ids), "row": [10 * n for n in range(len(ids))]}).write_parquet(path)
    return path


def hexadecimal(number: int) -> str:
    return f"{number:032x}"


def test_a_repeated_id_names_the_record_that_came_first(tmp_path: Path) -> None:
    first = write_records(tmp_path / "0", [hexadecimal(n << 70) for n in (5, 6, 5)], "a")
    second = write_records(tmp_path / "1", [hexadecimal(n << 70) for n in (7, 6)], "b")
    one, two = exchange.repeated_ids([first, second], [3, 2])
    assert one.rows() == [(2, "a", 0)]
    assert two.rows() == [(1, "a", 10)]


def test_ids_that_share_their_first_half_are_different_records(tmp_path: Path) -> None:
    path = write_records(tmp_path / "0", [hexadecimal(1), hexadecimal(2)], "a")
    assert exchange.repeated_ids([path], [2])[0].is_empty()


def test_records_beyond_the_limit_repeat_nothing(tmp_path: Path) -> None:
    path = write_records(tmp_path / "0", [hexadecimal(1 << 70)] * 2, "a")
    assert exchange.repeated_ids([path], [1])[0].is_empty()


def test_no_unit_has_no_repeats() -> None:
    assert exchange.repeated_ids([], []) == []


def test_a_limit_is_taken_in_plan_order() -> None:
    assert exchange.take_per_unit([3, 4, 5], 6) == [3, 3, 0]
    assert exchange.take_per_unit([3, 4], None) == [3, 4]


def test_unigrams_are_summed_over_units(tmp_path: Path) -> None:
    counts = np.zeros(exchange.UNIGRAM_BUCKETS, np.uint32)
    counts[[1, exchange.UNIGRAM_BUCKETS - 1]] = 3, 4
    for name in "ab":
        exchange.write_unigrams(tmp_path / name, counts)
    totals = exchange.sum_unigrams([tmp_path / "a", tmp_path / "b"])
    assert totals[1] == 6
    assert totals[-1] == 8
    assert totals.sum() == 14


def test_lengths_are_sorted_within_each_language(tmp_path: Path) -> None:
    for name, rows in (("a", [("en", 9), ("de", 2)]), ("b", [("en", 3), ("en", 1)])):
        frame = pl.DataFrame(rows, schema=["language.lang", "text.words"], orient="row")
        frame.write_parquet(tmp_path / name)
    lengths = exchange.lengths_by_language([tmp_path / "a", tmp_path / "b"], [2, 1])
    assert {lang: words.tolist() for lang, words in lengths.items()} == {"de": [2], "en": [3, 9]}
