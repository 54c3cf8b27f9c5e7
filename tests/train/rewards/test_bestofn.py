from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import speaking_models
import torch
from typer.testing import CliRunner

from train.cli.commands import app
from train.data.conversations import conversation
from train.data.records import read_records
from train.model.build import save
from train.preferences.read import read
from train.rewards.bestofn import BEST, REPORT, Settings, curve, kl_bound, make
from train.rewards.open import open_reward, read_settings
from train.sampler import Params
from workbench.errors import Exit
from workbench.runs import Run


def test_the_bound_of_best_of_n() -> None:
    assert kl_bound(1) == 0
    assert kl_bound(8) == pytest.approx(math.log(8) - 7 / 8)


def test_the_curve_is_the_mean_over_all_subsets() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 6)).round(1)  # rounded, so that some are equal
    points = curve(scores)
    assert [point.n for point in points] == [1, 2, 4, 6]
    for point in points:
        subsets = [max(subset) for row in scores for subset in itertools.combinations(row, point.n)]
        assert point.reward == pytest.approx(np.mean(subsets), rel=1e-12)
    assert points[-1].reward == pytest.approx(scores.max(1).mean())
    assert curve(scores[:1])[0].interval is None


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = speaking_models.speaker()
    directory = tmp_path_factory.mktemp("models") / "small"
    save(opened.model, opened.config, directory)
    opened.tokenizer.save(directory)
    return directory


def test_the_command_writes_data_for_training(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "reward.yaml").write_text("parts:\n  brief: {kind: length, unit: characters, most: 1}\n")
    rows = [{"prompt": "one two"}, {"messages": [{"role": "user", "content": "six"}]}, {"prompt": "long " * 99}]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "best.jsonl"
    options = ["--prompts", tmp_path / "prompts.jsonl", "--reward", tmp_path / "reward.yaml", "--out", out]
    options += ["-n", 4, "--max-new", 6, "--root", tmp_path / "root", "--json"]
    done = CliRunner().invoke(app, ["bestofn", str(checkpoint), *map(str, options)])
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)["data"]
    assert (data["prompts"], data["dropped"], data["kept"]) == (2, 1, 2)
    assert (data["n"], data["reward"], data["kl"]) == (4, data["curve"][-1]["reward"], kl_bound(4))
    assert 0 <= data["ended"] <= 1
    assert [point["n"] for point in data["curve"]] == [1, 2, 4]
    written = list(read_records(out))
    for _, row in written:
        assert row["score"] == max(row["scores"]) == row["scores"][row["best"]]
        assert row["response"] == row["responses"][row["best"]]
        assert row["parts"] == {"brief": row["scores"]}
    assert [len(conversation(row)) for _, row in written] == [2, 2]
    assert [len(each.prompt) for each in read(written)] == [1, 1]


def test_a_rule_may_be_named_as_a_reward(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "1 + 1 ="}\n')
    given = ["bestofn", str(checkpoint), "--prompts", str(tmp_path / "prompts.jsonl"), "-n", "2", "--max-new", "2"]
    given += ["--root", str(tmp_path / "root")]
    done = CliRunner().invoke(app, [*given, "--reward", "arithmetic", "--set", "parts.arithmetic.weight=2"])
    assert done.exit_code == 0, done.output
    (run,) = (path.parent for path in (tmp_path / "root").glob("*/manifest.json"))
    assert f"run: {run}" in done.stdout
    (row,) = list(read_records(run / "best.jsonl"))
    assert list(row.values["parts"]) == ["arithmetic"]
    missing = CliRunner().invoke(app, [*given, "--reward", "runs/none"])
    assert missing.exit_code == Exit.INPUT and "no run 'runs/none'" in missing.stderr


