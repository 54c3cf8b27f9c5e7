"""`evalkit run`, `show` and `compare` from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke import Ended, invoke
from small_tasks import write_tasks

TASKS = "colours.yaml,sums.yaml,pages.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tasks(tmp_path)
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "workspace"))
    monkeypatch.delenv("EVALKIT_DATA", raising=False)
    return tmp_path


def run(folder: Path, out: str, *more: str, model: str = "mock:0", tasks: str = TASKS) -> Ended:
    return invoke("evalkit", "run", "-m", model, "-t", tasks, "--data-root", ".", "--out", out, *more, cwd=folder)


def test_run_writes_numbers_with_intervals(folder: Path) -> None:
    ended = run(folder, "a")
    assert ended.code == 0 and ended.envelope["schema"] == "evalkit.run/1" and ended.envelope["run"] == "a"
    assert [task["task"] for task in ended.data["tasks"]] == ["colours", "sums", "pages"]
    acc = ended.data["tasks"][0]["metrics"]["acc"]
    assert acc["low"] <= acc["value"] <= acc["high"] and acc["n"] == 27
    assert ended.data["counts"]["asked"] == 172
    warned = "colours: 3 of 30 items failed, such as colours.jsonl:4: no field choices"
    assert warned in ended.envelope["warnings"] and f"warning: {warned}" in ended.stderr
    assert "100 %" in ended.stderr
    again = run(folder, "a")
    assert again.data["tasks"] == ended.data["tasks"]
    other = run(folder, "b", "--no-cache")
    assert other.data["counts"]["asked"] == 172 and other.data["tasks"] == ended.data["tasks"]


def test_a_task_without_a_score_is_no_success(folder: Path) -> None:
    (folder / "sums.jsonl").write_text('{"wrong": 1}\n')
    ended = run(folder, "a", tasks="sums.yaml")
    assert ended.code == 3 and "sums: not one item has a score" in ended.stderr
    assert ended.data["tasks"][0]["failed"] == 1


def test_the_data_folder_may_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_DATA", str(folder))
    ended = invoke("evalkit", "run", "-m", "mock:0", "-t", "sums.yaml", "--out", "a", cwd=folder)
    assert ended.code == 0
    monkeypatch.delenv("EVALKIT_DATA")
    ended = invoke("evalkit", "run", "-m", "mock:0", "-t", "sums.yaml", "--out", "b", cwd=folder)
    assert ended.code == 4 and "--data sums=FILE" in ended.stderr
    given = ("--data", "sums=sums.jsonl")
    assert invoke("evalkit", "run", "-m", "mock:0", "-t", "sums.yaml", *given, "--out", "b", cwd=folder).code == 0


def test_a_recipe_says_the_same_as_options(folder: Path) -> None:
    (folder / "eval.yaml").write_text("model: mock:0\ntasks: [colours.yaml]\nshots: 1\ndata_root: [.]\n")
    ended = invoke("evalkit", "run", "eval.yaml", "--out", "a", cwd=folder)
    assert ended.code == 0 and ended.data["tasks"][0]["shots"] == 1
    ended = invoke("evalkit", "run", "eval.yaml", "--shots", "0", "--out", "b", "--set", "limit=5", cwd=folder)
    assert ended.data["tasks"][0]["shots"] == 0 and ended.data["tasks"][0]["items"] == 5
    (folder / "eval.yaml").write_text("model: mock:0\ntask: [colours.yaml]\n")
    ended = invoke("evalkit", "run", "eval.yaml", cwd=folder)
    assert ended.code == 2 and "eval.yaml:2:1: unknown name 'task'" in ended.stderr and "'tasks'" in ended.stderr


def test_a_forecast_starts_nothing_and_knows_what_is_answered(folder: Path) -> None:
    ended = run(folder, "a", "--dry-run")
    assert ended.code == 0 and not (folder / "a").exists()
    assert ended.data["all"]["requests"] == 172 and ended.data["all"]["known"] == 0
    by_task = {row["label"]: row for row in ended.data["forecast"]}
    assert by_task["sums"]["new"] == 30 * 2 * 8 and by_task["colours"]["tokens"] > 1000
    run(folder, "a", tasks="sums.yaml")
    assert run(folder, "b", "--dry-run").data["all"]["known"] == 30


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "-t", "sums.yaml"), 2, "no model is named"),
        (("run", "-m", "mock:0"), 2, "no tasks are named"),
        (("run", "-m", "mock:x", "-t", "sums.yaml", "--data-root", "."), 2, "names no mock model"),
        (("run", "-m", "mock:0", "-t", "gsm8"), 2, "did you mean 'gsm8k'?"),
        (("run", "-m", "mock:0", "-t", "sums.yaml", "--data", "sums"), 2, "not of the form TASK=FILE"),
        (("run", "-m", "mock:0", "-t", "sums.yaml", "--data-root", ".", "--data", "sum=a"), 2, "no such task is run"),
        (("run", "-m", "mock:0", "-t", "sums.yaml", "--set", "chnge.sums.version=2"), 2, "did you mean 'change'?"),
        (("show", "nowhere"), 4, "no run 'nowhere'"),
        (("compare", "nowhere", "nowhere"), 4, "no run 'nowhere'"),
    ],
)
def test_mistakes_are_told_with_what_to_do(folder: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = invoke("evalkit", *arguments, cwd=folder)
    assert ended.code == code and said in ended.stderr and "hint:" in ended.stderr


def test_mistakes_are_told_before_torch_is_loaded(folder: Path) -> None:
    lines = ["import sys", "from evalkit.cli.commands import app", "for given in sys.argv[1:]:"]
    lines += [
        "    try: app(['run', *given.split(), '--root', 'none'])",
        "    except SystemExit as end: print(end.code)",
    ]
    lines += ["assert not {'torch', 'numba', 'scipy', 'polars'} & {*sys.modules}, sys.modules"]
    mistakes = [
        "-m mock:0 -t nonsens",
        "-m mock:0 -t winnow-copying --precision fp3",
        "-m mock:0 -t gsm8k",
        "-t sums.yaml",
    ]
    mistakes += ["-m nothere -t winnow-copying"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), *mistakes], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2", "4", "2", "4"]


def test_show_lists_items_and_shows_one_whole(folder: Path) -> None:
    run(folder, "a")
    listed = invoke("evalkit", "show", "a", "--list", "failed", cwd=folder)
    assert [row["line"] for row in listed.data["items"]] == [4, 6, 8] and listed.data["all"] == 3
    wrong = invoke("evalkit", "show", "a", "--list", "wrong", "--task", "colours", "--limit", "1", cwd=folder).data
    assert wrong["all"] > 1 and len(wrong["items"]) == 1
    item = wrong["items"][0]
    assert item["predicted"] not in item["gold"]
    shown = invoke("evalkit", "show", "a", "--item", item["item"][:8], cwd=folder).data["items"]
    assert [row["item"] for row in shown] == [item["item"]] and shown[0]["scores"]["acc"] == 0.0
    assert invoke("evalkit", "show", "a", cwd=folder).data["tasks"][1]["task"] == "sums"
    for arguments, said in (
        (("--item", "abc"), "too short"),
        (("--item", "zzzz"), "no item 'zzzz'"),
        (("--list", "wrng"), "did you mean 'wrong'?"),
    ):
        ended = invoke("evalkit", "show", "a", *arguments, cwd=folder)
        assert ended.code != 0 and said in ended.stderr


def test_hostile_text_cannot_steer_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from evalkit.cli.commands import app

    row = {"question": "clear \x1b[2J\u202e me", "answer": "\x1b]0;title\x07"}
    (folder / "sums.jsonl").write_text(json.dumps(row) + "\n")
    run(folder, "a", tasks="sums.yaml")
    item = invoke("evalkit", "show", "a", "--list", "all", cwd=folder).data["items"][0]["item"]
    for arguments in (["--item", item], ["--list", "all"]):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            app(["show", "a", *arguments], prog_name="evalkit", standalone_mode=False)
        out = capsys.readouterr().out
        assert "\x1b" not in out and "\u202e" not in out and "⟨U+001B⟩[2J" in out


def test_compare_fails_on_a_regression(folder: Path) -> None:
    run(folder, "a", "--shots", "0", tasks="colours.yaml")
    run(folder, "b", "--shots", "3", tasks="colours.yaml")
    refused = invoke("evalkit", "compare", "a", "b", cwd=folder)
    assert refused.code == 2 and "were asked differently" in refused.stderr
    pages(folder)
    run(folder, "c", tasks="pages.yaml")
    run(folder, "d", tasks="pages.yaml", model="mock:1")
    first = invoke("evalkit", "compare", "c", "d", "--metric", "bits_per_byte", cwd=folder).data["compared"][0]
    assert first["p_adjusted"] < 0.05 and first["verdict"] in "ab"
    bad, good = ("c", "d") if first["verdict"] == "a" else ("d", "c")
    gate = ("--metric", "bits_per_byte", "--fail-on", "regress", "--min-effect")
    failed = invoke("evalkit", "compare", bad, good, *gate, "0.0001", cwd=folder)
    assert failed.code == 1 and "pages: bits_per_byte is worse by" in failed.stderr
    assert failed.data["regressions"] == ["pages"] and not failed.envelope["ok"]
    assert invoke("evalkit", "compare", bad, good, *gate, "50pt", cwd=folder).code == 0
    assert invoke("evalkit", "compare", good, bad, *gate, "0.0001", cwd=folder).code == 0
    (folder / "pages.jsonl").write_text('{"wrong": 1}\n')
    assert run(folder, "e", tasks="pages.yaml").code == 3
    empty = invoke("evalkit", "compare", "c", "e", "--fail-on", "regress", cwd=folder)
    assert empty.code == 3 and "nothing of A's pages is compared" in empty.stderr
    odd = invoke("evalkit", "compare", "c", "d", "--fail-on", "regres", cwd=folder)
    assert odd.code == 2 and "did you mean 'regress'?" in odd.stderr


def pages(folder: Path) -> None:
    """Texts of which a mock's seed makes a difference that is no chance."""
    rows: list[dict[str, Any]] = [{"text": "the same words again and again " * 3} for _ in range(30)]
    rows = [{"text": f"{row['text']}{'.' * (number % 3)}"} for number, row in enumerate(rows)]
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
