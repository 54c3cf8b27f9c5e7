"""Scores of membership: the reference's numbers, what they are worth where it is known, and what cannot be told."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from invoke import invoke

from evalkit.contamination.calibrate import auc, found_at, threshold
from evalkit.contamination.membership import check, kind, scores
from evalkit.models.open import open_model
from evalkit.models.types import Rolled, Windows
from evalkit.perplexity.texts import Text
from evalkit.statistics.intervals import Estimate
from workbench.errors import UserError

REFERENCE = [
    {"loss": -6.209400653839111, "zlib": -0.12418801307678223, "mink_0.2": -6.7140584, "mink++_0.2": -1.26892},
    {"loss": -6.489131927490234, "zlib": -0.12723788093118107, "mink_0.2": -7.565964, "mink++_0.2": -3.0664592},
]


def test_the_authors_numbers(reference: Path, tmp_path: Path) -> None:
    """In fp32; the deviation of Min-K%++ is a difference of squares, taken in fp64 here and in fp32 there."""
    lines = (reference / "oracle_data" / "mc.jsonl").read_text().splitlines()[:2]
    texts = [json.loads(line)["question"] for line in lines]
    model = open_model(str(reference / "tiny"), root=tmp_path)
    whole = dict(model.rolling(texts, Windows(), moments=True))
    lower = dict(model.rolling([text.lower() for text in texts], Windows()))
    for number, expected in enumerate(REFERENCE):
        assert len(whole[number].logprobs) == 9
        found = scores(texts[number], whole[number], lower[number])
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=5e-5)
        assert found["lowercase"] == pytest.approx(lower[number].logprobs.mean() / whole[number].logprobs.mean())
        assert "mink_0.1" not in found  # of nine tokens the tenth is none: no number, rather than NaN


def test_a_token_that_was_certain_is_off_by_nothing() -> None:
    rolled = Rolled(np.array([0.0, -2.0]), np.array([0, 1]), np.array([0.0, -1.0]), np.array([0.0, 0.5]))
    found = scores("ab", rolled, None)
    assert found["mink++_0.5"] == -2.0 and "lowercase" not in found
    assert found["zlib"] == -1.0 / len(zlib.compress(b"ab"))
    assert set(scores("", Rolled(np.zeros(0), np.zeros(0, np.int64)), None)) == {"blind_bytes", "blind_zlib"}


def test_the_area_counts_pairs() -> None:
    inside, outside = np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0])
    found = auc(inside, outside)
    assert found.value == pytest.approx((1 + 1 + 0.5 + 1 + 0 + 1) / 6)
    assert 0 < found.low < found.value < found.high < 1
    all_in_order = auc(np.arange(50.0) + 100, np.arange(50.0))
    assert all_in_order.value == 1 and 0.9 < all_in_order.low < 1 and all_in_order.high == 1
    assert np.isnan(auc(np.zeros(0), outside).value)
    assert kind(auc(np.zeros(20), np.zeros(20))) == "cannot tell"


def test_few_documents_outside_say_little_of_rare_mistakes() -> None:
    inside, outside = np.arange(1000.0) + 500, np.arange(40.0)
    assert threshold(outside, 0.05) == 37.0
    few = found_at(inside, outside, 0.01)
    assert few.value == 1.0 and few.low == 0.0  # 40 documents cannot show a rate of 1 %
    many = found_at(inside, np.arange(2000.0) / 2000, 0.01)
    assert many.low > 0.99
    random = np.random.default_rng(0)
    blind = found_at(random.normal(size=500), random.normal(size=500), 0.05)
    assert blind.low < 0.05 < blind.high


def test_the_intervals_hold() -> None:
    random = np.random.default_rng(1)
    covered = {"auc": 0, "tpr": 0}
    truth = {"auc": 0.7602499389065233, "tpr": 0.2595110}  # of normals one deviation apart, at 5 %
    for _ in range(400):
        inside, outside = random.normal(1, 1, 60), random.normal(0, 1, 80)
        area, found = auc(inside, outside), found_at(inside, outside, 0.05)
        covered["auc"] += area.low <= truth["auc"] <= area.high
        covered["tpr"] += found.low <= truth["tpr"] <= found.high
    assert covered["auc"] >= 375 and covered["tpr"] >= 380, covered


def test_a_verdict_never_goes_beyond_the_interval() -> None:
    at = [Estimate(0.6, low, high, 0.1, 9) for low, high in ((0.4, 0.8), (0.51, 0.7), (0.1, 0.49), (0.5, 0.6))]
    assert [kind(one) for one in at] == ["cannot tell", "tells", "wrong way", "cannot tell"]
    assert kind(Estimate(0.9, float("nan"), float("nan"), float("nan"), 2)) == "cannot tell"


def test_sets_that_cannot_calibrate() -> None:
    one, two = Text("a", "f:1", None, "same"), Text("b", "f:2", None, "other")
    with pytest.raises(UserError, match="1 documents known in"):
        check({"in": [one], "out": [one, two]})
    with pytest.raises(UserError, match="1 texts are among"):
        check({"in": [one, two], "out": [one, Text("c", "f:3", None, "third")]})


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "workspace"))
    for name, word in (("in", "alpha"), ("out", "omega"), ("asked", "gamma")):
        rows = [{"text": f"{word} number {number} of the list"} for number in range(12)]
        rows += [{"text": " "}] if name == "asked" else []
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ("contamination", "membership", "-m", "mock:0", "--in", "in.jsonl", "--not-in", "out.jsonl")
    ended = invoke("evalkit", *asked, "--data", "asked.jsonl", "--out", "a", cwd=tmp_path)
    assert ended.code == 3 and "1 texts have no scores: there is no text" in ended.stderr
    found = {one["score"]: one for one in ended.data["scores"]}
    assert found["loss"]["in"] == 12 and found["loss"]["unscored"] == 1 and found["loss"]["asked"]["n"] == 12
    assert found["blind_bytes"]["kind"] == "cannot tell"
    assert ended.data["verdict"]
    again = invoke("evalkit", *asked, "--data", "asked.jsonl", "--out", "a", cwd=tmp_path)
    assert again.data == ended.data
    same = invoke("evalkit", *asked[:-1], "in.jsonl", "--out", "b", cwd=tmp_path)
    assert same.code == 4 and "12 texts are among" in same.stderr


def test_the_order_command(reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "workspace"))
    asked = ["contamination", "order", "-m", str(reference / "tiny"), "--shards", "5", "--permutations", "8"]
    asked += ["--data", str(reference / "oracle_data" / "mc.jsonl")]
    ended = invoke("evalkit", *asked, "--out", "a", cwd=tmp_path)
    assert ended.code == 0 and ended.data["p"] == pytest.approx(0.24019367820430004, abs=2e-4)
    assert ended.data["verdict"] == "no evidence that the model knows the order of the file"
    assert ended.data["asked"]["context"] == 64 and ended.data["asked"]["stride"] == 32
    assert invoke("evalkit", *asked, "--out", "a", cwd=tmp_path).data == ended.data
    bad = invoke("evalkit", *asked, "--context", "65", cwd=tmp_path)
    assert bad.code == 2 and "the model's context is 64" in bad.stderr
