"""The numbers that lm-eval 0.4.13 gives for the tiny Llama, from our engine."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_llama import DIGESTS

from evalkit.models.open import open_model
from evalkit.models.types import Pair, Windows

SCORED = {"word": 1211.7182749438152, "byte": 4.233100923800464, "bits": 2.081714885190878}
CONTEXT = {"word": 1165.3796344197624, "byte": 4.199687491594447, "bits": 2.07028197762924}


@pytest.mark.parametrize("name", DIGESTS)
def test_the_files_are_made_anew_bit_by_bit(reference: Path, name: str) -> None:
    assert hashlib.sha256((reference / name).read_bytes()).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize(("bos", "expected"), [("scored", SCORED), ("context", CONTEXT)])
def test_perplexity(reference: Path, tmp_path: Path, bos: str, expected: dict[str, float]) -> None:
    texts = [json.loads(line)["text"] for line in (reference / "oracle_data" / "ppl.jsonl").open()]
    model = open_model(str(reference / "tiny"), root=tmp_path)
    total = sum(rolled.total for _, rolled in model.rolling(texts, Windows(bos=bos)))
    words = sum(len(re.split(r"\s+", text)) for text in texts)
    size = sum(len(text.encode()) for text in texts)
    found = {"word": math.exp(-total / words), "byte": math.exp(-total / size), "bits": -total / size / math.log(2)}
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("bos", "accuracies", "brier"),
    [
        (None, {"acc": 0.325, "norm": 0.25, "bytes": 0.25, "pmi": 0.275}, 1.1516118403638178),
        (False, {"acc": 0.25, "norm": 0.275, "bytes": 0.275, "pmi": 0.225}, 1.1575236999396024),
    ],
)
def test_multiple_choice(
    reference: Path, tmp_path: Path, bos: bool | None, accuracies: dict[str, float], brier: float
) -> None:
    items = [json.loads(line) for line in (reference / "oracle_data" / "mc.jsonl").open()]
    model = open_model(str(reference / "tiny"), root=tmp_path, bos=bos)
    pairs = [
        Pair(context, f" {choice}")
        for item in items
        for context in (f"Question: {item['question']}\nAnswer:", "")
        for choice in item["choices"]
    ]
    answers = dict(model.loglikelihoods(pairs))
    logprobs = np.array([answers[number].logprob for number in range(len(pairs))]).reshape(len(items), 2, 4)
    gold = np.array([item["answer"] for item in items])
    chars = np.array([[len(choice) for choice in item["choices"]] for item in items])
    sizes = np.array([[len(choice.encode()) for choice in item["choices"]] for item in items])
    given, alone = logprobs[:, 0], logprobs[:, 1]
    found = {"acc": given, "norm": given / chars, "bytes": given / sizes, "pmi": given - alone}
    assert {name: (value.argmax(1) == gold).mean() for name, value in found.items()} == pytest.approx(accuracies)
    chances = np.exp(given - given.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    assert ((chances - np.eye(4)[gold]) ** 2).sum(1).mean() == pytest.approx(brier, rel=1e-9)


def test_the_lowest_log_probabilities(reference: Path, tmp_path: Path) -> None:
    """Min-K% and Min-K%++ at 0.2 of nine tokens: one token. The reference's deviations are differences in fp32."""
    questions = [json.loads(line)["question"] for line in (reference / "oracle_data" / "mc.jsonl").open()][:2]
    model = open_model(str(reference / "tiny"), root=tmp_path)
    found = [rolled for _, rolled in model.rolling(questions, Windows(), moments=True)]
    assert [one.logprobs.mean() for one in found] == pytest.approx([-6.209400653839111, -6.489131927490234], rel=1e-6)
    assert [one.logprobs.min() for one in found] == pytest.approx([-6.7140584, -7.565964], rel=1e-6)
    scaled = [((one.logprobs - one.means) / one.deviations).min() for one in found]
    assert scaled == pytest.approx([-1.26892, -3.0664592], rel=1e-4)
