"""Checkpoints are whole or not there, hold no pickle, and say what is wrong with them."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from train import checkpoint
from train.checkpoint import WholeModel, all_complete, best, latest, read_state
from train.model.build import write_config
from workbench import files
from workbench.errors import Exit, UserError

from .toys import LLAMA, Toy, digest, trainer


def _steps(out: Path) -> list[int]:
    return [read_state(path).step for path in all_complete(out)]


def test_what_lies_in_it(tmp_path: Path) -> None:
    form = WholeModel(lambda directory: (directory / "config.json").write_text("{}") and None)
    path = trainer(tmp_path, form=form, identity={"data": "d"}).train().checkpoint
    found = sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    names = ["optimizer.json", "optimizer.safetensors", "state.json"]
    assert found == ["COMPLETE", "config.json", "model.safetensors", *(f"train/{name}" for name in names)]
    assert sorted(json.loads((path / "COMPLETE").read_text())) == [name for name in found if name != "COMPLETE"]
    assert read_state(path).model_dump() == {
        "version": 1,
        "step": 3,
        "tokens": 3 * 8 * 16,
        "identity": {"data": "d"},
        "skipped": {},
        "value": None,
    }
    header = (path / "model.safetensors").read_bytes()[8:200]
    assert b'"__metadata__":{"format":"pt"}' in header


def test_nothing_is_pickled() -> None:
    """A pickle runs code when it is read; torch.load and torch.save are not used for anything."""
    sources = (Path(checkpoint.__file__).parent).rglob("*.py")
    banned = ("torch.load", "torch.save", "import pickle", "gather_object", "broadcast_object")
    assert not [(path.name, word) for path in sources for word in banned if word in path.read_text()]


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    made = trainer(tmp_path, steps=10, save_every=2, keep=2)
    values = {2: 3.0, 4: 1.0, 6: 2.0, 8: float("nan"), 10: 5.0}

    def measured() -> None:
        made._measured = (made.step, [{"bits_per_byte": None, "loss": values[made.step]}])

    save = made._save
    made._save = lambda: (measured(), save())[1]  # type: ignore[method-assign]
    made.train()
    assert _steps(tmp_path) == [4, 8, 10]
    assert read_state(latest(tmp_path)).step == 10  # type: ignore[arg-type]
    assert read_state(best(tmp_path)).step == 4  # type: ignore[arg-type]


def test_incomplete_ones_are_passed_over(tmp_path: Path) -> None:
    trainer(tmp_path, save_every=1, keep=3).train()
    (tmp_path / "checkpoints" / "step-00000003" / "COMPLETE").unlink()
    (tmp_path / "checkpoints" / "step-00000009.tmp-1").mkdir()
    (tmp_path / "checkpoints" / "step-00000009.tmp-1" / "COMPLETE").touch()
    assert _steps(tmp_path) == [1, 2]
    again = trainer(tmp_path, save_every=1, keep=3)
    again.train()
    assert _steps(tmp_path) == [1, 2, 3]
    assert not list(tmp_path.rglob("*.tmp-*"))


@pytest.fixture
def small_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _limit(_: pytest.MonkeyPatch) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def _full(place: str) -> Any:
    def patch(patch: pytest.MonkeyPatch) -> None:
        def failing(*arguments: Any, **options: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))

        where = {"tensors": (checkpoint, "save_file"), "sync": (files, "sync"), "text": (Path, "write_text")}[place]
        patch.setattr(*where, failing)

    return patch


@pytest.mark.parametrize(
    "fill", [_limit, _full("tensors"), _full("sync"), _full("text")], ids=["limit", "tensors", "sync", "text"]
)
def test_a_full_disk_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_files: None, fill: Any
) -> None:
    straight = trainer(tmp_path / "straight", steps=5)
    straight.train()
    out = tmp_path / "full"
    trainer(out, steps=5).train(until=2)
    made = trainer(out, steps=5)
    step = made.optimizers.step

    def filling(share: float) -> None:
        if made.step == 3:
            fill(monkeypatch)
        step(share)

    made.optimizers.step = filling  # type: ignore[method-assign]
    with pytest.raises(UserError, match="the disk is full") as caught:
        made.train()
    assert caught.value.code == Exit.OUTPUT
    monkeypatch.undo()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert _steps(out) == [2]
    after = trainer(out, steps=5)
    after.train()
    assert digest(after.model) == digest(straight.model)


@pytest.mark.parametrize("name", ["model.safetensors", "train/optimizer.safetensors"])
def test_a_file_cut_short_is_named(tmp_path: Path, name: str) -> None:
    path = trainer(tmp_path, steps=4).train(until=2).checkpoint
    file = path / name
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=f"it has {size - 100:,} bytes, not {size:,}") as caught:
        trainer(tmp_path, steps=4).train()
    assert caught.value.code == Exit.INPUT
    assert caught.value.file == str(file)
    file.write_bytes(file.read_bytes() + b"x" * 100)
    with pytest.raises(UserError, match="its bytes have changed"):
        trainer(tmp_path, steps=4).train()


def test_a_foreign_tensor_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(UserError, match="cannot be used"):
        checkpoint.read_tensors(tmp_path / "cut")
    with pytest.raises(UserError, match="it is missing"):
        checkpoint.read_tensors(tmp_path / "none")


def test_another_model_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, steps=4).train(until=2)
    model = Toy()
    model.lm_head = torch.nn.Linear(64, 49, bias=False)
    with pytest.raises(UserError, match=r"lm_head\.weight does not fit") as caught:
        trainer(tmp_path, steps=4, model=model).train()
    assert caught.value.code == Exit.INPUT


@pytest.mark.oracle
def test_transformers_opens_it(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    form = WholeModel(lambda directory: write_config(LLAMA, directory))
    made = trainer(tmp_path, llama=True, form=form)
    path = made.train().checkpoint
    theirs = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    tokens = torch.arange(12)[None]
    ours = made.model.eval()(tokens) @ made.model.head.T
    assert torch.allclose(theirs(tokens, use_cache=False).logits, ours, atol=1e-5)
