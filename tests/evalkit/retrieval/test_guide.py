"""The guide's settings are settings, and its numbers those that were measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

from evalkit.retrieval.settings import TEMPLATE
from evalkit.run.settings import EvalSettings
from workbench import recipes
from workbench.yamltree import parse

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "retrieval.md").read_text("utf-8")


def test_the_recipe_is_one_and_says_the_defaults() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    found = recipes.resolve(EvalSettings, [parse(text, "retrieval.md")]).recipe.retrieve
    assert found is not None and found.template == TEMPLATE and (found.k, found.chars) == (3, 2000)


def test_the_numbers_are_those_that_were_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "retrieval.json").read_text())["rows"][0]
    off = measured["difference"]
    shares = [f"{100 * measured[name]:.1f} %" for name in ("before", "after")]
    span = f"{100 * off['value']:.1f} points ({100 * off['low']:.1f} to {100 * off['high']:.1f})"
    words = " ".join(GUIDE.split())
    assert all(said in words for said in (*shares, span))
