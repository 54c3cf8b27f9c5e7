"""The perplexities of lm-eval 0.4.13 on the tiny Llama, from a whole run; and from lm-eval itself where it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.open import open_model
from evalkit.models.types import Windows
from evalkit.perplexity.make import Measuring, measure, read_summary
from evalkit.perplexity.texts import open_texts

SCORED = {
    "word_perplexity": 1211.7182749438152,
    "byte_perplexity": 4.233100923800464,
    "bits_per_byte": 2.081714885190878,
}
CONTEXT = {
    "word_perplexity": 1165.3796344197624,
    "byte_perplexity": 4.199687491594447,
    "bits_per_byte": 2.07028197762924,
}
TASK = """task: local_ppl
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
output_type: loglikelihood_rolling
test_split: test
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list:
  - metric: word_perplexity
  - metric: byte_perplexity
  - metric: bits_per_byte
metadata: {{version: 1.0}}
"""


def measured(tiny: Path, data: Path, root: Path, **windows: Any) -> dict[str, Any]:
    texts = open_texts(str(data), root)
    run = measure(Measuring.of([open_model(str(tiny), root=root)], texts, Windows(**windows)), root)
    found: dict[str, Any] = read_summary(run.path)["measured"][0]
    return found


@pytest.mark.parametrize(("bos", "expected"), [("scored", SCORED), ("context", CONTEXT)])
def test_the_known_numbers(reference: Path, tmp_path: Path, bos: str, expected: dict[str, float]) -> None:
    found = measured(reference / "tiny", reference / "oracle_data" / "ppl.jsonl", tmp_path, bos=bos)
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected, rel=1e-9)
    for name in expected:
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    assert found["tokens"] == (1279 if bos == "scored" else 1267)


def test_narrower_strides_know_more(reference: Path, tmp_path: Path) -> None:
    data = reference / "oracle_data" / "ppl.jsonl"
    rolling = measured(reference / "tiny", data, tmp_path)
    whole = measured(reference / "tiny", data, tmp_path, stride=64)
    strided = measured(reference / "tiny", data, tmp_path, stride=8)
    assert rolling["loss"] == pytest.approx(whole["loss"], rel=1e-9)  # the last window is filled up either way
    assert strided["tokens"] == rolling["tokens"] and strided["loss"] != rolling["loss"]


@pytest.mark.oracle
@pytest.mark.parametrize("scored", [True, False])
def test_lm_eval_says_the_same(reference: Path, tmp_path: Path, scored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.tasks import TaskManager

    rows = [
        "Ends in a blank. ",
        " Begins with one, and has\n\nlines.\t",
        "Ünïcødé ☃ 字",
        "word " * 150,
        "x",
    ]
    data = tmp_path / "odd.jsonl"
    data.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    (tmp_path / "ppl.yaml").write_text(TASK.format(file=data))
    told = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={reference / 'tiny'},dtype=float32,add_bos_token={scored}",
        tasks=["local_ppl"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        device="cpu",
        batch_size=2,
        bootstrap_iters=0,
    )["results"]["local_ppl"]
    found = measured(reference / "tiny", data, tmp_path, bos="scored" if scored else "context")
    for name in SCORED:
        assert found[name]["value"] == pytest.approx(told[f"{name},none"], rel=1e-9), name
