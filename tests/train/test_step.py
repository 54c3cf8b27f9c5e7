"""A step: what it divides by, what it refuses, and terms that meet in it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import polars as pl
import pytest
import torch

from train import peak, records
from train.data.batch import IGNORED, Batch
from train.distributed import Parallel, World
from train.loop import Trainer
from train.step import Term, gradients, plan, step_seed
from workbench.errors import Exit, UserError

from .toys import Rows, Toy, language, settings, trainer, values


class _Masked(Rows):
    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        found = super().batches(step, rank, world)
        if step != 2:
            return found
        return [dataclasses.replace(each, labels=torch.full_like(each.labels, IGNORED), weight=0.0) for each in found]


def test_a_step_without_labels_names_its_rows(tmp_path: Path) -> None:
    made = Trainer(Toy(), [Term(language, _Masked(4))], settings(), tmp_path)
    with pytest.raises(UserError, match=r"every label is masked in row 0, .*row 4 and 3 more") as caught:
        made.train()
    assert caught.value.code == Exit.INPUT


def test_terms_add_up_by_their_coefficients() -> None:
    def found(terms: list[Term]) -> list[torch.Tensor]:
        model = Toy(second_head=True)
        parallel = Parallel(model, World())
        self_plan = plan(terms, 0, parallel)
        gathered = gradients(terms, 0, self_plan, parallel, "fp32")
        losses.append(gathered.loss)
        zero = torch.zeros(1)
        return [zero if value.grad is None else value.grad for value in model.parameters()]

    losses: list[float] = []
    one = Term(language, Rows(2), 1.0, "language")
    other = Term(values, Rows(8, per_row=True), 1.0, "values")
    apart = zip(found([one]), found([other]), strict=True)
    both = found([dataclasses.replace(one, coefficient=2.0), dataclasses.replace(other, coefficient=0.25)])
    for (left, right), together in zip(apart, both, strict=True):
        assert torch.allclose(2.0 * left + 0.25 * right, together, atol=1e-7)
    assert losses[2] == pytest.approx(2.0 * losses[0] + 0.25 * losses[1])


def test_a_coefficient_changes_the_update_and_zero_leaves_a_term_out(tmp_path: Path) -> None:
    def norm(coefficient: float) -> float:
        terms = [Term(language, Rows(), name="a"), Term(values, Rows(per_row=True), coefficient, "b")]
        out = tmp_path / str(coefficient)
        Trainer(Toy(second_head=True), terms, settings(steps=1), out).train()
        return float(pl.read_parquet(out / "metrics")["grad_norm"][0])

    assert len({norm(0.0), norm(0.5), norm(5.0)}) == 3


def test_columns_of_several_terms_carry_their_names(tmp_path: Path) -> None:
    trainer(tmp_path, two=True).train()
    found = pl.read_parquet(tmp_path / "metrics")
    assert {"language.loss", "language.accuracy", "values.loss"} <= set(found.columns)
    total = found["language.loss"] + 0.5 * found["values.loss"]
    assert found["loss"].to_list() == pytest.approx(total.to_list())
    with pytest.raises(ValueError, match="names of their own"):
        Trainer(Toy(), [Term(language, Rows()), Term(language, Rows())], settings(), tmp_path)


def test_the_end_of_the_data_is_the_end(tmp_path: Path) -> None:
    made = Trainer(Toy(), [Term(language, Rows(steps=4))], settings(steps=9), tmp_path)
    outcome = made.train()
    assert (outcome.step, outcome.ended) == (4, "data")
    assert outcome.checkpoint.name == "step-00000004"


def test_seeds_differ_by_step_and_rank_and_last() -> None:
    assert len({step_seed(1, step, rank) for step in range(50) for rank in range(4)}) == 200
    assert step_seed(0, 0, 0) == step_seed(0, 0, 0)


def test_hardware_is_measured_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "matmul_peak", peak.matmul_peak)
    trainer(tmp_path, precision="bf16").train()
    found = json.loads((tmp_path / "hardware.json").read_text())
    assert found["matmul_flops_per_s"]["fp32"] > 1e8
    rows = pl.read_parquet(tmp_path / "metrics")
    assert rows["peak_share"].min() > 0  # type: ignore[operator]
    assert rows["tokens_per_s"].to_list() == pytest.approx((rows["tokens"] / rows["seconds"]).to_list())


def test_gradient_checkpointing_needs_a_model_that_has_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no gradient checkpointing"):
        trainer(tmp_path, checkpointing=True)
