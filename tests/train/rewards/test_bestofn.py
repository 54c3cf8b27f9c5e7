from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import speaking_models
from typer.testing import CliRunner

from train.cli.commands import app
from train.data.conversations import conversation
from train.data.records import read_records
from train.model.build import save
from train.preferences.read import read
from train.rewards.bestofn import curve, kl_bound


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
    assert [point["n"] for point in data["curve"]] == [1, 2, 4]
    written = list(read_records(out))
    for _, row in written:
        assert row["score"] == max(row["scores"]) == row["scores"][row["best"]]
        assert row["response"] == row["responses"][row["best"]]
        assert row["parts"] == {"brief": row["scores"]}
    assert [len(conversation(row)) for _, row in written] == [2, 2]
    assert [len(each.prompt) for each in read(written)] == [1, 1]


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
    assert (tmp_path / "o.jsonl").read_text() == ""
