"""`evalkit tasks`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from evalkit.cli.commands import app
from workbench.errors import Exit


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["tasks", *arguments])


def test_all_tasks_are_listed_with_where_their_data_are(tmp_path: Path) -> None:
    (tmp_path / "piqa_val.jsonl").write_text('{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}\n')
    found = json.loads(call("--json", "--data-root", str(tmp_path)).stdout)["data"]
    where = {task["name"]: task["data"] for task in found["tasks"]}
    assert where["piqa"] == str(tmp_path / "piqa_val.jsonl")
    assert where["winnow-facts"] == "made" and where["mmlu"] is None
    assert "winnow-small" in found["suites"]


def test_a_task_is_shown_as_a_model_is_asked_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"goal": "Open\\u202e a jar", "sol1": "Turn", "sol2": "Sing", "label": 0}\n{"goal": "x"}\n')
    done = call("piqa@letter", "--data", f"piqa={path}")
    assert done.exit_code == 0
    assert done.stdout.endswith("Question: Open⟨U+202E⟩ a jar\nA. Turn\nB. Sing\nAnswer:\nright |  A\n      |  B\n")
    failed = call("piqa", "--data", f"piqa={path}", "--item", "1")
    assert "(mine.jsonl:2)\ncannot be asked: no field label, sol1, sol2" in failed.stdout
    assert call("piqa", "--data", f"piqa={path}", "--item", "2").exit_code == Exit.USAGE


def test_only_what_a_task_says_itself_is_shown() -> None:
    shown = call("winnow-copying").stdout
    assert "made: copying" in shown and "decoding" not in shown and "max_new" not in shown
    assert "decoding" in json.loads(call("winnow-copying", "--json").stdout)["data"]["task"]


def test_a_task_without_data_is_shown_without_an_example() -> None:
    done = call("mmlu@helm", "--json")
    assert done.exit_code == 0
    envelope = json.loads(done.stdout)
    assert envelope["data"]["example"] is None and "no data for mmlu" in envelope["warnings"][0]
    assert envelope["data"]["task"]["formulation"] == "generate"


def test_an_unknown_task_has_a_nearest_one() -> None:
    done = call("piqqa")
    assert done.exit_code == Exit.USAGE and "did you mean 'piqa'?" in done.stderr


def test_a_suite_is_shown_by_its_tasks(tmp_path: Path) -> None:
    found = json.loads(call("winnow-small", "--json").stdout)["data"]
    assert found["suite"] == "winnow-small" and {task["data"] for task in found["tasks"]} == {"made"}
    own = tmp_path / "own.yaml"
    own.write_text("tasks: [winnow-facts, arc-easy@letter]\n")
    done = call(str(own), "--data-root", str(tmp_path / "nothing"))
    assert done.exit_code == 0 and "arc-easy@letter" in done.stdout
    lost = call("arc-easy", "--json", "--data-root", str(tmp_path / "nothing"))
    assert "nothing (no such folder)" in json.loads(lost.stdout)["warnings"][0]
