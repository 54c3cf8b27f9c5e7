"""Contamination checks keep their promises: errors of the order test, its power and that of membership scores on
models whose training is known, and what planted copies are worth."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from invoke import invoke
from scipy.stats import norm

from evalkit.contamination.calibrate import auc, found_at
from evalkit.contamination.order import Plan, compare_orders
from evalkit.contamination.order import shard as step
from evalkit.models.open import open_model
from evalkit.models.types import Model, Windows
from train import records

pytestmark = pytest.mark.prove
Record = Callable[[str, str], None]
SIMULATIONS = 20_000
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
VERBS = ["sells", "buys", "paints", "counts", "repairs", "borrows"]
THINGS = ["lanterns", "crates", "ribbons", "kettles", "violins", "tiles", "barrels", "maps", "candles", "bricks"]


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(records, "matmul_peak", lambda device: {"fp32": 1e9, "bf16": 1e9})
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "workspace"))


LAWS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda draw, size: draw.normal(size=size),
    "skewed to the right": lambda draw, size: draw.gamma(4, size=size),
    "skewed to the left": lambda draw, size: -draw.gamma(4, size=size),
}


def test_errors_of_the_order_test(record: Record) -> None:
    """Innocent files: the order of the file is one draw among the others. A t test bends where the law is skewed."""
    draw = np.random.default_rng(0)
    told = []
    for shards in (5, 10, 20, 50):
        rates = {}
        for law, drawn in LAWS.items():
            values = drawn(draw, (SIMULATIONS, shards, 9))
            found = [compare_orders(one[:, 0], one[:, 1:]) for one in values]
            rates[law] = float(np.mean([one.p < 0.05 for one in found]))
            if law == "normal":
                theirs = [compare_orders(one[:, 0], one[:, 1:], ddof=0).p < 0.05 for one in values]
                rates["normal, ddof 0"] = float(np.mean(theirs))
        told.append(f"{shards} shards: " + ", ".join(f"{rate:.1%} {law}" for law, rate in rates.items()))
        assert 0.04 <= rates["normal"] <= 0.06, (shards, rates)
        assert rates["normal, ddof 0"] > rates["normal"]
    record("order test at 5 %, innocent files", "; ".join(told))


def line(draw: random.Random) -> str:
    """An invented name, what its bearer does, and to what."""
    name = "".join(draw.choices(SYLLABLES, k=3)).capitalize()
    return f"{name} {draw.choice(VERBS)} {draw.choice(THINGS)}"


def train(folder: Path, data: str, out: str, *more: str) -> float:
    """A tiny model of all of it; how many times it read a text."""
    asked = ("pretrain", "--data", data, "--out", out, "--jobs", "1", "--depth", "2", "--context", "128")
    settings = (
        "vocab_size=1024",
        "text.prepare.held_out=0",
        "rows.tokens=512",
        "optim.optimizer=muon",
        "optim.lr=0.01",
    )
    ended = invoke("train", *asked, *more, *(word for one in settings for word in ("--set", one)), cwd=folder)
    assert ended.code == 0, ended.stderr
    seen = json.loads((folder / out / "stage.json").read_bytes())["seen"]
    return float(seen["all"]["epochs"])


def p_of(model: Model, lines: list[str], seed: int, out: Path) -> float:
    plan = Plan.of([f"{one}\n" for one in lines], 10, 20, seed, Windows(128, 64))
    with step({"model": model, "plan": plan}) as work:
        rows = [work(unit.payload, out, lambda *told, **counts: None) for unit in plan.units(model)]
    return compare_orders(np.array([row["canonical"] for row in rows]), np.array([row["shuffled"] for row in rows])).p


def test_power_on_a_model_whose_reading_is_known(tmp_path: Path, record: Record) -> None:
    """20 files that the model read in their order ten times, each a document, and 60 files that it did not read."""
    draw = random.Random(3)
    files = [[line(draw) for _ in range(60)] for _ in range(80)]
    rows = [{"id": f"file{at}", "text": "\n".join(lines) + "\n"} for at, lines in enumerate(files[:20])]
    (tmp_path / "files.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    epochs = train(tmp_path, "files.jsonl", "model", "--tokens", "76k")
    assert 9.5 < epochs < 10.5
    model = open_model(str(tmp_path / "model"), root=tmp_path / "workspace")
    p = [p_of(model, lines, at, tmp_path) for at, lines in enumerate(files)]
    power, wrong = (float(np.mean(np.array(some) < 0.05)) for some in (p[:20], p[20:]))
    record(
        "order test, power",
        f"a model of half a million weights that read 20 files of 60 lines in their order {epochs:.1f} times: found in "
        f"{power:.0%} of them at 5 %, in {wrong:.1%} of 60 files that it did not read",
    )
    assert power >= 0.9 and wrong <= 0.15

    for name, some in (("in", files[:20]), ("out", files[20:40]), ("more", files[40:60])):
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for lines in some for text in lines)
        )
    asked = ("contamination", "membership", "-m", "model", "--in", "in.jsonl", "--not-in", "out.jsonl")
    ended = invoke("evalkit", *asked, "--data", "more.jsonl", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    scores = {one["score"]: one for one in ended.data["scores"]}
    told = []
    for name in ("loss", "mink_0.2", "mink++_0.2", "zlib", "lowercase"):
        area, found = scores[name]["auc"], scores[name]["tpr"]["0.01"]
        told.append(
            f"{name} {area['value']:.2f} ({area['low']:.2f} to {area['high']:.2f}), at 1 % false {found['value']:.0%} "
            f"({found['low']:.0%} to {found['high']:.0%})"
        )
    record("membership scores of the same model, 1,200 lines read and 1,200 not: area", "; ".join(told))
    assert scores["loss"]["kind"] == "tells" and scores["mink++_0.2"]["kind"] == "tells"
    assert all(scores[name]["kind"] == "cannot tell" for name in ("blind_bytes", "blind_zlib"))
    asked_at = scores["loss"]["asked"]["auc"]
    assert asked_at["low"] < 0.5 < asked_at["high"]  # none of these was read
    none = invoke("evalkit", *asked[:-3], "more.jsonl", "--not-in", "out.jsonl", cwd=tmp_path)
    assert none.data["verdict"].startswith("cannot tell")


def test_intervals_of_areas_and_shares(record: Record) -> None:
    draw = np.random.default_rng(4)
    told = []
    for shift, inside, outside in ((0.0, 30, 30), (0.5, 50, 500), (1.5, 200, 100), (3.0, 40, 40)):
        true_area, true_share = norm.cdf(shift / 2**0.5), norm.sf(norm.isf(0.05) - shift)
        covered = np.zeros(2)
        for _ in range(4000):
            a, b = draw.normal(shift, 1, inside), draw.normal(0, 1, outside)
            for at, (one, truth) in enumerate(((auc(a, b), true_area), (found_at(a, b, 0.05), true_share))):
                covered[at] += one.low <= truth <= one.high
        area, share = covered / 4000
        told.append(f"{inside} in and {outside} out, area {true_area:.2f}: {area:.1%} and {share:.1%}")
        assert area >= 0.94 and share >= 0.95
    record("coverage of 95 % intervals of areas, and of shares found at 5 % false (built to be safe)", "; ".join(told))


TASK = """
name: deeds
title: Who does what
source: the tests
licence: CC0-1.0
kind: commonsense
data: {files: [deeds]}
forms: [{question: question, choices: choices, gold: answer}]
prompt: "{{question}}"
metrics: [acc, answer_bpb]
"""


def test_what_a_copy_is_worth(tmp_path: Path, record: Record) -> None:
    """Models trained on texts in which 40 items were planted 0, 1, 2, 4 and 8 times; 40 others were kept out."""
    draw = random.Random(5)
    (tmp_path / "texts.jsonl").write_text(
        "".join(
            json.dumps({"id": f"t{at}", "text": " and ".join(line(draw) for _ in range(3))}) + "\n" for at in range(400)
        )
    )
    (tmp_path / "deeds.yaml").write_text(TASK)
    items = []
    for _ in range(80):
        name, verb, _ = line(draw).split()
        items.append({"question": f"{name} {verb}", "choices": draw.sample(THINGS, 4), "answer": draw.randrange(4)})
    (tmp_path / "deeds.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))

    def evaluate(model: str, out: str) -> None:
        asked = ("run", "-m", model, "-t", "deeds.yaml", "--data-root", ".", "--out", out)
        assert invoke("evalkit", *asked, cwd=tmp_path).code == 0

    evaluate("mock:0", "asked")
    asked = ("plant", "asked", "--data", "texts.jsonl", "--items", "40", "--copies", "0,1,2,4,8", "--out", "plan")
    assert invoke("evalkit", "contamination", *asked, cwd=tmp_path).code == 0
    runs = []
    for copies in (0, 1, 2, 4, 8):
        train(tmp_path, f"plan/copies-{copies}.jsonl", f"model{copies}", "--tokens", "30k")
        evaluate(f"model{copies}", f"asked{copies}")
        runs += ["--run", f"{copies}=asked{copies}"]
    ended = invoke("evalkit", "contamination", "gain", "plan", *runs, cwd=tmp_path)
    assert ended.code == 0 and ended.data["unknown"] == [], ended.stderr
    found = {one["metric"]: one for one in ended.data["gains"]}
    told = []
    for metric, unit, factor in (("acc", "points", 100), ("answer_bpb", "bits a byte", 1)):
        one = found[metric]
        gains = ", ".join(
            f"{factor * each['gain']['value']:+.3g} ({factor * each['gain']['low']:.3g} to "
            f"{factor * each['gain']['high']:.3g}) at {each['copies']}"
            for each in one["at"]
        )
        told.append(f"{metric}, {unit}: {gains}; a copy {factor * one['per_copy']['value']:+.3g}")
    record("planted items, what copies are worth to a tiny model", "; ".join(told))
    assert found["acc"]["per_copy"]["low"] > 0
    assert found["answer_bpb"]["per_copy"]["high"] < 0
    wrong = invoke("evalkit", "contamination", "gain", "plan", "--run", "0=asked1", "--run", "1=asked0", cwd=tmp_path)
    assert wrong.code == 2 and "was trained on 1 copies, not on 0" in wrong.stderr
