"""AdamW for every parameter, or Muon for the hidden matrices and AdamW for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from train.muon import Muon
from train.schedule import ScheduleSettings, share_at
from workbench.errors import Exit, UserError
from workbench.recipes import Section


class OptimSettings(Section):
    """Optimizer, learning rate and clipping.

    Weight decay is for matrices only: never for norms, biases and other vectors, and not for embeddings (a tied
    embedding is one). Muon takes the hidden matrices at `muon_lr`; embeddings, the output head and vectors stay with
    AdamW at `lr`; `muon_scale` is how an update is scaled to its matrix: `original` by sqrt(max(1, rows / columns)),
    `match_rms_adamw` by 0.2 sqrt(max(rows, columns)), which allows the same rate as AdamW's. clip: the largest norm
    of all gradients together, 0 for none.
    """

    optimizer: Literal["adamw", "muon"] = "adamw"
    lr: float = Field(default=1e-3, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = Field(default=1e-8, ge=0)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, ge=0)
    muon_lr: float = Field(default=0.02, ge=0)
    muon_momentum: float = Field(default=0.95, ge=0, lt=1)
    muon_scale: Literal["original", "match_rms_adamw"] = "original"
    schedule: ScheduleSettings = ScheduleSettings()


def lr_at(step: int, total: int, settings: OptimSettings) -> float:
    """AdamW's learning rate in step `step` of `total`, counted from 0; Muon's follows the same schedule."""
    return settings.lr * share_at(step, total, settings.schedule)


class Optimizers:
    """The optimizers of one model, and their state by parameter name."""

    def __init__(self, model: nn.Module, settings: OptimSettings) -> None:
        embeddings = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
        self.names = {id(value): name for name, value in model.named_parameters() if value.requires_grad}
        groups: dict[str, list[nn.Parameter]] = {"matrices": [], "rest": [], "muon": []}
        for name, value in model.named_parameters():
            if value.requires_grad:
                groups[_group(name, value, id(value) in embeddings, settings)].append(value)
        if not self.names:
            raise UserError("no parameter is trained", hint="unfreeze some, or add an adapter")
        self._made: list[torch.optim.Optimizer] = []
        decayed = {"matrices": settings.weight_decay, "rest": 0.0}
        adam = [{"params": groups[name], "weight_decay": decay} for name, decay in decayed.items() if groups[name]]
        if adam:
            self._made.append(
                torch.optim.AdamW(adam, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True)
            )
        if groups["muon"]:
            self._made.append(
                Muon(
                    groups["muon"],
                    lr=settings.muon_lr,
                    weight_decay=settings.weight_decay,
                    momentum=settings.muon_momentum,
                    scale=settings.muon_scale,
                )
            )
        self._full = [[float(group["lr"]) for group in each.param_groups] for each in self._made]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Every parameter that is trained."""
        return [value for each in self._made for group in each.param_groups for value in group["params"]]

    def step(self, share: float) -> None:
        """One step at a share of the full learning rates."""
        for each, rates in zip(self._made, self._full, strict=True):
            for group, rate in zip(each.param_groups, rates, strict=True):
                group["lr"] = rate * share
            each.step()

    def zero(self) -> None:
        """Forget the gradients."""
        for each in self._made:
            each.zero_grad(set_to_none=True)

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor of the state as `parameter/key`, whole and on the CPU, one at a time; all ranks must ask."""
        for each in self._made:
            for group in each.param_groups:
                for value in group["params"]:
                    for key, part in sorted(each.state.get(value, {}).items()):
                        yield f"{self.names[id(value)]}/{key}", whole(torch.as_tensor(part))

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state that `state` gave, from any number of processes; UserError where it is another model's."""
        left = dict(state)
        for each in self._made:
            each.state.clear()
            for group in each.param_groups:
                for value in group["params"]:
                    prefix = f"{self.names[id(value)]}/"
                    own = {key: left.pop(key) for key in [key for key in left if key.startswith(prefix)]}
                    for key, part in own.items():
                        if part.ndim and part.shape != value.shape:
                            raise _foreign(f"{key} has the shape {list(part.shape)}, not {list(value.shape)}")
                        each.state[value][key.removeprefix(prefix)] = placed(part, value)
        if left:
            raise _foreign(f"{min(left)} belongs to no parameter that is trained")


def _group(name: str, value: Tensor, embedding: bool, settings: OptimSettings) -> str:
    if value.ndim < 2 or embedding:
        return "rest"
    hidden = value.ndim == 2 and min(value.shape) > 1 and "head" not in name.rpartition(".")[0].rpartition(".")[2]
    return "muon" if settings.optimizer == "muon" and hidden else "matrices"


def _foreign(what: str) -> UserError:
    hint = "the checkpoint was made with other settings; start anew in another directory"
    return UserError(f"the optimizer's state does not fit this model: {what}", hint=hint, code=Exit.INPUT)


def whole(value: Tensor) -> Tensor:
    """A tensor of the model or its state, gathered if it is sharded (then all ranks must ask), on the CPU."""
    value = value.detach()
    return (value.full_tensor() if isinstance(value, DTensor) else value).cpu().contiguous()


def placed(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor where and as `like` lies: its device and, where it has dimensions, its sharding."""
    value = value.to(like.device)
    if isinstance(like, DTensor) and value.ndim:
        return distribute_tensor(value, like.device_mesh, like.placements)
    return value


def gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    """The norm of all gradients together, over all shards; the same on every rank."""
    gradients = [value.grad for value in parameters if value.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def clip(parameters: list[nn.Parameter], norm: Tensor, largest: float) -> None:
    """Scale the gradients down to a norm of at most `largest` (0: leave them)."""
    if largest:
        torch.nn.utils.clip_grads_with_norm_(parameters, largest, norm)


def described(settings: OptimSettings, names: Mapping[int, str]) -> str:
    """What `optimizer.json` says beside the tensors."""
    found: dict[str, Any] = {"version": 1, "parameters": sorted(names.values())}
    return json.dumps(settings.model_dump(mode="json") | found, indent=1) + "\n"
