"""LoRA: golden loss, what learns and what does not, merging, switching off, exact resume."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from golden_llama import CONFIG, TOKENS, fill_adapters, golden, logits, loss
from torch import Tensor, nn

from train.lora import (
    LoraSettings,
    adapt,
    adapters,
    adapters_off,
    base_layer,
    load_trainable,
    merge,
    trainable,
    trainable_state,
    trained,
)
from train.model.build import build
from train.nf4 import Nf4Linear
from workbench.errors import UserError

torch.set_num_threads(1)
QV = LoraSettings(r=4, alpha=8, targets=("q_proj", "v_proj"))


def adapted(settings: LoraSettings = QV) -> nn.Module:
    model = golden(base_layer(settings))
    adapt(model, settings)
    return model


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    value = loss(model)
    value.backward()
    optimizer.step()
    optimizer.zero_grad()
    return value.item()


def test_golden_loss_merged_and_not() -> None:
    model = adapted()
    fill_adapters(model)
    assert loss(model).item() == pytest.approx(3.329633951187134, rel=1e-6)
    before = logits(model)
    keys = set(golden().state_dict())
    merge(model)
    assert set(model.state_dict()) == keys
    assert {type(part) for part in model.modules() if "Linear" in type(part).__name__} == {nn.Linear}
    assert (logits(model) - before).abs().max() <= 4e-6
    assert loss(model).item() == pytest.approx(3.329633951187134, rel=1e-6)


def test_a_new_adapter_changes_nothing_and_has_pefts_weights() -> None:
    model = golden()
    before = logits(model)
    adapt(model, LoraSettings(r=8, targets="all"))
    assert torch.allclose(logits(model), before, atol=1e-6)  # plain projections of one input are one product
    parts = dict(adapters(model))
    assert len(parts) == 14
    for part in parts.values():
        bound = 1 / math.sqrt(part.in_features)
        assert part.lora_A.weight.shape == (8, part.in_features) and part.lora_B.weight.shape == (part.out_features, 8)
        assert 0.95 * bound < part.lora_A.weight.abs().max() <= bound
        assert (part.lora_B.weight == 0).all()


def test_new_weights_depend_on_seed_and_name_alone() -> None:
    every, few, other = golden(), golden(), golden()
    adapt(every, LoraSettings(r=4, targets="all"))
    torch.manual_seed(99)
    adapt(few, QV)
    adapt(other, QV, seed=1)
    name = "model.layers.1.self_attn.v_proj.lora_A.weight"
    assert torch.equal(every.get_parameter(name), few.get_parameter(name))
    assert not torch.equal(every.get_parameter(name), other.get_parameter(name))
    assert not torch.equal(few.get_parameter(name), few.get_parameter(name.replace("v_proj", "q_proj")))


def test_scales() -> None:
    assert LoraSettings(r=16, alpha=8).scale == 0.5
    assert LoraSettings(r=16, alpha=8, rslora=True).scale == 2.0


@pytest.mark.parametrize("quantise", [False, True])
def test_only_adapters_learn(quantise: bool) -> None:
    settings = LoraSettings(r=2, targets="attention", quantise=quantise)
    model = adapted(settings)
    frozen = {name: part.clone() for name, part in model.named_parameters() if not part.requires_grad}
    packed = {name: part.codes.clone() for name, part in model.named_modules() if isinstance(part, Nf4Linear)}
    assert len(packed) == (14 if quantise else 0)
    learning = [part for part in model.parameters() if part.requires_grad]
    assert all(".lora_" in name for name in trainable_state(model))
    optimizer = torch.optim.AdamW(learning, lr=1e-2)
    losses = [step(model, optimizer) for _ in range(8)]
    assert losses[-1] < losses[0] - 0.01
    assert len(optimizer.state) == len(learning) == 16
    for name, part in model.named_parameters():
        if name in frozen:
            assert torch.equal(part, frozen[name]) and part.grad is None
    for name, codes in packed.items():
        assert torch.equal(model.get_submodule(name).codes, codes)  # type: ignore[arg-type]


def test_the_base_is_shared_and_an_adapter_is_named_as_on_disk() -> None:
    model = golden()
    weight = model.get_parameter("model.layers.0.self_attn.q_proj.weight")
    adapt(model, QV)
    assert model.get_parameter("model.layers.0.self_attn.q_proj.weight") is weight
    assert sorted(trainable_state(model))[:2] == [
        "model.layers.0.self_attn.q_proj.lora_A.weight",
        "model.layers.0.self_attn.q_proj.lora_B.weight",
    ]
    assert trained(model) == (2 * 4 * (32 + 32 + 32 + 16), CONFIG.parameters()["total"] + 2 * 4 * (32 + 32 + 32 + 16))


def test_quantised_weights_are_counted_as_weights() -> None:
    dense, packed = adapted(), adapted(QV.model_copy(update={"quantise": True}))
    assert trained(dense) == trained(packed)


@pytest.mark.parametrize("quantise", [False, True])
def test_adapters_off_is_the_base(quantise: bool) -> None:
    settings = QV.model_copy(update={"quantise": quantise})
    base = logits(golden(base_layer(settings)))
    model = adapted(settings)
    fill_adapters(model)
    with_adapters = logits(model)
    assert not torch.allclose(with_adapters, base, atol=1e-4)
    with adapters_off(model):
        assert torch.allclose(logits(model), base, atol=1e-6)
        with adapters_off(model):
            pass
        assert torch.allclose(logits(model), base, atol=1e-6)
    with pytest.raises(ZeroDivisionError), adapters_off(model):
        1 / 0  # noqa: B018
    assert torch.equal(logits(model), with_adapters)


def test_qlora_merges_its_own_base_in_fp32() -> None:
    settings = LoraSettings(r=4, targets="all", quantise=True)
    model = adapted(settings)
    fill_adapters(model)
    before = logits(model)
    merge(model)
    assert not any(isinstance(part, Nf4Linear) for part in model.modules())
    assert set(model.state_dict()) == set(golden().state_dict())
    assert {part.dtype for part in model.state_dict().values()} == {torch.float32}
    assert (logits(model) - before).abs().max() <= 1e-5


def test_small_updates_survive_the_merge() -> None:
    model = adapted(QV.model_copy(update={"quantise": True}))
    part = next(part for _, part in adapters(model))
    base = part.dense()  # type: ignore[operator]
    with torch.no_grad():
        part.lora_B.weight.fill_(1e-5)
    delta = part.delta()
    merge(model)
    weight = model.get_parameter("model.layers.0.self_attn.q_proj.weight")
    assert torch.allclose(weight - base, delta, atol=1e-8)


@pytest.mark.parametrize("quantise", [False, True])
def test_resume_is_exact(quantise: bool) -> None:
    settings = LoraSettings(r=4, alpha=8, dropout=0.1, targets="all", quantise=quantise)

    def run(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
        model.train()
        for number in steps:
            torch.manual_seed(number)
            step(model, optimizer)

    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = adapted(settings)
        return model, torch.optim.AdamW(list(_learning(model)), lr=1e-2)

    whole, optimizer = start()
    run(whole, optimizer, range(6))
    first, optimizer = start()
    run(first, optimizer, range(3))
    weights, state = copy.deepcopy(trainable_state(first)), copy.deepcopy(optimizer.state_dict())
    second, optimizer = start()
    load_trainable(second, weights)
    optimizer.load_state_dict(state)
    run(second, optimizer, range(3, 6))
    assert trainable_state(whole).keys() == trainable_state(second).keys()
    for name, part in trainable_state(whole).items():
        assert torch.equal(part, trainable_state(second)[name])


def _learning(model: nn.Module) -> list[nn.Parameter]:
    return [part for part in model.parameters() if part.requires_grad]


def test_dropout_is_of_training_alone() -> None:
    model = adapted(LoraSettings(r=4, dropout=0.5, targets="all"))
    fill_adapters(model)
    model.train()
    assert not torch.equal(logits(model), logits(model))
    model.eval()
    assert torch.equal(logits(model), logits(model))


def test_packed_weights_and_adapters_work_under_checkpointing_and_autocast() -> None:
    settings = LoraSettings(r=4, targets="all", quantise=True)
    gradients: list[dict[str, Tensor]] = []
    for checkpointing in (False, True):
        model = adapted(settings)
        fill_adapters(model)
        model.checkpointing = checkpointing  # type: ignore[assignment]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(model)
        value.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert len(gradients[0]) == 28
    for name, gradient in gradients[0].items():
        assert torch.equal(gradient, gradients[1][name]) and gradient.dtype == torch.float32


@pytest.mark.parametrize(
    ("targets", "number"),
    [
        ("attention", 8),
        ("all", 14),
        (("up_proj",), 2),
        (("model.layers.1.mlp.up_proj", "q_proj"), 3),
    ],
)
def test_targets(targets: str | tuple[str, ...], number: int) -> None:
    model = golden()
    adapt(model, LoraSettings(r=1, targets=targets))  # type: ignore[arg-type]
    assert len(list(adapters(model))) == number


def test_unknown_targets_are_named() -> None:
    with pytest.raises(UserError, match="no projection is named 'q_prj'") as error:
        adapt(golden(), LoraSettings(targets=("q_proj", "q_prj")))
    assert error.value.hint == "did you mean 'q_proj'?"
    with pytest.raises(UserError, match="lm_head"):
        adapt(golden(), LoraSettings(targets=("lm_head",)))


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["attention"], lambda name: "_proj" in name and "self_attn" in name),
        (["mlp"], lambda name: ".mlp." in name),
        (["norms", "head"], lambda name: "norm" in name or name == "lm_head.weight"),
        (["model.layers.1.*"], lambda name: name.startswith("model.layers.1.")),
    ],
)
def test_only_some_parameters_learn(patterns: list[str], names: Callable[[str], bool]) -> None:
    model = golden()
    found = trainable(model, patterns)
    learning = {name for name, part in model.named_parameters() if part.requires_grad}
    assert learning == {name for name, _ in model.named_parameters() if names(name)}
    assert found == (sum(model.get_parameter(name).numel() for name in learning), CONFIG.parameters()["total"])
    loss(model).backward()
    assert {name for name, part in model.named_parameters() if part.grad is not None} == learning


def test_only_refuses_what_names_nothing() -> None:
    with pytest.raises(UserError, match="no parameter is named by 'atention'") as error:
        trainable(golden(), ["atention"])
    assert error.value.hint == "did you mean 'attention'?"
    with pytest.raises(UserError) as error:
        trainable(build(CONFIG.replace(tied=True), seed=0), ["head"])
    assert "embeddings" in error.value.hint


def test_weights_of_other_settings_are_refused() -> None:
    state = trainable_state(adapted())
    with pytest.raises(UserError, match="shape"):
        load_trainable(adapted(QV.model_copy(update={"r": 2})), state)
    with pytest.raises(UserError, match="missing"):
        load_trainable(adapted(LoraSettings(r=4)), state)
    with pytest.raises(UserError, match="not trained"):
        load_trainable(adapted(LoraSettings(r=4, targets=("q_proj",))), state)


def test_settings_are_checked() -> None:
    for wrong in ({"r": 0}, {"alpha": 0}, {"dropout": 1.0}, {"rank": 4}):
        with pytest.raises(ValueError):
            LoraSettings(**wrong)  # type: ignore[arg-type]
    assert TOKENS.shape == (2, 12)