def test_a_file_without_prompts_is_named_as_the_cause(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").touch()
    (tmp_path / "reward.yaml").write_text("parts:\n  sum: {kind: arithmetic}\n")
    options = ["--prompts", tmp_path / "none.jsonl", "--reward", tmp_path / "reward.yaml"]
    options += ["--root", tmp_path / "root", "--json"]
    done = CliRunner().invoke(app, ["bestofn", str(checkpoint), *map(str, options)])
    assert done.exit_code == Exit.INPUT, done.output
    assert json.loads(done.stdout)["errors"][0]["message"] == "there are no prompts"


def asked(tmp_path: Path, root: str, **settings: Any) -> tuple[Run, dict[str, Any]]:
    """Best of four of nine prompts, three units of them, by a rule."""
    opened = speaking_models.speaker()
    prompts = [f"{'one ' * (number % 4)}two {number}" for number in range(9)]
    (tmp_path / "reward.yaml").write_text("parts:\n  brief: {kind: length, unit: characters, most: 9}\n")
    reward = open_reward(read_settings(tmp_path / "reward.yaml"), tmp_path / root)
    how = {"n": 4, "rows": 12, "chat": False, **settings}
    return make(opened, prompts, reward, Params(max_new=6), Settings(**how), tmp_path / root)


def test_killed_anywhere_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """At each operation that writes a file for good, in turn, until it has come to its end."""
    torch.set_num_threads(1)
    whole, report = asked(tmp_path, "whole")
    rename, kills = Path.replace, 0
    while True:
        child = os.fork()
        if not child:
            left = itertools.count(1)

            def dies(self: Path, target: Path, left: Any = left, at: int = kills % 3 + 1) -> Path:
                if next(left) == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return rename(self, target)

            with contextlib.suppress(BaseException):
                if kills < 12:
                    Path.replace = dies  # type: ignore[method-assign]
                asked(tmp_path, "killed")
                os._exit(0)
            os._exit(1)
        if os.WIFEXITED(status := os.waitpid(child, 0)[1]):
            assert os.WEXITSTATUS(status) == 0
            break
        kills += 1
    assert kills > 3
    run, again = asked(tmp_path, "killed")
    assert run.is_finished and again == report
    for name in (BEST, REPORT):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert run.manifest is not None and run.manifest.counts["responses"] == 36
    assert not (run.path / "units").exists()


def test_what_is_drawn_does_not_depend_on_how_much_at_a_time(tmp_path: Path) -> None:
    texts = {}
    for rows in (12, 100):
        run, _ = asked(tmp_path, "root", rows=rows)
        texts[rows] = [row["responses"] for _, row in read_records(run.path / BEST)]
    assert texts[12] == texts[100] and len(texts[12]) == 9


def test_what_was_cut_off_gains_nothing(tmp_path: Path) -> None:
    """Nothing comes to an end within six tokens here, or some do: a number, or the lowest score, then."""
    scores = {}
    for rule in ("lowest", "reward", -2.0):
        run, report = asked(tmp_path, "root", without_end=rule)
        scores[rule] = [score for _, row in read_records(run.path / BEST) for score in row["scores"]]
        assert report["ended"] < 1
    cut = [place for place, score in enumerate(scores[-2.0]) if score == -2]
    assert len(cut) == round(36 * (1 - report["ended"]))
    assert {scores["lowest"][place] for place in cut} == {min(scores["reward"])} or len(cut) == 36


def test_only_good_ones_are_kept(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "reward.yaml").write_text("parts:\n  never: {kind: regex, pattern: '^$'}\n")
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "one two"}\n')
    options = ["--prompts", tmp_path / "prompts.jsonl", "--reward", tmp_path / "reward.yaml", "--at-least", "0.5"]
    options += [
        "--out",
        tmp_path / "o.jsonl",
        "-n",
        2,
        "--max-new",
        4,
        "--text",
        "--json",
        "--set",
        "parts.never.weight=2",
    ]
    done = CliRunner().invoke(app, ["bestofn", str(checkpoint), *map(str, options)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["kept"] == 0
    wrong = CliRunner().invoke(app, ["bestofn", str(checkpoint), *map(str, options), "--without-end", "worst"])
    assert wrong.exit_code == 2 and "--without-end is no score: worst" in wrong.output
    assert (tmp_path / "o.jsonl").read_text() == ""
