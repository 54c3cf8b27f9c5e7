"""How many workers a run is worth."""

from __future__ import annotations

import pytest

from curate.pipeline import jobs
from curate.sources import UnitSpec


@pytest.mark.parametrize(
    ("megabytes", "limit", "workers"),
    [([], None, 1), ([11], None, 1), ([6, 7], None, 2), ([500], None, 8), ([500], 100, 1), ([500], 4000, 3)],
)
def test_a_worker_more_wants_something_to_do(
    monkeypatch: pytest.MonkeyPatch, megabytes: list[int], limit: int | None, workers: int
) -> None:
    monkeypatch.setattr(jobs, "cores", lambda: 8)
    specs = [
        UnitSpec(2 * number + half, "warc", f"{number}.warc.gz", f"{number}.warc.gz", 0, 1, size=size * 1_000_000)
        for number, size in enumerate(megabytes)
        for half in (0, 1)  # the units of a file
    ]
    assert jobs.worthwhile(specs, limit) == workers
