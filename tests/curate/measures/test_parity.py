"""datatrove 0.10.1's own verdicts on real pages, from our measures and its thresholds: the same reason or none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

Row = dict[str, Any]
# A measure beyond its threshold, in the order in which the peer tests; `reason: (measure, comparison, threshold)`.
FAMILIES: dict[str, dict[str, tuple[str, str, float]]] = {
    "gopher_repetition": {
        "empty": ("gopher_datatrove.chars", "==", 0),
        "dup_para_frac": ("gopher_datatrove.dup_para_frac", ">", 0.3),
        "dup_para_char_frac": ("gopher_datatrove.dup_para_char_frac", ">", 0.2),
        "dup_line_frac": ("gopher_datatrove.dup_line_frac", ">", 0.3),
        "dup_line_char_frac": ("gopher_datatrove.dup_line_char_frac", ">", 0.2),
        **{
            f"top_{n}_gram": (f"gopher_datatrove.top_{n}_gram", ">", most)
            for n, most in ((2, 0.2), (3, 0.18), (4, 0.16))
        },
        **{
            f"duplicated_{n}_n_grams": (f"gopher_datatrove.dup_{n}_gram", ">", most)
            for n, most in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
        },
    },
    "gopher_quality": {
        "gopher_short_doc": ("gopher_datatrove.words", "<", 50),
        "gopher_long_doc": ("gopher_datatrove.words", ">", 100_000),
        "gopher_below_avg_threshold": ("gopher_datatrove.mean_word_length", "<", 3),
        "gopher_above_avg_threshold": ("gopher_datatrove.mean_word_length", ">", 10),
        "gopher_too_many_hashes": ("gopher_datatrove.hash_ratio", ">", 0.1),
        "gopher_too_many_ellipsis": ("gopher_datatrove.ellipsis_ratio", ">", 0.1),
        "gopher_too_many_bullets": ("gopher_datatrove.bullet_lines", ">", 0.9),
        "gopher_too_many_end_ellipsis": ("gopher_datatrove.ellipsis_lines", ">", 0.3),
        "gopher_below_alpha_threshold": ("gopher_datatrove.alpha_words", "<", 0.8),
        "gopher_enough_stop_words": ("gopher_datatrove.stop_words", "<", 2),
    },
    "c4_quality": {
        "lorem_ipsum": ("c4_datatrove.lorem_first", ">", 0),
        "curly_bracket": ("c4_datatrove.curly_bracket", ">", 0),
        "too_few_sentences": ("c4_datatrove.sentences", "<", 5),
    },
    "fineweb_quality": {
        "empty": ("fineweb.lines", "==", 0),
        "line_punct_ratio": ("fineweb.punct_lines", "<", 0.12),
        "short_line_ratio": ("fineweb.short_lines", ">", 0.67),
        "char_dup_ratio": ("fineweb.dup_line_chars", ">", 0.01),
        "list_ratio": ("fineweb.list_ratio", ">", 0.3),
    },
}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, threshold: value > threshold,
    "<": lambda value, threshold: value < threshold,
    "==": lambda value, threshold: value == threshold,
}


def reason(row: Row, rules: dict[str, tuple[str, str, float]]) -> str | None:
    return next((name for name, (measure, test, limit) in rules.items() if COMPARE[test](row[measure], limit)), None)


def agreement(pages: list[Row], measured: Any) -> dict[str, list[tuple[str, Any, Any]]]:
    """Where the verdicts differ, by family: page, the peer's reason, ours."""
    different: dict[str, list[tuple[str, Any, Any]]] = {family: [] for family in FAMILIES}
    for begin in range(0, len(pages), 256):
        part = pages[begin : begin + 256]
        for page, row in zip(part, measured([page["text"] for page in part]), strict=True):
            for family, rules in FAMILIES.items():
                theirs, ours = page["verdicts"][family]["reason"], reason(row, rules)
                if theirs != ours:
                    different[family].append((page["id"], theirs, ours))
            after = page["verdicts"]["c4_quality"].get("text_after")
            if after:
                assert row["c4_datatrove.kept_lines"] >= len(after.split("\n"))
    return different


@pytest.fixture(scope="module")
def pages(shared_data: Path) -> list[Row]:
    with zstandard.open(shared_data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_every_page_gets_the_peers_reason(pages: list[Row], measured) -> None:
    assert agreement(pages, measured) == {family: [] for family in FAMILIES}
