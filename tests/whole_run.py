"""Starting `curate` as a user does, and reading what it wrote."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

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


# Commands that only ask: they run in this process, which has loaded what they need.
ASKING = frozenset(
    ("diff", "duplicates", "explain", "profiles", "report", "sample", "search", "status", "verify", "whatif")
)


def curate(*arguments: str | Path, cwd: Path | None = None, **options: Any) -> Ended:
    if not options and arguments and arguments[0] in ASKING:
        return _asked([*map(str, arguments), "--json"], cwd)
    done = subprocess.run(
        [*command(*arguments), "--json"], capture_output=True, text=True, cwd=cwd, check=False, timeout=300, **options
    )
    envelope = json.loads(done.stdout) if done.stdout.strip() else {}
    return Ended(done.returncode, envelope, done.stderr)


def _asked(arguments: list[str], cwd: Path | None) -> Ended:
    from curate.cli.commands import app

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(cwd or Path.cwd()):
        try:
            code = app(arguments, prog_name="curate", standalone_mode=False)
        except SystemExit as ended:
            code = ended.code
    envelope = json.loads(out.getvalue()) if out.getvalue().strip() else {}
    return Ended(int(code or 0), envelope, err.getvalue())


def outputs(run: Path) -> dict[str, str]:
    """Hash by file, of everything a run is."""
    manifest = json.loads((run / "manifest.json").read_text())
    return {file["path"]: file["sha256"] for file in manifest["outputs"]}


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(sorted((run / name).glob("*.parquet")))
