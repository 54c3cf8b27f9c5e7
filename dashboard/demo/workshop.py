"""Where the demo's workspace is made: a folder in which the product's own commands are run one after the other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = "workspace"
"""The workspace, under the folder; all paths that a command is given are relative to the folder."""


class Workshop:
    """A folder with a workspace in it. Runs are called by their names, and lie directly under the workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ROOT).mkdir(parents=True, exist_ok=True)
        for recipe in (Path(__file__).parent / "recipes").iterdir():
            shutil.copyfile(recipe, folder / recipe.name)

    @property
    def root(self) -> Path:
        """The workspace."""
        return self.folder / ROOT

    def write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """A file of lines of JSON beside the workspace; its name."""
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return name

    def run(self, tool: str, *arguments: str, out: str | None = None, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """One command, and the data of its envelope; what it makes is the run `out`, unless that is finished.

        codes: exit codes that are no failure. Raises SystemExit with what the command said on any other.
        """
        if out is not None and (self.root / out / "manifest.json").is_file():
            return {}
        where = [] if out is None else ["--out", f"{ROOT}/{out}"]
        return self.call([*_start(tool), *arguments, *where, "--root", ROOT, "--json"], codes)

    def call(self, command: list[str], codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """A process in the folder whose last line on stdout is an envelope, if it prints anything."""
        print(" ".join(command[3:])[:160], flush=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(command[3:])}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return json.loads(done.stdout)["data"] if done.stdout.strip() else {}


def _start(tool: str) -> list[str]:
    """How a tool is started with this Python."""
    return [sys.executable, "-c", f"import sys; from {tool}.cli import main; sys.argv[0] = '{tool}'; main()"]
