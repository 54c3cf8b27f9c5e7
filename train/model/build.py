"""Models made anew, read from a directory, written to one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from train.model.config import ModelConfig
from train.model.model import Factory, Llama


def build(
    config: ModelConfig, *, seed: int, linear: Factory | None = None, device: torch.device | str = "cpu"
) -> nn.Module:
    """A new model; the same config and seed give the same weights."""
    torch.manual_seed(seed)
    return Llama(config, linear).to(device)


def load(
    directory: str | Path,
    *,
    device: torch.device | str = "cpu",
    linear: Factory | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[nn.Module, ModelConfig]:
    """The model of a checkpoint directory and its config."""
    raise NotImplementedError


def save(module: nn.Module, config: ModelConfig, directory: str | Path) -> None:
    """Write model.safetensors, config.json and generation_config.json."""
    raise NotImplementedError


def weights_digest(directory: str | Path) -> str:
    """Hex digest of the weights of a directory, whatever files they lie in."""
    raise NotImplementedError
