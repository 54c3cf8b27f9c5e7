"""The recipes in docs/sft.md are recipes."""

from __future__ import annotations

import re
from pathlib import Path

from train.data.chat import Template
from train.data.instructions import TaskFile
from train.data.sft import SftData
from workbench import yamltree
from workbench.recipes import resolve

GUIDE = Path(__file__).parents[3] / "docs" / "sft.md"


def test_each_block_of_the_guide_is_what_it_says():
    data, template, tasks = (
        yamltree.parse(block, "docs/sft.md") for block in re.findall("```yaml\n(.*?)```", GUIDE.read_text(), re.S)
    )
    assert resolve(SftData, [data.value["data"]]).recipe.sets[1].cap == 20000
    assert resolve(Template, [template]).recipe.assistant.end == "{eos}"
    assert list(resolve(TaskFile, [tasks]).recipe.tasks) == ["sums", "sentiment", "choice"]
