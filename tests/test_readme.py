"""What the README shows works as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from whole_run import curate

from curate.recipe import Recipe
from curate.rules import load_profile
from workbench import recipes
from workbench.yamltree import parse

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def blocks(language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_the_tour(tmp_path: Path) -> None:
    tour = next(block for block in blocks() if "curate explain runs/demo" in block)
    commands = [shlex.split(line, comments=True) for line in tour.splitlines()]
    assert len(commands) == 9
    for program, *arguments in commands:
        assert program == "curate"
        ended = curate(*arguments, cwd=tmp_path)
        assert ended.code == 0, (arguments, ended.stderr)
        assert ended.data
    assert (tmp_path / "demo.html").is_file()


def test_the_recipe() -> None:
    (block,) = [block for block in blocks("yaml") if block.startswith("# recipe.yaml")]
    recipe = recipes.resolve(Recipe, [parse(block, "README.md")]).recipe
    assert recipe.rules == {"gopher.words_min": 100}


def test_the_profile(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("yaml") if block.startswith("# strict.yaml")]
    (tmp_path / "strict.yaml").write_text(block, "utf-8")
    profile = load_profile(str(tmp_path / "strict.yaml"))
    assert profile.rule("gopher.words_min").threshold == 100
    assert profile.rules[-1].id == "lexicon.abuse"
    assert profile.text == "edited"


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (root / target).exists(), target
