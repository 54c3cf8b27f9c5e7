"""Starting `curate` as a user does, and reading what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
from invoke import Ended, invoke

TABLES = ("documents", "dropped", "measures", "decisions", "edits", "rollups")


def command(*arguments: str | Path) -> list[str]:
    code = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


# Commands with workers: one, which is the process itself, where a test does not ask for more.
WORKING = frozenset(("run", "retry", "decontaminate", "export"))


def curate(*arguments: str | Path, cwd: Path | None = None, **options: Any) -> Ended:
    """Give a command: in this process, which has loaded what it needs, unless options of a process are asked for."""
    if (arguments[0] in WORKING or arguments[:2] == ("index", "add")) and "-j" not in arguments:
        arguments = (*arguments, "-j", "1")
    if not options:
        return invoke("curate", *arguments, cwd=cwd)
    done = subprocess.run(
        [*command(*arguments), "--json"], capture_output=True, text=True, cwd=cwd, check=False, timeout=900, **options
    )
    envelope = json.loads(done.stdout) if done.stdout.strip() else {}
    return Ended(done.returncode, envelope, done.stderr)


def outputs(run: Path) -> dict[str, str]:
    """Hash by file, of everything a run is."""
    manifest = json.loads((run / "manifest.json").read_text())
    return {file["path"]: file["sha256"] for file in manifest["outputs"]}


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(sorted((run / name).glob("*.parquet")))
