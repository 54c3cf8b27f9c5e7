"""Items of an evaluation in what its model has read: a tiny model is trained on the labelled corpus, then asked.

The corpus holds hard negatives: famous passages that items quote, templates, formulae, the same problem with other
numbers. It is read back from the token shards, and the items come as the evaluation asked them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import contaminated_corpus
import numpy as np
import polars as pl
import pytest
import torch
from invoke import Ended, invoke

from evalkit.contamination.reading import past
from train import records
from train.stages.run import read_stage
from workbench.tables import read_tables

TASK = """
name: planted
title: Questions of the labelled corpus
source: the tests
licence: CC0-1.0
kind: commonsense
data: {files: [planted]}
forms: [{question: question, choices: choices, gold: answer}]
prompt: "Question: {{question}}\\nAnswer:"
metrics: [acc, answer_bpb]
shots: {count: 1, order: random}
"""
SMALL = ("--depth", "1", "--context", "64", "--set", "vocab_size=400", "--set", "rows.tokens=2048")


class World(NamedTuple):
    folder: Path
    corpus: contaminated_corpus.Labelled


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("known")
    corpus = contaminated_corpus.make(101)
    rows = [{"id": f"d{at}", "text": document.text} for at, document in enumerate(corpus.documents)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = [{"question": part.text, "choices": ["It does.", "It does not."], "answer": 0} for part in corpus.parts]
    (folder / "planted.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "planted.yaml").write_text(TASK)
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "matmul_peak", lambda device: {"fp32": 1e9, "bf16": 1e9})
        patch.setenv("WORKBENCH_ROOT", str(folder / "workspace"))
        trained = invoke(
            "train", "pretrain", "--data", "corpus.jsonl", *SMALL, "--tokens", "20k", "--out", "model",
            "--set", "save_every=4", "--set", "keep=9", "--set", "text.prepare.held_out=0", "--jobs", "1", cwd=folder,
        )  # fmt: skip
        assert trained.code == 0, trained.stderr
        asked = ("run", "-m", "model", "-t", "planted.yaml", "--data-root", ".")
        for shots in ("0", "1"):
            ended = invoke("evalkit", *asked, "--shots", shots, "--out", f"asked{shots}", cwd=folder)
            assert ended.code == 0, ended.stderr
    return World(folder, corpus)


def known(world: World, run: str, *more: str) -> Ended:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_ROOT", str(world.folder / "workspace"))
        return invoke("evalkit", "contamination", "known", run, "--jobs", "1", *more, cwd=world.folder)


@pytest.fixture(scope="module")
def found(world: World) -> Ended:
    ended = known(world, "asked0", "--out", "found")
    assert ended.code == 0, ended.stderr
    return ended


def pairs(world: World, run: str) -> set[tuple[str, int]]:
    """Documents and the rows of the items that are said to stand there, from the tables of a run."""
    spans = read_tables(world.folder / run / "spans").filter(pl.col("part") == "question").collect()
    items = read_tables(world.folder / run / "items").select("item", "place")
    rows = read_tables(world.folder / "asked0" / "items").select("item", "row")
    row_of = dict(items.join(rows, on="item").select("place", "row").collect().iter_rows())
    return {(document, row_of[place]) for document, place in spans.select("document", "place").iter_rows()}


def test_precision_and_recall_with_hard_negatives(world: World, found: Ended) -> None:
    documents = world.corpus.documents
    there = {(f"d{at}", item) for at, document in enumerate(documents) for item in document.holds}
    said = pairs(world, "found")
    case = {f"d{at}": document.case for at, document in enumerate(documents)}
    wrong = sorted(case[document] for document, _ in said - there)
    assert len(said & there) / len(said) >= 0.95, wrong
    assert len(said & there) / len(there) >= 0.95, sorted(case[document] for document, _ in there - said)


def test_scores_of_clean_and_dirty_items(world: World, found: Ended) -> None:
    task = found.data["tasks"][0]
    held = {item for document in world.corpus.documents for item in document.holds}
    assert task["items"] == 96 and abs(task["dirty"] - len(held)) <= 4
    assert task["clean"] + task["dirty"] + task["untestable"] == 96
    acc = task["metrics"]["acc"]
    assert acc["clean"]["n"] == task["clean"] and acc["dirty"]["n"] == task["dirty"] and acc["all"]["n"] == 96
    assert acc["dirty"]["low"] <= acc["dirty"]["value"] <= acc["dirty"]["high"]
    assert task["share"]["low"] < task["dirty"] / 96 < task["share"]["high"]


def test_spans_are_exact_and_name_their_document(world: World, found: Ended) -> None:
    spans = read_tables(world.folder / "found" / "spans").filter(pl.col("part") == "question").collect()
    texts = {f"d{at}": document for at, document in enumerate(world.corpus.documents)}
    verbatim = [row for row in spans.iter_rows(named=True) if texts[row["document"]].case == "verbatim"]
    exact = 0
    for row in verbatim:
        text, parts = texts[row["document"]].text, texts[row["document"]].holds
        stands = text[row["start"] : row["end"]]
        exact += any(stands.rstrip(".?!？。") in world.corpus.parts[item].text for item in parts)
    assert len(verbatim) >= 20 and exact == len(verbatim)


def test_a_checkpoint_has_read_so_often(world: World, found: Ended) -> None:
    stage = read_stage(world.folder / "model")
    epochs = next(iter(stage["seen"].values()))["epochs"]
    spans = read_tables(world.folder / "found" / "spans").collect()
    assert 0 < epochs < 1  # a tenth of the corpus
    assert spans["reads"].to_list() == pytest.approx([epochs] * spans.height)
    items = read_tables(world.folder / "found" / "items").collect()
    dirty = items.filter(set="dirty")
    assert (dirty["reads"] >= 0.99 * epochs).all() and (items.filter(set="clean")["reads"] == 0).all()
    root = world.folder / "workspace"
    whole = past(str(world.folder / "model"), root).readings[0]
    early = past(str(world.folder / "model" / "checkpoints" / "step-00000004"), root).readings[0]
    assert early.step == 4 < whole.step == stage["steps"]
    rows = [next(iter(one.seen.values()))["rows"] for one in (early, whole)]
    assert rows[0] * whole.step == rows[1] * 4
    assert np.allclose(early.reads() / whole.reads(), early.seen["all"]["tokens"] / whole.seen["all"]["tokens"])


def test_examples_in_the_prompts_are_not_looked_for(world: World, found: Ended) -> None:
    ended = known(world, "asked1", "--out", "shots", "--limit", "0.1")
    assert ended.code == 1 and "items of planted were read" in ended.stderr
    assert pairs(world, "shots") == pairs(world, "found")
    again = known(world, "asked1", "--out", "shots")
    assert again.data == ended.data


def test_models_whose_past_is_not_known(world: World, reference: Path) -> None:
    ended = known(world, "asked0", "-m", str(reference / "tiny"))
    assert ended.code == 4 and "what it read is not known" in ended.stderr
    ended = known(world, "model")
    assert ended.code == 4 and "is no evaluation" in ended.stderr
