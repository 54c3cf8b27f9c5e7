"""What the guide to evaluation shows is what its commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from evalkit.cli.commands import app
from evalkit.run.settings import EvalSettings
from workbench import recipes
from workbench.yamltree import parse

GUIDE = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
SHOWN = [block for language, block in BLOCKS if not language]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    program, *arguments = shlex.split(line)
    assert program == "evalkit"
    app(arguments, prog_name="evalkit", standalone_mode=False)
    return capsys.readouterr().out


def test_the_mock_says_what_the_guide_shows(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, shown = "", 0
    for block in SHOWN:
        if block.startswith("evalkit"):
            commands = [line for line in block.splitlines() if "mock:" in line or "runs/a" in line]
            seen += "".join(printed(line, capsys) for line in commands)
        else:
            squeezed = [" ".join(line.split()) for line in seen.splitlines()]  # columns are as wide as all tasks need
            for line in block.splitlines():
                if not set(line) <= set("- "):
                    assert " ".join(line.split()) in squeezed, line
                    shown += 1
    assert shown > 10


def test_the_recipe_is_one() -> None:
    (text,) = [block for language, block in BLOCKS if language == "yaml"]
    assert recipes.resolve(EvalSettings, [parse(text, "evaluation.md")]).recipe.limit == 500
