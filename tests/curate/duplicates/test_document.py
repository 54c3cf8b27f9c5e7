"""docs/duplicates.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from curate.duplicates.banding import banding, probability
from curate.duplicates.config import Duplicates, Near

DOCUMENT = Path(__file__).parents[3] / "docs" / "duplicates.md"
SWITCHED_ON = {"text", "url", "near.enabled", "lines.enabled", "paragraphs.enabled", "substrings.enabled", "sources"}


def leaves(section: dict[str, object], before: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in section.items():
        found |= leaves(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return found


def test_the_settings_are_all_there_with_their_defaults() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    shown = yaml.safe_load(block)["duplicates"]
    Duplicates.model_validate(shown)
    said, defaults = leaves(shown), leaves(Duplicates().model_dump())
    assert said.keys() == defaults.keys()
    assert {name for name in said if said[name] != defaults[name]} == SWITCHED_ON


def test_the_chances_of_the_bandings() -> None:
    rows = re.findall(r"^\| (`\w+`.*?|\d+x\d+) \|((?: [\d.]+ \|){6})$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 4
    for name, numbers in rows:
        chosen = re.search(r"\w+", name)
        assert chosen
        bands, per_band, _ = banding(Near(enabled=True, banding=chosen[0], threshold=0.8))
        if "(" in name:
            assert f"({bands}x{per_band})" in name
        for jaccard, said in zip((0.6, 0.7, 0.75, 0.8, 0.85, 0.9), numbers.split(" |")[:-1], strict=True):
            assert float(said) == pytest.approx(100 * probability(jaccard, bands, per_band), abs=0.051)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", DOCUMENT.read_text("utf-8")):
        assert (DOCUMENT.parent / target).exists(), target
