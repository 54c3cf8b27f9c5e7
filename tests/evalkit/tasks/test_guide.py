"""What docs/tasks.md shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from evalkit.tasks import METRICS, load_task, read_items, render_items, task_names
from evalkit.tasks.data import Row

GUIDE = (Path(__file__).parents[3] / "docs" / "tasks.md").read_text("utf-8")


def test_the_task_of_ones_own(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "colours.yaml"
    path.write_text(block)
    task = load_task(f"{path}@letter", ["shots.count=0"])
    row = {"question": "What is red?", "options": ["sky", "blood"], "answer": "blood"}
    (rendered,) = render_items(task, read_items(task, [Row("colours.jsonl", 1, row)]))
    assert rendered.prompts == ("Question: What is red?\nA. sky\nB. blood\nAnswer:",)
    assert load_task(str(path)).shots.count == 2


def test_the_guide_names_metrics_and_tasks_that_exist() -> None:
    named = set(re.findall(r"`([a-z_0-9L]+)`", GUIDE.partition("## Metrics")[2].partition("\n## ")[0]))
    assert (
        set(METRICS) - {"toxicity", "toxic", "refused", "over_refused", "abstained", "instructions", "all_instructions"}
        <= named
    )
    assert set(re.findall(r"`(winnow-[a-z]+)`", GUIDE)) <= {*task_names(), "winnow-small"}
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (Path(__file__).parents[3] / "docs" / target).exists(), target
