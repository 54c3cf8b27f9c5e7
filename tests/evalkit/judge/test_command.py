"""`evalkit judge` from files to figures, with recorded verdicts and bad input."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke import invoke

ROWS = 40


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rows = [(f"question {n}", f"base {n} " + "x" * (n % 7), f"model {n} " + "y" * (n % 5)) for n in range(ROWS)]
    outputs = {
        "model": [{"instruction": q, "output": m, "generator": "ours"} for q, _, m in rows],
        "base": [{"instruction": q, "output": b, "generator": "theirs", "dataset": "d"} for q, b, _ in rows],
        "verdicts": [
            {"instruction": q, "output_1": b, "output_2": m, "preference": None if n == 3 else 1 + (n % 4) / 3}
            for n, (q, b, m) in enumerate(rows)
        ],
    }
    for name, values in outputs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
    return tmp_path


def judge(files: Path, *more: Any) -> Any:
    names = ["--outputs", files / "model.json", "--baseline", files / "base.json", "--root", files / "ws"]
    return invoke("evalkit", "judge", *names, *more)


def test_recorded_verdicts(files: Path) -> None:
    ended = judge(files, "--recorded", files / "verdicts.json", "--out", files / "run")
    assert ended.code == 0, ended.stderr
    data = ended.envelope["data"]
    known = [(n % 4) / 3 for n in range(ROWS) if n != 3]
    assert data["win_rate"] == pytest.approx(100 * sum(known) / len(known))
    assert (data["total"], data["unscored"], data["missing"]) == (39, 1, 0)
    assert data["low"] < data["win_rate"] < data["high"] and data["controlled"]["rate"] > 0
    assert data["errors"] == {"the recorded judge gave no verdict": 1} and data["position"] is None
    rows = json.loads((files / "run/annotations.json").read_text())
    assert [row["preference"] for row in rows[:4]] == [1, pytest.approx(4 / 3), pytest.approx(5 / 3), None]
    assert (files / "run/leaderboard.csv").read_text().splitlines()[1].startswith("ours,")
    again = judge(files, "--recorded", files / "run/annotations.json", "--out", files / "again")
    assert again.envelope["data"]["win_rate"] == data["win_rate"]


def test_a_dry_run_counts_both_orders_and_writes_nothing(files: Path) -> None:
    planned = judge(files, "--endpoint", "http://127.0.0.1:9/v1#m", "--dry-run", "--out", files / "run")
    assert planned.envelope["data"]["requests"] == 2 * ROWS and not (files / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "nobody to judge"),
        (["--endpoint", "http://x/v1"], 2, "names no model"),
        (["--endpoint", "http://x/v1#m", "--reward", "r"], 2, "one judge, please"),
        (["--recorded", "nowhere.json"], 4, "no file"),
        (["--endpoint", "http://x/v1#m", "--prompt", "pare"], 4, "no judge's prompt"),
    ],
)
def test_bad_commands(files: Path, arguments: list[str], code: int, message: str) -> None:
    ended = judge(files, *arguments)
    assert ended.code == code and message in ended.stderr


@pytest.mark.parametrize("command", ["judge", "probe"])
def test_another_model_under_the_same_name_is_asked_anew(
    files: Path, served: Callable[[Callable[[str], str]], list[str]], command: str
) -> None:
    given: list[Any] = ["--endpoint", "http://127.0.0.1:9/v1#m", "--root", files / "ws"]
    if command == "judge":
        given += ["--outputs", files / "model.json", "--baseline", files / "base.json", "--limit", "3"]
    counts = []
    for name, more in (("a", ["--no-cache"]), ("b", ["--no-cache"]), ("c", []), ("d", []), ("e", ["--no-cache"])):
        asked = served(lambda text: "m")
        ended = invoke("evalkit", command, *given, *more, "--out", files / name)
        assert ended.code == 0, ended.stderr
        assert not (files / name / "units").exists()
        counts.append(len(asked))
    assert counts[0] > 0 and counts == [counts[0], counts[0], counts[0], 0, counts[0]]


@pytest.mark.filterwarnings("error")
def test_fewer_pairs_than_folds_have_a_rate_at_equal_length(files: Path) -> None:
    settings = ("--recorded", files / "verdicts.json", "--limit", "3")
    assert 0 < judge(files, *settings).data["controlled"]["rate"] < 100


def test_a_limit_draws_the_same_instructions_for_every_model(files: Path) -> None:
    given = ("--recorded", files / "verdicts.json", "--limit", "7")
    ended = judge(files, *given)
    assert ended.data["total"] + ended.data["unscored"] == 7
    run = Path(ended.envelope["run"])
    drawn = [row["instruction"] for row in json.loads((run / "annotations.json").read_text())]
    again = judge(files, *given, "--seed", "1")
    other = [row["instruction"] for row in json.loads((Path(again.envelope["run"]) / "annotations.json").read_text())]
    everything = [row["instruction"] for row in json.loads((files / "base.json").read_text())]
    assert len(drawn) == 7 and drawn != other and drawn == sorted(drawn, key=everything.index)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("model", [{"instruction": "a"}], "no text in `output` or `response`"),
        ("model", [{"instruction": "a", "output": "b"}] * 2, "answered before"),
        ("model", [{"instruction": "a", "output": "b"}], "answers none of the 40 instructions"),
        ("model", [{"instruction": str(n), "output": "b", "generator": str(n)} for n in (1, 2)], "several models"),
        ("model", [], "holds no answers"),
        ("verdicts", [{"instruction": "a", "output_1": "b", "output_2": "c", "preference": 3}], "the preference is 3"),
        ("verdicts", [{"instruction": "a", "output_1": "b", "output_2": "c", "preference": "1"}], "is no number"),
    ],
)
def test_bad_files(files: Path, name: str, rows: list[dict[str, Any]], message: str) -> None:
    (files / f"{name}.json").write_text(json.dumps(rows))
    ended = judge(files, "--recorded", files / "verdicts.json")
    assert ended.code == 4 and message in ended.stderr


def test_difficulty_must_be_of_these_instructions(files: Path) -> None:
    hard = files / "hard.csv"
    hard.write_text("index,instruction_difficulty\n" + "".join(f"{n},{math.sin(n)}\n" for n in range(ROWS)))
    arguments = ["--recorded", files / "verdicts.json", "--difficulty", hard]
    assert judge(files, *arguments).envelope["data"]["controlled"]["with_difficulty"] is True
    hard.write_text("index,instruction_difficulty\n0,1\n")
    assert "says nothing of 39" in judge(files, *arguments).stderr
    for value in ("hard", "nan", "inf"):
        hard.write_text(f"index,instruction_difficulty\n0,{value}\n")
        assert "hard.csv:2" in judge(files, *arguments).stderr


def test_gamed_answers_are_to_the_same_instructions(files: Path) -> None:
    hard, gamed = files / "hard.csv", files / "gamed.json"
    hard.write_text("index,instruction_difficulty\n" + "".join(f"{n},{math.sin(n)}\n" for n in range(ROWS)))
    rows = json.loads((files / "verdicts.json").read_text())
    gamed.write_text(json.dumps(rows))
    arguments = ["--recorded", files / "verdicts.json", "--gamed", gamed]
    assert judge(files, *arguments, "--difficulty", hard).data["controlled"]["with_gamed"] is True
    gamed.write_text(json.dumps([*rows, {**rows[0], "instruction": "another"}]))
    ended = judge(files, *arguments, "--difficulty", hard)
    assert ended.code == 4 and "1 of its instructions are none of the baseline's" in ended.stderr
    gamed.write_text(json.dumps([*rows, {**rows[0], "preference": 1.25}]))
    assert "another preference in a row before" in judge(files, *arguments).stderr


def test_pairs_that_could_not_be_judged_are_told_by_the_exit_code(files: Path) -> None:
    rows = json.loads((files / "verdicts.json").read_text())
    (files / "verdicts.json").write_text(json.dumps(rows[2:]))
    ended = judge(files, "--recorded", files / "verdicts.json")
    assert ended.code == 3 and "2 of 40 pairs could not be judged" in ended.stderr
    assert ended.data["failed"] == 2 and ended.data["unscored"] == 3 and ended.data["masked"] == 0


def test_half_characters_and_markup_in_answers(files: Path) -> None:
    rows = json.loads((files / "model.json").read_text())
    rows[0]["output"] = '\ud800 <script>alert(1)</script> =cmd() "\n'
    (files / "model.json").write_text(json.dumps(rows))
    ended = judge(files, "--recorded", files / "verdicts.json", "--out", files / "run")
    assert ended.code == 3 and ended.data["failed"] == 1
    assert json.loads((files / "run/annotations.json").read_text())[0]["preference"] is None


def test_winning_always_is_not_certain(files: Path) -> None:
    rows = json.loads((files / "verdicts.json").read_text())
    (files / "verdicts.json").write_text(json.dumps([{**row, "preference": 2} for row in rows]))
    data = judge(files, "--recorded", files / "verdicts.json").envelope["data"]
    assert data["win_rate"] == data["high"] == 100 and 80 < data["low"] < 95
