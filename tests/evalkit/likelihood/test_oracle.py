"""Against lm-eval 0.4.13 on the same checkpoint: every log-likelihood, whether it is greedy, every text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import WORDS

from evalkit.models.open import open_model
from evalkit.models.types import Pair, Windows

pytestmark = pytest.mark.oracle

LONG = " ".join(WORDS * 6)
FOREIGN = "".join(f"Über {number} 敏捷 {number**3} 🙂 " for number in range(40))


@pytest.fixture(scope="module", params=[None, False], ids=["bos", "no bos"])
def both(request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Their model and ours, with the begin-of-text token as the tokenizer has it or without it."""
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    extra = {} if request.param is None else {"add_bos_token": request.param}
    theirs = huggingface.HFLM(pretrained=str(tiny), dtype="float32", device="cpu", batch_size=4, **extra)
    return theirs, open_model(str(tiny), root=tmp_path_factory.mktemp("root"), bos=request.param)


def asked(kind: str, arguments: Sequence[tuple[str, ...]]) -> list[Any]:
    instance = pytest.importorskip("lm_eval.api.instance").Instance
    return [instance(kind, {}, each, number) for number, each in enumerate(arguments)]


def items(reference: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (reference / "oracle_data" / "mc.jsonl").open()]


def check(both: tuple[Any, Any], pairs: list[tuple[str, str]], exact: bool) -> None:
    theirs, ours = both
    expected = theirs.loglikelihood(asked("loglikelihood", pairs), disable_tqdm=True)
    found = dict(ours.loglikelihoods([Pair(*pair) for pair in pairs]))
    for number, (logprob, greedy) in enumerate(expected):
        # Where few rows are left in a batch of theirs they are added up in another order: at most the last place.
        close = pytest.approx(logprob, rel=2e-7) if exact else pytest.approx(logprob, abs=1e-5)
        assert found[number].logprob == close, pairs[number]
        assert found[number].greedy is greedy


def test_choices(both: tuple[Any, Any], reference: Path) -> None:
    pairs = [
        (f"Question: {item['question']}\nAnswer:", f" {choice}")
        for item in items(reference)
        for choice in item["choices"]
    ]
    check(both, pairs, exact=True)


def test_choices_alone(both: tuple[Any, Any], reference: Path) -> None:
    check(both, [("", f" {choice}") for item in items(reference) for choice in item["choices"]], exact=False)


def test_shots_that_do_not_fit_and_letters(both: tuple[Any, Any], reference: Path) -> None:
    rows = items(reference)
    shots = "".join(f"Question: {row['question']}\nAnswer: {row['choices'][0]}\n\n" for row in rows[:5])
    pairs = [
        (f"{shots[-length:]}{row['question']}\nAnswer:", f" {letter}")
        for row in rows[5:25]
        for length in (40, 400)
        for letter in "ABCD"
    ]
    check(both, pairs, exact=False)


def test_edges(both: tuple[Any, Any]) -> None:
    pairs = [
        ("the cat ", "sat on"),
        ("the cat\n\n", "sat"),
        ("the cat", " Über 敏捷 🙂"),
        (LONG, " cat"),
        ("the", " " + " ".join(WORDS[:25])),
    ]
    check(both, pairs, exact=False)


def test_texts(both: tuple[Any, Any], reference: Path) -> None:
    theirs, ours = both
    texts = [json.loads(line)["text"] for line in (reference / "oracle_data" / "ppl.jsonl").open()]
    # Windows that hold the same tokens but seek fewer of them would be confused: theirs takes the first, not the last.
    texts += [LONG, "The cat.", FOREIGN]
    expected = theirs.loglikelihood_rolling(asked("loglikelihood_rolling", [(text,) for text in texts]))
    windows = Windows(bos="scored" if theirs.add_bos_token is None else "context")
    found = dict(ours.rolling(texts, windows))
    for number, total in enumerate(expected):
        assert found[number].total == pytest.approx(total, rel=1e-9), texts[number]
