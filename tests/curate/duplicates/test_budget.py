"""The forecast: within the memory it is given, and more partitions where that is less."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from curate.duplicates.budget import PROCESS, budget, forecast, workers

GB = 1 << 30


@pytest.mark.parametrize("memory", [GB // 2, 2 * GB, 64 * GB])
@pytest.mark.parametrize("documents", [0, 1000, 10**6, 10**9])
@pytest.mark.parametrize("jobs", [1, 2, 16])
def test_memory_is_kept(memory: int, documents: int, jobs: int) -> None:
    for step in forecast(documents, 14, 400, memory, jobs):
        assert step.peak_memory_bytes <= memory
        assert step.partitions >= 1


def test_less_memory_means_more_partitions_and_fewer_workers() -> None:
    parts = [
        {step.name: step.partitions for step in forecast(10**8, 14, 400, memory, 2)} for memory in (64 * GB, 4 * GB, GB)
    ]
    for name in ("nodes", "band join", "verification"):
        assert parts[0][name] < parts[1][name] < parts[2][name]
    assert budget(8 * GB, 16).jobs == 16
    assert budget(GB, 16).jobs < 16
    assert budget(PROCESS, 4).jobs == 1


def test_disk_grows_with_documents_and_bands() -> None:
    def disk(documents: int, bands: int) -> int:
        return sum(step.disk_bytes for step in forecast(documents, bands, 400, GB, 2))

    assert disk(2000, 14) == pytest.approx(2 * disk(1000, 14), rel=0.01)
    assert disk(1000, 26) > disk(1000, 14) > disk(1000, 0)
    assert [step.name for step in forecast(1000, 0, 0, GB, 2)] == ["signed documents", "text and URL groups", "members"]


@pytest.mark.parametrize(("memory", "data", "stay"), [(2 * GB, GB // 4, True), (2 * GB, GB, False), (GB, 0, False)])
def test_workers_of_a_run_stay_where_all_of_them_fit(memory: int, data: int, stay: bool) -> None:
    assert isinstance(workers(memory, 2, data), nullcontext) is stay
