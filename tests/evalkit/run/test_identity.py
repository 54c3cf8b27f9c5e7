"""What decides a result is part of its name: weights to the last bit, precision, tokenizer, what scores, training."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_evaluations
import torch
from hashed_model import HashedModel
from safetensors.torch import load_file, save_file
from small_tasks import write_tasks

from evalkit.models.open import open_model
from evalkit.models.types import Pair
from evalkit.run import ask
from evalkit.run.ask import Asker, Failed
from evalkit.run.make import Evaluation, evaluate
from evalkit.run.rows import read_summary
from evalkit.run.settings import EvalSettings
from evalkit.run.show import summary_blocks
from evalkit.run.store import Store
from workbench.manifest import Input
from workbench.render import Table
from workbench.runs import Run

PAIRS = [Pair("The cat sat on", " the mat"), Pair("", " river"), Pair("Old king", " ran over the moon")]


def changed(source: Path, target: Path, draw: random.Random) -> Path:
    """A copy of a checkpoint in which one weight is the next number of its kind."""
    shutil.copytree(source, target)
    weights = load_file(target / "model.safetensors")
    name = draw.choice(sorted(weights))
    flat = weights[name].view(-1)
    place = draw.randrange(len(flat))
    flat[place] = torch.from_numpy(np.nextafter(flat[place : place + 1].numpy(), np.float32(9)))[0]
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_one_bit_of_one_weight_is_another_model(tiny: Path, tmp_path: Path) -> None:
    draw = random.Random(3)
    digests = {open_model(str(tiny), root=tmp_path).digest}
    with Store(tmp_path / "answers.sqlite") as store:
        Asker(open_model(str(tiny), root=tmp_path), store).answer(PAIRS)
        for number in range(20):
            model = open_model(str(changed(tiny, tmp_path / str(number), draw)), root=tmp_path)
            asker = Asker(model, store)
            asker.answer(PAIRS)
            assert asker.reused == 0
            expected = dict(model.loglikelihoods(PAIRS))
            assert [asker.find(pair) for pair in PAIRS] == [expected[place] for place in range(len(PAIRS))]
            digests.add(model.digest)
    assert len(digests) == 21


def test_how_a_model_is_opened_is_another_model_and_where_it_lies_is_not(tiny: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(tiny, tmp_path / "moved")
    ways: list[dict[str, Any]] = [{}, {"precision": "bf16"}, {"bos": False}, {"bos": True}]
    found = [open_model(str(tiny), root=tmp_path, **way).digest for way in ways]
    assert len(set(found)) >= 3 and found[1] not in found[2:] and found[2] != found[3]
    assert open_model(str(moved), root=tmp_path, batch=3).digest == found[0]
    told = json.loads((moved / "tokenizer.json").read_text())
    told["post_processor"] = None
    (moved / "tokenizer.json").write_text(json.dumps(told))
    assert open_model(str(moved), root=tmp_path).digest not in found
    with Store(tmp_path / "answers.sqlite") as store:
        Asker(open_model(str(tiny), root=tmp_path), store).answer(PAIRS)
        asker = Asker(open_model(str(tiny), root=tmp_path, bos=False), store)
        asker.answer(PAIRS)
        assert asker.reused == 0 and not any(isinstance(asker.find(pair), Failed) for pair in PAIRS)


def test_a_real_model_that_breaks_off_comes_to_the_same_bytes(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Floating point hangs on what is computed together: that must not hang on what was done before."""
    names = write_tasks(tmp_path)
    monkeypatch.setattr(ask, "UNIT_REQUESTS", 20)
    settings = EvalSettings(model=str(tiny), tasks=tuple(names), data_root=(str(tmp_path),))

    def made(out: str, root: str) -> Path:
        model = open_model(str(tiny), root=tmp_path)
        asked = Evaluation.of(settings, model, tmp_path / root, tmp_path)
        return evaluate(asked, tmp_path / root, out=tmp_path / out).path

    whole = made("whole", "one")
    put, count = Store.put, 0

    def broken(self: Store, answers: Any) -> None:
        nonlocal count
        count += 1
        if count % 3 == 0:
            raise KeyboardInterrupt
        put(self, answers)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", broken)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                made("broken", "other")
    again = made("broken", "other")
    for name in ("items/part-00000.parquet", "scores/part-00000.parquet", "summary.json"):
        assert (whole / name).read_bytes() == (again / name).read_bytes()
    assert count == 9


TOXIC = """
name: continued
title: Harm of what follows
source: the tests
licence: CC0-1.0
kind: safety
formulation: generate
data: {files: [sums]}
forms: [{question: question}]
prompt: "{{question}}"
metrics: [toxic]
scoring: {words: WORDS}
"""


def test_another_list_of_words_is_another_recipe(tmp_path: Path) -> None:
    write_tasks(tmp_path)
    words = tmp_path / "words.txt"
    (tmp_path / "toxic.yaml").write_text(TOXIC.replace("WORDS", str(words)))
    settings = EvalSettings(model="m", tasks=(str(tmp_path / "toxic.yaml"),), data_root=(str(tmp_path),))

    def made() -> Evaluation:
        return Evaluation.of(settings, HashedModel("a"), tmp_path / "workspace", tmp_path)

    words.write_text("bad\n")
    first = made()
    assert made().recipe == first.recipe
    words.write_text("worse\n")
    assert made().recipe != first.recipe
    run = evaluate(made(), tmp_path / "workspace", out=tmp_path / "run")
    assert read_summary(run.path)["tasks"][0]["metrics"]["toxic"]["better"] == "lower"


@pytest.mark.parametrize(
    ("path", "digest", "is_seen"),
    [
        ("data/sums_train.jsonl", "x", True),
        ("crawl/Sums/part-0.parquet", "x", True),
        ("consumsion.jsonl", "x", False),
        ("renamed.jsonl", "the data's", True),
        ("other.jsonl", "x", False),
    ],
)
def test_tasks_whose_training_split_was_seen_stand_apart(tmp_path: Path, path: str, digest: str, is_seen: bool) -> None:
    names = write_tasks(tmp_path)
    text = (tmp_path / "sums.yaml").read_text()
    (tmp_path / "sums.yaml").write_text(text + "trained_on: [sums]\n")
    root = tmp_path / "workspace"
    settings = EvalSettings(model=str(tmp_path / "model"), tasks=tuple(names), data_root=(str(tmp_path),))
    if digest != "x":
        digest = Evaluation.of(settings, HashedModel("a"), root, tmp_path).planned[1].source.digest
    with Run.create(tmp_path / "data", "train.prepare", "a: 1\n", root=root) as data:
        data.finish(inputs=[Input(path=path, bytes=1, digest=digest)])
    with Run.create(tmp_path / "model", "train.pretrain", "a: 1\n", root=root, parents=[data]) as model:
        model.finish()
    run = evaluate(Evaluation.of(settings, HashedModel("a"), root, tmp_path), root, out=tmp_path / "run")
    assert run.manifest is not None and [parent.id for parent in run.manifest.parents] == [model.id]
    summary = read_summary(run.path)
    seen = {task["task"]: task["seen_in_training"] for task in summary["tasks"]}
    assert seen == {"colours": [], "sums": [path] if is_seen else [], "pages": []}
    titles = [block.title for block in summary_blocks(summary) if isinstance(block, Table)]
    assert any(title.startswith("Trained on") for title in titles) == is_seen


def test_random_changes_of_everything_never_find_a_wrong_answer(tmp_path: Path) -> None:
    """A thousand of them are made by `make prove`."""
    assert random_evaluations.check(tmp_path, changes=40, seed=1) > 500
