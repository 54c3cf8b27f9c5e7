"""Adapters on disk, in the format of PEFT: adapter_model.safetensors and adapter_config.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from train.lora import LoraSettings, adapt, adapters, base_layer, load_trainable, merge
from train.model.build import load
from train.model.config import ModelConfig
from workbench.errors import Exit, UserError

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PREFIX = "base_model.model."
# What the adapter was trained beside, in a file of its own: PEFT warns of keys that it does not know, and metadata of
# safetensors with more than one entry come in any order.
NOTE = "winnow_adapter.json"
_REFUSED = {
    "use_dora": "DoRA",
    "lora_bias": "a bias in the adapter",
    "modules_to_save": "modules trained beside the adapter (`modules_to_save`)",
    "rank_pattern": "ranks by name (`rank_pattern`)",
    "alpha_pattern": "alphas by name (`alpha_pattern`)",
    "layer_replication": "repeated layers (`layer_replication`)",
    "trainable_token_indices": "trained rows of the embedding (`trainable_token_indices`)",
    "target_parameters": "targets that are no projections (`target_parameters`)",
    "use_bdlora": "block-diagonal adapters",
    "fan_in_fan_out": "transposed matrices (`fan_in_fan_out`)",
}


def save_adapter(model: nn.Module, settings: LoraSettings, directory: Path, *, base: str = "") -> None:
    """Write the adapters of `model`, as PEFT writes them; `base` names the model that they belong to."""
    weights = {
        f"{name}.{side}.weight": getattr(part, side).weight.detach().to("cpu").contiguous()
        for name, part in adapters(model)
        for side in ("lora_A", "lora_B")
    }
    save_weights(weights, settings, directory, base=base)


def save_weights(weights: Mapping[str, Tensor], settings: LoraSettings, directory: Path, *, base: str = "") -> None:
    """Write the weights of adapters, by the names that they have in the model; as `save_adapter`."""
    directory.mkdir(parents=True, exist_ok=True)
    named = {_PREFIX + name: weight for name, weight in weights.items()}
    save_file(named, directory / WEIGHTS, metadata={"format": "pt"})
    note = {"base": "nf4" if settings.quantise else "dense"}
    (directory / NOTE).write_text(json.dumps(note) + "\n", encoding="utf-8")
    described = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "inference_mode": True,
        "r": settings.r,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "use_rslora": settings.rslora,
        "target_modules": sorted(settings.names),
        "bias": "none",
        "init_lora_weights": True,
    }
    (directory / CONFIG).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def is_adapter(directory: Path) -> bool:
    """Whether a directory holds an adapter, and no model of its own."""
    return (directory / CONFIG).is_file()


def base_of(directory: Path) -> str:
    """The model that an adapter says it belongs to, or an empty string."""
    return str(_config(directory).get("base_model_name_or_path") or "")


def point_at(directory: Path, base: Path) -> None:
    """Say that the adapter of a directory belongs to the model in `base`."""
    described = _config(directory) | {"base_model_name_or_path": str(base)}
    (directory / CONFIG).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def open_settings(directory: Path) -> LoraSettings:
    """The settings of an adapter on disk; what would change its arithmetic and is not supported is a user error.

    `targets` are full names read from the weights, because `target_modules` may be a regular expression. `quantise`
    is what we noted when we wrote it; of an adapter written by others it is False.
    """
    config = _config(directory)
    if config.get("peft_type") != "LORA":
        raise _bad(directory, f"an adapter of the kind '{config.get('peft_type')}' is not supported")
    for key, what in _REFUSED.items():
        if config.get(key):
            raise _bad(directory, f"not supported: {what}")
    if config.get("bias", "none") != "none":
        raise _bad(directory, f"trained biases are not supported (`bias`: '{config['bias']}')")
    names = _names(directory, _weights(directory))
    try:
        return LoraSettings(
            r=int(config["r"]),
            alpha=float(config["lora_alpha"]),
            dropout=float(config.get("lora_dropout", 0.0)),
            targets=names,
            rslora=bool(config.get("use_rslora", False)),
            quantise=_note(directory).get("base") == "nf4",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _bad(directory, f"`r` or `lora_alpha` is missing or no number: {error}") from None


def load_adapter(model: nn.Module, directory: Path) -> LoraSettings:
    """Put the adapters of a directory beside the projections of a model, in place."""
    settings = open_settings(directory)
    weights = read_weights(directory)
    try:
        adapt(model, settings)
        load_trainable(model, weights)
    except UserError as error:
        raise _bad(directory / WEIGHTS, f"does not fit this model: {error.message}", error.hint) from None
    return settings


def read_weights(directory: Path) -> dict[str, Tensor]:
    """The weights of an adapter, by the names that they have in the model."""
    return {key.removeprefix(_PREFIX): value for key, value in _weights(directory).items()}


def merged(base: Path, adapter: Path, *, device: torch.device | str = "cpu") -> tuple[nn.Module, ModelConfig]:
    """The plain fp32 model of a base and an adapter, to be written with `save`.

    An adapter of QLoRA is merged into the base as it was in training: quantised and back.
    """
    linear = base_layer(open_settings(adapter))
    model, config = load(base, device=device, linear=linear, dtype=torch.float32)
    load_adapter(model, adapter)
    return merge(model), config


def _names(directory: Path, weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The adapted projections."""
    pattern = re.compile(re.escape(_PREFIX) + r"(.+)\.lora_[AB]\.weight")
    found = [pattern.fullmatch(key) for key in sorted(weights)]
    for key, match in zip(sorted(weights), found, strict=True):
        if match is None:
            raise _bad(directory / WEIGHTS, f"'{key}' is no weight of LoRA")
    return tuple(sorted({match[1] for match in found if match}))


def _weights(directory: Path) -> dict[str, Tensor]:
    """The tensors of an adapter."""
    path = directory / WEIGHTS
    if not path.is_file():
        raise _bad(directory, f"no {WEIGHTS} here", "name a directory that holds an adapter in PEFT's format")
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _bad(path, f"not a whole safetensors file: {error}") from None


def _config(directory: Path) -> dict[str, Any]:
    found = _json(directory / CONFIG)
    if found is None:
        raise _bad(directory, f"no {CONFIG} here", "name a directory that holds an adapter in PEFT's format")
    return found


def _note(directory: Path) -> dict[str, Any]:
    """Ours; an adapter written by others has none."""
    return _json(directory / NOTE) or {}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _bad(path, f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _bad(path, "not an object of JSON")
    return found


def _bad(file: Path, message: str, hint: str = "") -> UserError:
    return UserError(message, hint=hint or "only plain LoRA adapters can be read", code=Exit.INPUT, file=file)
