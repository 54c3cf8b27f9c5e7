"""Items of an evaluation in the conversations that its model was fine-tuned on."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from invoke import Ended, invoke

from train import records
from train.model.build import build, save
from train.model.config import ModelConfig
from train.tokenizer.train import train as train_tokenizer

ASKED = [
    "Which lantern did the keeper of the northern lighthouse carry down to the drowned cellar?",
    "How many barges passed under the crooked bridge before the flood took its second arch?",
    "Why were the orchards of the valley planted in rings around the abandoned copper mine?",
]
"""The first stands in the conversations, the others nowhere."""
SAID = [f"Tell me of the harbour in the year {year}, and of its {year % 9} ships." for year in range(1700, 1720)]
TASK = """
name: asked
title: Questions
source: the tests
licence: CC0-1.0
kind: commonsense
data: {files: [asked]}
forms: [{question: question, choices: choices, gold: answer}]
prompt: "Question: {{question}}\\nAnswer:"
metrics: [acc]
shots: {count: 0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was fine-tuned by a recipe whose paths are relative to it, and asked."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("spoken")
    coder = train_tokenizer([*ASKED, *SAID] * 4, 500)
    config = ModelConfig(
        vocab_size=coder.size, hidden_size=32, intermediate_size=48, layers=1, heads=4, kv_heads=2, head_dim=8,
        max_positions=256, bos=coder.bos, eos=coder.eos,
    )  # fmt: skip
    save(build(config, seed=3), config, folder / "base")
    coder.save(folder / "base")
    chats = [
        {"id": f"row {at}", "prompt": text, "response": "I do not know."} for at, text in enumerate([*SAID, ASKED[0]])
    ]
    (folder / "data").mkdir()
    (folder / "data" / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chats))
    (folder / "data" / "sft.yaml").write_text("data: {sets: [{path: chats.jsonl}], template: plain}\n")
    items = [{"question": text, "choices": ["It did.", "It did not."], "answer": 0} for text in ASKED]
    (folder / "asked.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "asked.yaml").write_text(TASK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "matmul_peak", lambda device: {"fp32": 1e9, "bf16": 1e9})
        tuned = call(folder, "train", "sft", "data/sft.yaml", "--from", "base", "--epochs", "3", "--out", "tuned",
                     "--set", "held_out=0.1", "--set", "save_every=1", "--set", "keep=9", "--set", "rows.tokens=1024",
                     "--device", "cpu")  # fmt: skip
    assert tuned.code == 0, tuned.stderr
    asked = call(folder, "evalkit", "run", "-m", "tuned", "-t", "asked.yaml", "--data-root", ".", "--out", "run")
    assert asked.code == 0, asked.stderr
    return folder


def call(folder: Path, *arguments: str) -> Ended:
    return invoke(*arguments, "--root", "workspace", cwd=folder)


def known(folder: Path, *more: str) -> Ended:
    return call(folder, "evalkit", "contamination", "known", "run", "--jobs", "1", "--variant", "gpt3", *more)


def test_an_item_in_a_conversation_is_found_with_its_row(folder: Path) -> None:
    ended = known(folder, "--out", "found")
    assert ended.code == 0, ended.stderr
    (task,) = ended.data["tasks"]
    assert (task["items"], task["dirty"], task["clean"]) == (3, 1, 2)
    (read,) = ended.data["read"]
    stage = json.loads((folder / "tuned/stage.json").read_text())
    assert (read["kind"], read["datasets"], read["step"]) == ("train.sft", ["chats"], stage["steps"])
    assert 15 <= read["documents"] < 21  # a tenth is held out
    (span,) = pl.read_parquet(folder / "found" / "spans" / "*.parquet").to_dicts()
    assert (span["run"], span["source"], span["document"]) == ("tuned", "chats", "row 20")
    assert span["reads"] == pytest.approx(stage["seen"]["chats"]["epochs"], rel=0.05)
    assert ended.envelope["warnings"] == ["base: no run made it: what it read was not searched"]


def test_reads_follow_the_step_of_the_checkpoint(folder: Path) -> None:
    ended = known(folder, "--model", "tuned/checkpoints/step-00000001", "--out", "first")
    assert ended.code == 0, ended.stderr
    assert ended.data["read"][0]["step"] == 1
    whole = json.loads((folder / "tuned/stage.json").read_text())["seen"]["chats"]["epochs"]
    assert 0 < ended.data["read"][0]["epochs"]["chats"] < whole


def test_conversations_that_have_changed_are_not_taken_for_those_that_were_read(folder: Path) -> None:
    path = folder / "data" / "chats.jsonl"
    before = path.read_text()
    try:
        path.write_text(before.replace("harbour", "haven"))
        ended = known(folder, "--out", "changed")
        assert ended.code == 4 and "read have changed since" in ended.stderr
        path.unlink()
        ended = known(folder, "--out", "changed")
        assert ended.code == 4 and "cannot be read again: no file" in ended.stderr
    finally:
        path.write_text(before)


def test_the_manifest_names_the_conversations(folder: Path) -> None:
    inputs = json.loads((folder / "tuned/manifest.json").read_text())["inputs"]
    assert [Path(one["path"]).name for one in inputs] == ["chats.jsonl"]
    assert inputs[0]["bytes"] == (folder / "data" / "chats.jsonl").stat().st_size
