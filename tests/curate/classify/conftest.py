"""Invented examples: two kinds of text over a few hosts, drawn with a seed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

GOOD_WORDS = "the study of history shows how careful reading and patient thought lead to better arguments"
BAD_WORDS = "click here buy now casino bonus free spins promo code login cart checkout subscribe newsletter"
GOOD, BAD = GOOD_WORDS.split(), BAD_WORDS.split()


def example(rng: random.Random, good: bool, noise: float = 0.3) -> str:
    own, both = (GOOD if good else BAD), GOOD + BAD
    words = [rng.choice(both if rng.random() < noise else own) for _ in range(60)]
    return " ".join(words) + "."


def rows(good: bool, many: int = 60, hosts: int = 6, seed: int = 1) -> list[dict[str, Any]]:
    rng = random.Random(f"{seed}{good}")
    name = "good" if good else "bad"
    return [
        {"text": example(rng, good), "url": f"https://{name}{at % hosts}.example/{at}", "label": name}
        for at in range(many)
    ]


def write(path: Path, values: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Files of positives and negatives; tests only read them."""
    folder = tmp_path_factory.mktemp("examples")
    return write(folder / "good.jsonl", rows(True)), write(folder / "bad.jsonl", rows(False))
