"""The peers' own unit tests, run against our rules and edits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def peers(benchmark_module: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_module("peer_cases")


def test_every_rule_is_run_or_has_a_reason(peers: ModuleType, shared_data: Path) -> None:
    rules = {(case["suite"], case["rule"]) for case in peers.cases(shared_data)}
    assert set(peers.MAPPED) | set(peers.UNMAPPED) == rules
    assert not set(peers.MAPPED) & set(peers.UNMAPPED)


def test_cases_end_as_the_peer_says_or_are_explained(peers: ModuleType, shared_data: Path) -> None:
    same = other = 0
    for case in peers.cases(shared_data):
        outcome = peers.run(case)
        if outcome is None:
            continue
        same += outcome.same
        other += not outcome.same
        assert outcome.same or (case["suite"], case["rule"]) in peers.EXPLAINED
    assert same + other == 92
    assert other <= 6


@pytest.mark.parametrize(
    "name",
    ["C4QualityFilter", "repetition_filter", "counter_line_modifier", "citation_removal_modifier", "LongWordFilter",
     "RepeatedLinesFilter", "CommonEnglishWordsFilter"],
)  # fmt: skip
def test_rules_that_agree_in_every_case(peers: ModuleType, shared_data: Path, name: str) -> None:
    outcomes = [peers.run(case) for case in peers.cases(shared_data) if case["rule"] == name]
    assert outcomes
    assert all(outcome.same for outcome in outcomes)
