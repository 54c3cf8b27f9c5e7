"""The sharded comparison: the reference's numbers, and what it is asked of."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

from evalkit.contamination.order import Plan, compare_orders, read_examples, verdict
from evalkit.contamination.order import shard as step
from evalkit.models.mock import Mock
from evalkit.models.open import open_model
from evalkit.models.types import Model, Windows
from workbench.errors import Exit, UserError

# fp32: the authors' code adds in another order. The sums are of 500 tokens, so that a thousandth is 2 in 10^7.
CANONICAL = [-4307.6167, -4345.4575, -4345.4551, -4352.5967, -4396.5146]
DIFFERENCES = [-0.1042, 7.3961, 0.1155, 4.1154, -3.9543]


def scored(model: Model, plan: Plan, out: Path) -> tuple[np.ndarray, np.ndarray]:
    with step({"model": model, "plan": plan}) as work:
        rows = [work(unit.payload, out, lambda *told, **counts: None) for unit in plan.units(model)]
    return np.array([row["canonical"] for row in rows]), np.array([row["shuffled"] for row in rows])


def test_the_authors_numbers(reference: Path, tmp_path: Path) -> None:
    examples = read_examples(reference / "oracle_data" / "mc.jsonl")
    assert len(examples) == 40 and examples[0].endswith("}\n")
    plan = Plan.of(examples, 5, 8, 0, Windows(64, 32))
    model = open_model(str(reference / "tiny"), root=tmp_path)
    canonical, shuffled = scored(model, plan, tmp_path)
    assert canonical == pytest.approx(CANONICAL, abs=2e-3)
    theirs, ours = compare_orders(canonical, shuffled, ddof=0), compare_orders(canonical, shuffled)
    assert ours.differences == pytest.approx(DIFFERENCES, abs=2e-3)
    assert (theirs.t, theirs.p) == pytest.approx((0.869052229853076, 0.21692784701690082), abs=2e-4)
    assert (ours.t, ours.p) == pytest.approx((0.7773039447796998, 0.24019367820430004), abs=2e-4)
    assert ours.mean.low < ours.mean.value < ours.mean.high and ours.mean.n == 5


def test_the_permutations_are_those_of_the_authors() -> None:
    plan = Plan.of([str(number) for number in range(11)], 3, 2, 0, Windows(8, 4))
    assert plan.bounds == [(0, 4), (4, 8), (8, 11)]
    source = random.Random(0)
    lists = [["a", "b", "c", "d"], ["a", "b", "c", "d"], ["a", "b", "c"]]
    for members, orders in zip(lists, plan.orders, strict=True):
        assert [[members[at] for at in order] for order in orders] == [
            source.sample(members, len(members)) for _ in range(2)
        ]


def test_models_without_tokens_of_their_own_read_texts(tmp_path: Path) -> None:
    plan = Plan.of([f"line {number}\n" for number in range(8)], 2, 3, 0, Windows(16, 8))
    canonical, shuffled = scored(Mock(0), plan, tmp_path)
    assert canonical.shape == (2,) and shuffled.shape == (2, 3)
    assert np.isfinite(canonical).all() and np.isfinite(shuffled).all()


def test_shards_that_never_differ_have_no_t() -> None:
    found = compare_orders(np.zeros(4), np.zeros((4, 3)))
    assert np.isnan(found.t) and found.p == 1.0


def test_a_sorted_file_is_not_judged() -> None:
    words = [f"{chr(97 + number // 8) * 40} {number % 8}\n" for number in range(80)]
    plan = Plan.of(words, 10, 20, 0, Windows())
    sure = compare_orders(np.arange(10.0) + 5, np.zeros((10, 2)))
    random.Random(1).shuffle(words)
    mixed = Plan.of(words, 10, 20, 0, Windows())
    assert "known to the model" in verdict(sure, mixed.compressed())
    assert plan.units(Mock(0))[0] != mixed.units(Mock(0))[0]
    pairs = [f"chapter {number // 2} of a long tale, told line by line {number // 2}\n" for number in range(80)]
    assert "cannot tell" in verdict(sure, Plan.of(pairs, 10, 20, 0, Windows()).compressed())


def test_what_is_no_example(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"text": "a"}) + "\n\n" + json.dumps({"text": 3}) + "\n")
    assert len(read_examples(rows)) == 2
    with pytest.raises(UserError) as error:
        read_examples(rows, "text")
    assert error.value.code == Exit.INPUT and error.value.line == 3
    (tmp_path / "list.json").write_text('["a", "b"]')
    assert read_examples(tmp_path / "list.json", most=1) == ["a"]
    (tmp_path / "list.json").write_text('{"a": 1}')
    with pytest.raises(UserError, match="no JSON list"):
        read_examples(tmp_path / "list.json")
    with pytest.raises(UserError, match="nowhere"):
        read_examples(tmp_path / "nowhere")
    (tmp_path / "lines.txt.gz").write_bytes(gzip.compress(b"one\n\ntwo", mtime=0))
    assert read_examples(tmp_path / "lines.txt.gz") == ["one\n", "two\n"]
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\n")
    with pytest.raises(UserError, match="no text in UTF-8"):
        read_examples(tmp_path / "bytes")
    with pytest.raises(UserError, match="too few"):
        Plan.of(["a"] * 3, 2, 1, 0, Windows())
