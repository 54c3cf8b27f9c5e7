"""Imports point down the floors, and nothing heavy is imported by a command line that only prints its help."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["workbench", "curate", "train", "evalkit", "dashboard"]
# train reads datasets by their files alone, so that a trainer can be used without the curator.
FORBIDDEN = {("train", "curate")}
HEAVY = {"torch", "streamlit", "duckdb", "polars", "pyarrow", "numba", "numpy", "trafilatura", "rich", "sklearn"}


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_down(floor: str) -> None:
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    for path in sorted((ROOT / floor).rglob("*.py")):
        for package in imported_packages(path):
            assert package not in above, f"{path.relative_to(ROOT)} imports {package}, a floor above {floor}"
            assert (floor, package) not in FORBIDDEN, f"{path.relative_to(ROOT)} imports {package}"


@pytest.mark.parametrize("module", ["curate.cli", "evalkit.cli", "workbench.cli"])
def test_help_imports_nothing_heavy(module: str) -> None:
    lines = ["import sys; sys.argv = ['x', '--help']", f"from {module} import main", "try: main()"]
    code = "\n".join([*lines, "except SystemExit: pass", "print('MODULES', *sys.modules)"])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    loaded = {name.split(".")[0] for name in out.stdout.rsplit("MODULES", 1)[1].split()}
    assert not loaded & HEAVY


@pytest.mark.parametrize("floor", FLOORS)
def test_no_file_above_500_lines(floor: str) -> None:
    for path in (ROOT / floor).rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 500, path
