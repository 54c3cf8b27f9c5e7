"""datatrove's own verdicts on real pages; benchmarks/parity.py compares all of them, this a sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EVERY = 20


@pytest.fixture(scope="module")
def pages(benchmark_module: Callable[[str], ModuleType], shared_data: Path) -> tuple[ModuleType, Any]:
    parity = benchmark_module("parity")
    return parity, parity.Pages(parity.read(shared_data)[::EVERY])


def test_same_verdicts_and_reasons(pages: tuple[ModuleType, Any]) -> None:
    parity, sample = pages
    agreement, differences = parity.compare(sample)
    assert [row["family"] for row in agreement] == list(parity.FAMILIES)
    assert all(row["documents"] == len(sample.rows) > 200 for row in agreement)
    assert differences == []


def test_same_text_after_c4(pages: tuple[ModuleType, Any]) -> None:
    parity, sample = pages
    kept, same, other = parity.rewritten(sample)
    assert kept == same > 100
    assert other == []
