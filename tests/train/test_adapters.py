"""Adapters on disk: PEFT's format both ways, refusals, merging a directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_llama import CONFIG, TOKENS, fill_adapters, golden, logits, loss
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from train.adapters import CONFIG as SETTINGS
from train.adapters import WEIGHTS, base_of, is_adapter, load_adapter, merged, open_settings, save_adapter
from train.lora import LoraSettings, adapt, base_layer, trainable_state
from train.model.build import save
from workbench.errors import Exit, UserError

torch.set_num_threads(1)
QV = LoraSettings(r=4, alpha=8, targets=("q_proj", "v_proj"))


def filled(settings: LoraSettings = QV) -> nn.Module:
    model = golden(base_layer(settings))
    adapt(model, settings)
    fill_adapters(model)
    return model


def test_there_and_back(tmp_path: Path) -> None:
    model = filled()
    save_adapter(model, QV, tmp_path / "a", base="some/base")
    assert is_adapter(tmp_path / "a") and not is_adapter(tmp_path)
    assert base_of(tmp_path / "a") == "some/base"
    again = golden()
    found = load_adapter(again, tmp_path / "a")
    assert (found.r, found.alpha, found.scale, found.quantise) == (4, 8, 2.0, False)
    assert torch.equal(logits(again), logits(model))
    assert loss(again).item() == pytest.approx(3.329633951187134, rel=1e-6)


def test_files_are_those_of_peft(tmp_path: Path) -> None:
    save_adapter(filled(), QV, tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    assert weights["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"].shape == (4, 32)
    assert weights["base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"].shape == (16, 4)
    assert len(weights) == 8
    with safe_open(tmp_path / WEIGHTS, "pt") as file:
        assert file.metadata()["format"] == "pt"
    config = json.loads((tmp_path / SETTINGS).read_text())
    assert config["peft_type"] == "LORA" and config["r"] == 4 and config["lora_alpha"] == 8
    assert config["target_modules"] == ["q_proj", "v_proj"] and config["bias"] == "none"


def test_an_adapter_of_qlora_says_so(tmp_path: Path) -> None:
    settings = LoraSettings(r=2, quantise=True)
    save_adapter(filled(settings), settings, tmp_path)
    assert open_settings(tmp_path).quantise


@pytest.mark.parametrize("quantise", [False, True])
def test_merged_is_the_model_that_was_trained(tmp_path: Path, quantise: bool) -> None:
    settings = LoraSettings(r=4, alpha=8, quantise=quantise)
    model = filled(settings)
    save(golden(), CONFIG, tmp_path / "base")
    save_adapter(model, settings, tmp_path / "adapter")
    plain, config = merged(tmp_path / "base", tmp_path / "adapter")
    assert config == CONFIG
    assert not trainable_state(plain).keys() & {"lora_A"} and set(plain.state_dict()) == set(golden().state_dict())
    assert (logits(plain) - logits(model)).abs().max() <= 1e-5


def config_with(**changes: Any) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        path = directory / SETTINGS
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def cut(directory: Path) -> None:
    (directory / WEIGHTS).write_bytes((directory / WEIGHTS).read_bytes()[:-10])


def foreign_key(directory: Path) -> None:
    weights = load_file(directory / WEIGHTS)
    save_file(weights | {"base_model.model.lm_head.weight": torch.zeros(1)}, directory / WEIGHTS)


def lost_half(directory: Path) -> None:
    weights = load_file(directory / WEIGHTS)
    weights.pop("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight")
    save_file(weights, directory / WEIGHTS)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (config_with(use_dora=True), "not supported: DoRA"),
        (config_with(rank_pattern={"q_proj": 8}), "rank_pattern"),
        (config_with(modules_to_save=["lm_head"]), "modules_to_save"),
        (config_with(bias="all"), "trained biases"),
        (config_with(peft_type="IA3"), "kind 'IA3'"),
        (config_with(r=None), "`r` or `lora_alpha`"),
        (config_with(r=8), "shape"),
        (cut, "not a whole safetensors file"),
        (foreign_key, "lm_head.weight' is no weight of LoRA"),
        (lost_half, "q_proj.lora_B.weight' is missing"),
        (lambda directory: (directory / SETTINGS).write_text("{"), "not JSON"),
        (lambda directory: (directory / SETTINGS).write_text("[]"), "not an object"),
        (lambda directory: (directory / SETTINGS).unlink(), "no adapter_config.json"),
        (lambda directory: (directory / WEIGHTS).unlink(), "no adapter_model.safetensors"),
    ],
)
def test_what_cannot_be_read_is_a_user_error(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    save_adapter(filled(), QV, tmp_path)
    damage(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        load_adapter(golden(), tmp_path)
    assert error.value.code is Exit.INPUT and error.value.file


def theirs(directory: Path) -> Any:
    """transformers' model with the golden weights."""
    transformers = pytest.importorskip("transformers")
    save(golden(), CONFIG, directory)
    return transformers.LlamaForCausalLM.from_pretrained(directory, attn_implementation="eager").eval()


