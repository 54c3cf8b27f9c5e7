"""Whole runs through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from whole_run import curate


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded sample, curated in this process, which compiles its kernels once; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "sample"
    ended = curate("run", "--input", "sample", "--out", out, "-j", "1")
    assert ended.code == 0, ended.stderr
    return out
