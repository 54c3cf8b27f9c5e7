"""The rows that the guide shows are read, and mean what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from train.preferences.load import PreferenceData
from train.preferences.read import comparison, form_of

GUIDE = Path(__file__).parents[3] / "docs" / "preferences.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_row_of_the_guide_is_read():
    rows = [json.loads(line) for line in blocks("jsonl")[0].splitlines()]
    assert [form_of(row) for row in rows] == ["ranking"] * 2 + ["pair"] * 4 + [
        "transcripts",
        "score",
        "thumbs",
        "votes",
    ]
    for row in rows:
        found = comparison("one", row)
        assert found.responses[0] == "Dog."
        assert [message["role"] for message in found.prompt] == ["user"]


def test_the_recipe_of_the_guide_is_one():
    assert PreferenceData.model_validate(yaml.safe_load(blocks("yaml")[0])["data"]).sets[1].cap == 20000
