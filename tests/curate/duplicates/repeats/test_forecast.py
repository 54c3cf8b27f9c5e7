"""What is foretold of the exchanges of repeated text."""

from __future__ import annotations

from curate.duplicates.config import Duplicates
from curate.duplicates.repeats.forecast import forecast

ALL = Duplicates.model_validate({name: {"enabled": True} for name in ("lines", "paragraphs", "substrings")})


def test_only_what_is_switched_on_is_foretold() -> None:
    assert forecast(Duplicates(), 1000, 3000.0, 1 << 31, 2) == []
    names = ["repeated lines", "repeated paragraphs", "repeated stretches", "kept texts"]
    assert [each.name for each in forecast(ALL, 1000, 3000.0, 1 << 31, 2)] == names


def test_less_memory_means_more_partitions() -> None:
    wide, narrow = (forecast(ALL, 10**8, 3000.0, memory, 2) for memory in (8 << 30, 2 << 30))
    for large, small in zip(wide[:3], narrow[:3], strict=True):
        assert large.partitions < small.partitions and large.disk_bytes == small.disk_bytes
        assert large.peak_memory_bytes <= 8 << 30 and small.peak_memory_bytes <= 2 << 30
