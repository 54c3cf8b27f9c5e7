"""NaN in a loss, in a gradient or in a weight: never in a checkpoint, always in the log."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from train.checkpoint import all_complete
from train.data.batch import Batch
from train.loop import Trainer
from train.objective import Sums
from train.step import Term
from workbench.errors import Exit, UserError

from .toys import Toy, digest, language, trainer


def _bad_at(made: Trainer, bad: set[int], value: float = math.nan, where: str = "loss", once: bool = False) -> Trainer:
    """Makes the loss (or a weight, or only a gradient) of some steps no number."""
    left = set(bad)

    def objective(model: nn.Module, batch: Batch) -> Sums:
        sums = language(model, batch)
        if made.step not in left:
            return sums
        if once:
            left.discard(made.step)
        if where == "weight":
            with torch.no_grad():
                model.norm.weight[3] = value
            return language(model, batch)
        factor = value if where == "loss" else torch.tensor(1.0, requires_grad=True)
        loss = sums.loss * factor
        if where == "gradient":
            loss.register_hook(lambda gradient: gradient * value)
        return Sums(loss, sums.weight, sums.metrics)

    made.terms[0] = Term(objective, made.terms[0].source)
    return made


def _finite_checkpoints(out: Path) -> bool:
    tensors = [load_file(path / "model.safetensors") for path in all_complete(out)]
    return all(bool(torch.isfinite(value).all()) for each in tensors for value in each.values())


def _rows(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "metrics")


@pytest.mark.parametrize("where", ["loss", "gradient", "weight"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_raise_ends_and_leaves_the_last_checkpoint(tmp_path: Path, where: str, value: float) -> None:
    made = _bad_at(trainer(tmp_path, steps=6, save_every=2), {3}, value, where)
    with pytest.raises(UserError, match=r"step 4 has the loss") as caught:
        made.train()
    assert caught.value.code == Exit.GATE
    assert [path.name for path in all_complete(tmp_path)] == ["step-00000002"]
    assert _finite_checkpoints(tmp_path)


def test_skip_takes_every_other_step_and_logs_the_loss_as_it_was(tmp_path: Path) -> None:
    made = _bad_at(trainer(tmp_path, steps=6, guard="skip"), {2}, math.inf)
    made.train()
    assert all(bool(torch.isfinite(value).all()) for value in made.model.parameters())
    rows = _rows(tmp_path)
    assert rows["step"].to_list() == [1, 2, 3, 4, 5, 6]
    assert rows["loss"][2] == math.inf
    assert rows["skipped"].to_list() == [False, False, True, False, False, False]
    # the same as if the step's gradient had been nothing: the optimizer has not moved
    assert rows["grad_norm"].is_finite().to_list() == [True, True, False, True, True, True]


@pytest.mark.parametrize("where", ["loss", "weight"])
def test_rollback_goes_back_and_passes_over_the_rows(tmp_path: Path, where: str) -> None:
    made = _bad_at(trainer(tmp_path, steps=8, save_every=3, guard="rollback"), {4}, where=where)
    made.train()
    rows = _rows(tmp_path)
    assert rows["step"].to_list() == list(range(1, 9))
    assert math.isnan(rows["loss"][4])
    assert rows["skipped"].to_list() == [step == 5 for step in range(1, 9)]
    assert _finite_checkpoints(tmp_path)
    skipping = _bad_at(trainer(tmp_path / "skip", steps=8, guard="skip"), {4})
    skipping.train()
    assert digest(made.model) == digest(skipping.model)


def test_rollback_before_the_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    made = _bad_at(trainer(tmp_path, steps=5, guard="rollback"), {1}, where="weight")
    made.train()
    assert _finite_checkpoints(tmp_path)
    assert _rows(tmp_path)["skipped"].to_list() == [False, True, False, False, False]


def test_what_is_passed_over_is_remembered_by_the_next_start(tmp_path: Path) -> None:
    """The rows were bad once only; a resumed run must not take them after all."""
    straight = _bad_at(trainer(tmp_path / "straight", steps=8, save_every=3, guard="rollback"), {4}, once=True)
    straight.train()
    part = _bad_at(trainer(tmp_path / "part", steps=8, save_every=3, guard="rollback"), {4}, once=True)
    part.train(until=7)
    rest = trainer(tmp_path / "part", steps=8, save_every=3, guard="rollback")
    rest.train()
    assert digest(rest.model) == digest(straight.model)


def test_skip_heals_a_broken_weight_from_the_last_checkpoint(tmp_path: Path) -> None:
    made = _bad_at(trainer(tmp_path, steps=6, save_every=2, guard="skip"), {3}, where="weight", once=True)
    made.train()
    assert _finite_checkpoints(tmp_path)
    bare = _bad_at(trainer(tmp_path / "bare", steps=6, guard="skip"), {3}, where="weight")
    with pytest.raises(UserError, match="no checkpoint to go back to"):
        bare.train()
    assert not all_complete(tmp_path / "bare")


@pytest.mark.parametrize("policy", ["skip", "rollback"])
def test_too_many_bad_steps_end_the_training(tmp_path: Path, policy: str) -> None:
    made = _bad_at(trainer(tmp_path, steps=30, guard=policy, guard_limit=3, save_every=2), set(range(5, 30)))
    with pytest.raises(UserError, match="the 4th such step"):
        made.train()
    assert _finite_checkpoints(tmp_path)


@pytest.mark.parametrize("policy", ["raise", "rollback"])
def test_weights_that_the_optimizer_breaks_are_not_saved(tmp_path: Path, policy: str) -> None:
    made = trainer(tmp_path, steps=6, save_every=3, guard=policy)
    step = made.optimizers.step
    broken = []

    def breaking(share: float) -> None:
        step(share)
        if made.step == 5 and not broken:
            broken.append(made.step)
            with torch.no_grad():
                made.model.norm.weight[0] = math.nan

    made.optimizers.step = breaking  # type: ignore[method-assign]
    if policy == "raise":
        with pytest.raises(UserError, match="step 6"):
            made.train()
    else:
        made.train()
        assert _rows(tmp_path)["skipped"].to_list() == 5 * [False] + [True]
    assert _finite_checkpoints(tmp_path)
    assert isinstance(made.model, Toy)
