"""The small Llama of the golden values: every weight is a closed formula of its place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.model.build import build
from train.model.config import ModelConfig
from train.model.model import Factory

CONFIG = ModelConfig(
    vocab_size=37, hidden_size=32, intermediate_size=48, layers=2, heads=4, kv_heads=2, head_dim=8, max_positions=64
)
TOKENS = torch.tensor([[7 * (12 * row + place) % 37 for place in range(12)] for row in range(2)])


def fill(shape: torch.Size | tuple[int, ...], k: float, scale: float) -> Tensor:
    """fp32: element i in row-major order is scale * sin(0.7 i + k), computed in fp64."""
    places = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (scale * torch.sin(0.7 * places + k)).float().view(shape)


def weights(shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
    """A state dict: norms near one, the others of scale .2, numbered in the order of their names."""
    return {
        name: 1 + fill(shapes[name], k, 0.1) if "norm" in name else fill(shapes[name], k, 0.2)
        for k, name in enumerate(sorted(shapes))
    }


def golden(linear: Factory | None = None) -> nn.Module:
    """The model with these weights."""
    dense = weights({name: part.shape for name, part in build(CONFIG, seed=0).state_dict().items()})
    model = build(CONFIG, seed=0, linear=linear)
    model.load_state_dict(dense)
    return model


def fill_adapters(model: nn.Module) -> None:
    """Adapter matrix number k, in the order of names, is fill(k, .1)."""
    found = sorted((name, part) for name, part in model.named_parameters() if ".lora_" in name)
    with torch.no_grad():
        for k, (_, part) in enumerate(found):
            part.copy_(fill(part.shape, k, 0.1))


def logits(model: nn.Module, tokens: Tensor = TOKENS) -> Tensor:
    """[rows, width, vocab]."""
    return model(tokens) @ model.head.T  # type: ignore[operator,union-attr]


def loss(model: nn.Module) -> Tensor:
    """The mean cross-entropy of all but the first token of each row."""
    return nn.functional.cross_entropy(logits(model)[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())
