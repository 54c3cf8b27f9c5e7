"""Whole runs through the command line, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

TABLES = ("documents", "dropped", "measures", "decisions", "edits", "rollups")


@dataclass
class Ended:
    """A command that has ended: its exit code, the envelope on stdout, and stderr."""

    code: int
    envelope: dict[str, Any]
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        return self.envelope["data"]


def command(*arguments: str | Path) -> list[str]:
    code = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def curate(*arguments: str | Path, cwd: Path | None = None, **options: Any) -> Ended:
    done = subprocess.run(
        [*command(*arguments), "--json"], capture_output=True, text=True, cwd=cwd, check=False, timeout=300, **options
    )
    envelope = json.loads(done.stdout) if done.stdout.strip() else {}
    return Ended(done.returncode, envelope, done.stderr)


def outputs(run: Path) -> dict[str, str]:
    """Hash by file, of everything a run is."""
    manifest = json.loads((run / "manifest.json").read_text())
    return {file["path"]: file["sha256"] for file in manifest["outputs"]}


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(sorted((run / name).glob("*.parquet")))


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded sample, curated by two workers; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "sample"
    ended = curate("run", "--input", "sample", "--out", out, "-j", "2")
    assert ended.code == 0, ended.stderr
    return out


@pytest.fixture
def environment() -> Callable[..., dict[str, str]]:
    return lambda **values: {**os.environ, **values}
