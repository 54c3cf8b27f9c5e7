"""A whole run gives the numbers of lm-eval 0.4.13 for the same checkpoint and the same local files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.open import open_model
from evalkit.run.make import Evaluation, evaluate
from evalkit.run.rows import read_rows, read_summary
from evalkit.run.settings import EvalSettings

READ = """
name: local-ppl
title: Documents
source: drawn words
licence: CC0-1.0
kind: perplexity
formulation: rolling
data: {files: [ppl]}
forms: [{text: text}]
prompt: "{{text}}"
metrics: [word_perplexity, byte_perplexity, bits_per_byte]
"""
CHOICE = """
name: local-mc
title: Items
source: drawn words
licence: CC0-1.0
kind: language
data: {files: [mc]}
forms: [{question: question, choices: choices, gold: answer}]
prompt: "Question: {{question}}\\nAnswer:"
metrics: [acc, acc_norm, acc_bytes, acc_mutual_info, brier]
"""
WITH_BOS = {
    "word_perplexity": 1211.7182749438152,
    "byte_perplexity": 4.233100923800464,
    "bits_per_byte": 2.081714885190878,
    "acc": 0.325,
    "acc_norm": 0.25,
    "acc_bytes": 0.25,
    "acc_mutual_info": 0.275,
    "brier": 1.1516118403638178,
}
WITHOUT = {
    "word_perplexity": 1165.3796344197624,
    "byte_perplexity": 4.199687491594447,
    "bits_per_byte": 2.07028197762924,
    "acc": 0.25,
    "acc_norm": 0.275,
    "acc_bytes": 0.275,
    "acc_mutual_info": 0.225,
    "brier": 1.1575236999396024,
}
ERRORS = {"acc": 0.0750, "acc_norm": 0.06933752452815363, "acc_mutual_info": 0.0714995069016527}
"""Standard errors that lm-eval prints, with the BOS."""


def run(reference: Path, folder: Path, **settings: Any) -> Path:
    """The run of both tasks on the tiny Llama."""
    for name, text in (("ppl", READ), ("mc", CHOICE)):
        (folder / f"{name}.yaml").write_text(text)
    given = {"tasks": (str(folder / "ppl.yaml"), str(folder / "mc.yaml")), **settings}
    made = EvalSettings(model=str(reference / "tiny"), data_root=(str(reference / "oracle_data"),), **given)
    model = open_model(made.model, root=folder, bos=made.bos)
    return evaluate(Evaluation.of(made, model, folder, folder), folder, out=folder / "run").path


def numbers(run: Path, field: str = "value") -> dict[str, float]:
    """Every metric of the run."""
    return {name: found[field] for task in read_summary(run)["tasks"] for name, found in task["metrics"].items()}


def test_numbers_with_the_begin_of_text_token_scored(reference: Path, tmp_path: Path) -> None:
    made = run(reference, tmp_path, text_bos="scored")
    assert numbers(made) == pytest.approx(WITH_BOS, rel=1e-9)
    errors = numbers(made, "error")
    assert {name: errors[name] for name in ERRORS} == pytest.approx(ERRORS, rel=1e-9)


def test_numbers_without_it(reference: Path, tmp_path: Path) -> None:
    found = numbers(run(reference, tmp_path, bos=False, text_bos="context"))
    assert found == pytest.approx(WITHOUT, rel=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("bos", [None, False])
@pytest.mark.parametrize("shots", [0, 2, 6])
def test_lm_eval(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shots: int, bos: bool | None
) -> None:
    """Item by item, with and without BOS; six examples do not fit into the 64 positions."""
    lm_eval = pytest.importorskip("lm_eval")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    from lm_eval.tasks import TaskManager

    (tmp_path / "peer").mkdir()
    for name, options in PEER.items():
        files = {"test": str(reference / "oracle_data" / f"{name}.jsonl")}
        config = {"task": f"local_{name}", "dataset_path": "json", "dataset_kwargs": {"data_files": files}, **options}
        (tmp_path / "peer" / f"{name}.yaml").write_text(json.dumps(config))
    flag = "" if bos is None else ",add_bos_token=False"
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={reference / 'tiny'},dtype=float32{flag}",
        tasks=["local_mc", "local_ppl"],
        task_manager=TaskManager(include_path=str(tmp_path / "peer"), include_defaults=False),
        num_fewshot=shots,
        batch_size=4,
        device="cpu",
        bootstrap_iters=0,
        log_samples=True,
    )
    expected = {
        name.partition(",")[0].replace("brier_score", "brier"): value
        for task in ("local_mc", "local_ppl")
        for name, value in found["results"][task].items()
        if name.endswith(",none") and "stderr" not in name
    }
    made = run(reference, tmp_path, shots=shots, bos=bos, text_bos="scored" if bos is None else "context")
    assert numbers(made) == pytest.approx(expected, rel=1e-9)
    rows = [row for row in read_rows(made, "items").collect().to_dicts() if row["task"] == "local-mc"]
    peers = sorted(found["samples"]["local_mc"], key=lambda sample: sample["doc_id"])
    assert [row["prompts"][0] for row in rows] == [peer["arguments"][0][0] for peer in peers]
    for row, peer in zip(rows, peers, strict=True):
        theirs = [float(answer[0][0]) for answer in peer["resps"]]
        assert [*row["logprobs"], *row["unconditional"]] == pytest.approx(theirs, rel=1e-5)
        assert [bool(answer[0][1]) for answer in peer["resps"]][:4] == row["greedy"]
    assert any(row["cut"] for row in rows) == (shots == 6)
    assert math.isfinite(sum(numbers(made).values()))


PEER: dict[str, dict[str, Any]] = {
    "mc": {
        "output_type": "multiple_choice",
        "test_split": "test",
        "fewshot_split": "test",
        "fewshot_config": {"sampler": "first_n"},
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "answer",
        "metric_list": [
            {"metric": each} for each in ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "brier_score")
        ],
    },
    "ppl": {
        "output_type": "loglikelihood_rolling",
        "test_split": "test",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [{"metric": each} for each in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
    },
}
