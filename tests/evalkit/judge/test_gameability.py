"""What length alone gains: versions written longer and shorter, made up and AlpacaEval's own."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from invoke import invoke

from evalkit.judge.gameability import Version, gameability, version
from evalkit.judge.outputs import Matched, read_difficulty, read_recorded
from evalkit.judge.types import Duel
from workbench.errors import UserError


def made(name: str, words: int, likes_length: float, skipped: int = 0) -> Version:
    """A version of 300 answers whose judge likes each by its length and nothing else."""
    draw = np.random.default_rng(words)
    duels = [Duel(f"q{number}", "x" * 500, "x" * int(words + 200 * draw.random())) for number in range(skipped, 300)]
    gaps = [math.tanh((len(duel.second) - 500) / 200) for duel in duels]
    return version(
        Matched(name, "b", duels, [""] * len(duels)), [1 / (1 + math.exp(-likes_length * gap)) for gap in gaps], None
    )


def test_a_judge_that_likes_length_is_found_out_and_controlled() -> None:
    found = gameability([made("long", 600, 2.0), made("middle", 400, 2.0), made("short", 200, 2.0)])
    assert found is not None and (found["longest"], found["shortest"], found["n"]) == ("long", "short", 300)
    assert found["before"]["value"] > 50 and found["before"]["low"] > 45
    assert found["after"]["low"] <= found["after"]["value"] <= found["after"]["high"]
    assert abs(found["after"]["value"]) < found["before"]["value"]
    fair = gameability([made("long", 600, 0.0), made("short", 200, 0.0)])
    assert fair is not None and fair["before"]["value"] == fair["after"]["value"] == 0


def test_only_what_both_answered_is_compared() -> None:
    found = gameability([made("long", 600, 2.0, skipped=100), made("short", 200, 2.0)])
    assert found is not None and found["n"] == 200 and found["rates"]["short"]["n"] == 300
    assert gameability([made("one", 600, 2.0)]) is None
    assert gameability([made("one", 600, 2.0), made("one", 600, 2.0)]) is None
    with pytest.raises(UserError, match="no verdicts"):
        version(Matched("m", "b", [Duel("q", "a", "b")], [""]), [math.nan], None)


def test_alpaca_evals_own_versions(shared_data: Path) -> None:
    folder = shared_data / "alpaca-eval"
    if not folder.is_dir():
        pytest.skip("no AlpacaEval data")
    names = [f"gpt-3.5-turbo-1106{end}" for end in ("_verbose", "_concise")]
    first = list(read_recorded(folder / "annotations/alpaca-7b.json.zst"))
    hard = read_difficulty(folder / "instruction_difficulty_estimated.csv", [duel.instruction for duel in first])
    versions = []
    for name in names:
        shares = read_recorded(folder / f"annotations/{name}.json.zst")
        versions.append(version(Matched(name, "b", list(shares), [""] * len(shares)), list(shares.values()), hard))
    found = gameability(versions)
    with (folder / "leaderboard.csv").open(newline="") as lines:
        board = {row[""]: row for row in csv.DictReader(lines)}
    published: dict[str, Any] = {
        name: float(board[names[0]][name]) - float(board[names[1]][name])
        for name in ("win_rate", "length_controlled_winrate")
    }
    assert found is not None and found["before"]["value"] == pytest.approx(published["win_rate"], abs=1e-9)
    # The published fit has the baseline's own gamed rows besides, which are not at hand.
    assert found["after"]["low"] < published["length_controlled_winrate"] < found["after"]["high"]


def test_the_command_tells_the_spread(tmp_path: Path) -> None:
    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        (tmp_path / name).write_text(json.dumps(rows))
        return tmp_path / name

    def verdicts(name: str, size: int) -> Path:
        texts = [(f"q{n}", "b" * 50, "o" * (size + n % 7)) for n in range(40)]
        rows = [
            {
                "instruction": q,
                "output_1": b,
                "output_2": o,
                "preference": 1 + min(len(o) / 100, 1) * (0.8 + 0.2 * (n % 2)),
            }
            for n, (q, b, o) in enumerate(texts)
        ]
        return write(name, rows)

    base = write("base.json", [{"instruction": f"q{n}", "output": "b" * 50, "generator": "b"} for n in range(40)])
    model = write(
        "m.json", [{"instruction": f"q{n}", "output": "o" * (50 + n % 7), "generator": "m"} for n in range(40)]
    )
    recorded = verdicts("recorded.json", 50)
    arguments = ["--outputs", model, "--baseline", base, "--recorded", recorded, "--root", tmp_path / "ws"]
    more = ["--gamed", verdicts("verbose.json", 90), "--gamed", verdicts("concise.json", 10)]
    assert invoke("evalkit", "judge", *arguments).data["gameability"] is None
    found = invoke("evalkit", "judge", *arguments, *more)
    assert found.code == 0, found.stderr
    spread = found.data["gameability"]
    assert spread["longest"] == "verbose.json" and spread["before"]["low"] > 50
