"""Shared fixtures: the real data sets, where a machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets (crawl, gold standards, peers' verdicts); tests on it skip where it is absent."""
    root = Path(os.environ.get("WINNOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "DATA.md").is_file():
        pytest.skip(f"no real data at {root} (set WINNOW_SHARED_DATA)")
    return root
