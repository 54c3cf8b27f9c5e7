"""The plan: parameters and adapters as built, arithmetic by hand, kept activations as autograd keeps them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from golden_llama import CONFIG
from torch import Tensor

from train.lora import LoraSettings, adapt, trained
from train.model.build import build
from train.model.config import ModelConfig
from train.plan import Pace, Setup, _activations, _copies, flops, memory, parameters, probe, resident

torch.set_num_threads(1)
SHAPE = ModelConfig(
    vocab_size=512, hidden_size=128, intermediate_size=320, layers=3, heads=2, kv_heads=2, head_dim=64, max_positions=64
)


@pytest.mark.parametrize("targets", ["attention", "all", ("q_proj", "model.layers.1.mlp.up_proj")])
def test_parameters_are_those_of_the_model(targets: str) -> None:
    lora = LoraSettings(r=3, targets=targets)  # type: ignore[arg-type]
    model = build(CONFIG, seed=0)
    assert parameters(CONFIG)["trained"] == trained(model)[1]
    adapt(model, lora)
    found = parameters(CONFIG, lora)
    assert (found["trained"], found["total"]) == trained(model)


def test_operations_by_hand() -> None:
    matmul = 3 * (4 * 128 * 128 + 3 * 128 * 320) + 512 * 128
    found = flops(SHAPE, 64)
    assert found == {"matmul": 6 * matmul, "attention": 12 * 3 * 128 * 64, "total": 6 * matmul + 12 * 3 * 128 * 64}
    lora = LoraSettings(r=2, targets=("q_proj",))
    assert flops(SHAPE, 64, lora)["matmul"] == 4 * matmul + 6 * 3 * 2 * 256


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("lora", [None, LoraSettings(r=4)])
def test_kept_activations_are_those_of_autograd(bf16: bool, lora: LoraSettings | None) -> None:
    model = build(SHAPE, seed=0)
    if lora is not None:
        adapt(model, lora)
    own = {each.untyped_storage().data_ptr() for each in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(value: Tensor) -> Tensor:
        if value.untyped_storage().data_ptr() not in own:
            kept[value.untyped_storage().data_ptr()] = value
        return value

    setup = Setup(4, 64, lora=lora, bf16=bf16)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
    ):
        model(torch.zeros(4, 64, dtype=torch.int64))
    measured = sum(value.untyped_storage().nbytes() for value in kept.values())
    assert _activations(SHAPE, setup) + _copies(SHAPE, setup) == pytest.approx(measured, rel=0.2)


def test_memory_by_part() -> None:
    full = Setup(4, 64, micro_batches=2)
    found = memory(SHAPE, full, process=0)
    total = SHAPE.parameters()["total"]
    assert (found["weights"], found["gradients"], found["optimizer"]) == (4 * total, 4 * total, 8 * total)
    assert found["total"] == sum(value for name, value in found.items() if name != "total")
    assert memory(SHAPE, replace(full, optimizer="muon"), process=0)["optimizer"] < found["optimizer"]
    assert memory(SHAPE, replace(full, bf16=True), process=0)["activations"] < found["activations"]
    assert memory(SHAPE, replace(full, checkpointing=True), process=0)["activations"] < found["activations"]
    lora = memory(SHAPE, replace(full, lora=LoraSettings()), process=0)
    packed = memory(SHAPE, replace(full, lora=LoraSettings(quantise=True)), process=0)
    assert lora["optimizer"] == 8 * parameters(SHAPE, LoraSettings())["trained"]
    assert packed["weights"] < lora["weights"]
    assert resident() > 1 << 20


def test_probe_is_the_median_pace() -> None:
    present = 0.0
    lengths = iter([5.0, 1.0, 2.0, 4.0, 2.0, 1.0, 100.0])  # the first is not counted

    def step() -> int:
        nonlocal present
        present += next(lengths)
        return 50

    found = probe(step, seconds=10.0, clock=lambda: present)
    assert found == Pace(25.0, 5, 0.5)  # 1 1 2 2 4 seconds: the quartiles are 1 and 2
    assert Pace(100.0, 5, 0.0).seconds(1000) == 10
    assert probe(step, seconds=100.0, clock=lambda: present) == Pace(0.5, 1, 0.0)  # as long as the probe: the only one
