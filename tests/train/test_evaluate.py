"""Held-out loss: sums over everything divided once, bits by the bytes of the text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional as F

from train.data.batch import IGNORED, Batch
from train.distributed import Parallel, World
from train.evaluate import Evaluation, HeldOut, evaluate, held_out

from .toys import Rows, Toy, language, trainer


def _held_out(part: str, size: int, steps: range) -> HeldOut:
    return HeldOut(part, size, lambda: [batch for step in steps for batch in Rows(3).batches(step, 0, 1)])


def _nats(model: Toy, batches: list[Batch]) -> tuple[float, int]:
    total, count = 0.0, 0
    for batch in batches:
        logs = F.log_softmax(model(batch.tokens) @ model.head.T, -1).double()
        for row in range(len(batch.tokens)):
            for place, label in enumerate(batch.labels[row].tolist()):
                if label != IGNORED:
                    total -= float(logs[row, place, label])
                    count += 1
    return total, count


def test_bits_per_byte_by_part_and_of_all() -> None:
    model = Toy(dropout=0.5)
    parts = [_held_out("web", 700, range(2)), _held_out("books", 90, range(2, 3))]
    rows = evaluate(Parallel(model, World()), Evaluation(language, parts), "fp32")
    assert model.training
    model.eval()
    with torch.no_grad():
        exact = [_nats(model, list(part.batches())) for part in parts]
    nats, labels = (sum(each) for each in zip(*exact, strict=True))
    assert [row["part"] for row in rows] == ["web", "books", ""]
    assert rows[0]["bits_per_byte"] == pytest.approx(exact[0][0] / math.log(2) / 700, rel=1e-6)
    assert rows[1]["loss"] == pytest.approx(exact[1][0] / exact[1][1], rel=1e-6)
    assert rows[2]["bits_per_byte"] == pytest.approx(nats / math.log(2) / 790, rel=1e-6)
    assert rows[2]["loss"] == pytest.approx(nats / labels, rel=1e-6)
    assert (rows[2]["weight"], rows[2]["bytes"]) == (labels, 790.0)
    assert 0 <= rows[2]["accuracy"] <= 1


def test_unknown_bytes_give_no_bits() -> None:
    parts = [_held_out("web", 700, range(1)), _held_out("books", 0, range(1))]
    rows = evaluate(Parallel(Toy(), World()), Evaluation(language, parts), "fp32")
    assert rows[0]["bits_per_byte"] is not None
    assert rows[1]["bits_per_byte"] is None
    assert rows[2]["bits_per_byte"] is None


def test_evaluations_and_samples_lie_beside_the_steps_once(tmp_path: Path) -> None:
    evaluation = Evaluation(language, [_held_out("web", 700, range(1))])

    def sampler(model: torch.nn.Module, step: int) -> list[dict[str, object]]:
        assert not model.training
        return [{"prompt": "a", "text": f"after {step}"}]

    def made(steps: int) -> pl.DataFrame:
        options = {"steps": 6, "evaluate_every": 2, "sample_every": 4, "save_every": 3}
        trainer(tmp_path, evaluation=evaluation, sampler=sampler, **options).train(until=steps)
        return pl.read_parquet(tmp_path / "metrics")

    made(4)
    outcome = made(6)
    assert made(6).equals(outcome)
    every = outcome.filter(kind="eval", part="web")
    assert every["step"].to_list() == [0, 2, 3, 4, 6]
    assert every["bits_per_byte"].null_count() == 0
    assert outcome.filter(kind="train")["step"].to_list() == [1, 2, 3, 4, 5, 6]
    samples = pl.read_parquet(tmp_path / "samples")
    assert samples.rows() == [(4, "a", "after 4"), (6, "a", "after 6")]


def test_held_out_documents_are_read_whole_by_part() -> None:
    """Two parts, a document longer than a row: every token but the first is a label once, the bytes are the texts'."""
    texts = {"web": [[1, *range(5, 15), 2], [1, 7, 2]], "books": [[1, 9, 9, 2]]}
    tokens = _Tokens(texts)
    found = held_out(tokens, width=8, micro=2)  # type: ignore[arg-type]
    assert [(each.part, each.bytes) for each in found] == [("web", 101), ("books", 40)]
    for each, name in zip(found, texts, strict=True):
        labels = [int(label) for batch in each.batches() for label in batch.labels.flatten() if label != IGNORED]
        assert sorted(labels) == sorted(token for text in texts[name] for token in text[1:])


class _Tokens:
    """Token shards in memory, all held out."""

    def __init__(self, texts: dict[str, list[list[int]]]) -> None:
        self.parts = tuple(texts)
        self._texts = [text for part in texts.values() for text in part]
        self._part = np.repeat(np.arange(len(texts)), [len(part) for part in texts.values()])
        self.lengths = np.array([len(text) for text in self._texts])
        self.bytes = np.array([100, 1, 40])
        self.ids = ["a", "b", "c"]

    def split(self, name: str, part: str) -> np.ndarray[Any, Any]:
        return np.flatnonzero(self._part == self.parts.index(part)) if name == "held_out" else np.zeros(0, np.int64)

    def read(self, doc: int, start: int, stop: int) -> np.ndarray[Any, Any]:
        return np.array(self._texts[doc][start:stop], np.uint16)