def their_logits(model: Any) -> torch.Tensor:
    return model(TOKENS, use_cache=False).logits


@pytest.mark.oracle
@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), "all", ("model.layers.1.mlp.up_proj", "o_proj")])
def test_peft_reads_ours_and_computes_the_same(tmp_path: Path, rslora: bool, targets: Any) -> None:
    peft = pytest.importorskip("peft")
    settings = LoraSettings(r=4, alpha=8, rslora=rslora, targets=targets)
    model = filled(settings)
    save_adapter(model, settings, tmp_path / "adapter")
    other = peft.PeftModel.from_pretrained(theirs(tmp_path / "base"), tmp_path / "adapter")
    assert (their_logits(other) - logits(model)).abs().max() <= 1e-5
    plain = other.merge_and_unload()
    ours, _ = merged(tmp_path / "base", tmp_path / "adapter")
    for name, weight in plain.state_dict().items():
        assert torch.allclose(weight, ours.state_dict()[name], atol=1e-7)


@pytest.mark.oracle
@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], "all-linear", r".*\.mlp\.(up|down)_proj"])
def test_we_read_pefts_and_write_it_back(tmp_path: Path, targets: Any) -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    other = peft.get_peft_model(theirs(tmp_path / "base"), config)
    with torch.no_grad():
        for k, (_, part) in enumerate(sorted((n, p) for n, p in other.named_parameters() if "lora_" in n)):
            part.copy_(torch.linspace(-0.1 - k / 100, 0.1, part.numel()).view(part.shape))
    other.save_pretrained(tmp_path / "adapter")
    model = golden()
    settings = load_adapter(model, tmp_path / "adapter")
    assert (logits(model) - their_logits(other)).abs().max() <= 1e-5
    save_adapter(model, settings, tmp_path / "again")
    first, second = (load_file(tmp_path / name / WEIGHTS) for name in ("adapter", "again"))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.oracle
def test_loss_and_gradients_are_pefts(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    settings = LoraSettings(r=4, alpha=8, targets="attention")
    model = filled(settings)
    save_adapter(model, settings, tmp_path / "adapter")
    other = peft.PeftModel.from_pretrained(theirs(tmp_path / "base"), tmp_path / "adapter", is_trainable=True)
    value = other(TOKENS, labels=TOKENS, use_cache=False).loss
    value.backward()
    mine = loss(model)
    mine.backward()
    assert mine.item() == pytest.approx(value.item(), rel=1e-6)
    gradients = {n.replace(".default", ""): p.grad for n, p in other.named_parameters() if p.requires_grad}
    for name, part in trainable_state(model).items():
        found = model.get_parameter(name).grad
        assert found is not None and part.shape == found.shape
        assert torch.allclose(found, gradients[f"base_model.model.{name}"], atol=1e-6)
