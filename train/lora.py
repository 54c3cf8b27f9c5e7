"""LoRA: frozen matrices with a trained product of two thin ones beside each (Hu et al. 2021), dense or in NF4 (QLoRA).

    model, config = load(directory, linear=base_layer(settings))     # the base, quantised on the way in if asked
    adapt(model, settings)                                           # adapters, everything else frozen
    with adapters_off(model): ...                                    # the base alone: the reference policy
    plain = merge(model)                                             # an ordinary model, to be saved as one

An adapter's weights are parameters `<projection>.lora_A.weight` [r, in] and `<projection>.lora_B.weight` [out, r].
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from train.nf4 import Nf4Linear
from workbench.errors import Exit, UserError, did_you_mean
from workbench.recipes import Section

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
PROJECTIONS = (*ATTENTION, "gate_proj", "up_proj", "down_proj")
_PARTS = {
    "attention": ("*.self_attn.?_proj.*",),
    "mlp": ("*.mlp.*",),
    "norms": ("*norm.weight",),
    "embeddings": ("*embed_tokens.weight",),
    "head": ("lm_head.weight",),
}


class LoraSettings(Section):
    """What an adapter is.

    r: rank. alpha: the product is scaled by alpha / r, with `rslora` by alpha / sqrt(r) (Kalajdzievski 2023). dropout:
    of the adapter's input, in training. targets: `attention`, `all` projections of the layers, or names: of a kind
    (`q_proj`) or of one (`model.layers.0.mlp.up_proj`). quantise: keep the base's projections in NF4, the targets and
    the others.
    """

    r: int = Field(default=8, ge=1)
    alpha: float = Field(default=8, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: Literal["attention", "all"] | tuple[str, ...] = "all"
    rslora: bool = False
    quantise: bool = False

    @property
    def scale(self) -> float:
        """The factor of the adapter's product."""
        return self.alpha / (math.sqrt(self.r) if self.rslora else self.r)

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, spelt out."""
        if isinstance(self.targets, str):
            return ATTENTION if self.targets == "attention" else PROJECTIONS
        return self.targets


class _Adapter(nn.Module):
    """What LoRA adds to a projection; first in the bases, so that `super().forward` is the frozen projection."""

    in_features: int
    out_features: int
    lora_A: nn.Linear
    lora_B: nn.Linear

    def attach(self, settings: LoraSettings, generator: torch.Generator, device: torch.device) -> None:
        """New weights: A uniform in +-1/sqrt(in) as `nn.Linear` has it, B zero, so that training starts at the base."""
        self.lora_A = nn.Linear(self.in_features, settings.r, bias=False, device="meta")
        self.lora_B = nn.Linear(settings.r, self.out_features, bias=False, device="meta")
        drawn = torch.rand(self.lora_A.weight.shape, generator=generator)
        bound = 1 / math.sqrt(self.lora_A.in_features)
        self.lora_A.weight = nn.Parameter(((2 * drawn - 1) * bound).to(device))
        self.lora_B.weight = nn.Parameter(torch.zeros(self.lora_B.weight.shape, device=device))
        self.scale, self.dropout, self.enabled = settings.scale, settings.dropout, True

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]; the adapter's product is made in its own dtype, or in autocast's."""
        out: Tensor = super().forward(x)
        if not self.enabled:
            return out
        thin = x if torch.is_autocast_enabled(x.device.type) else x.to(self.lora_A.weight.dtype)
        if self.dropout:
            thin = F.dropout(thin, self.dropout, self.training)
        return (out + self.lora_B(self.lora_A(thin)) * self.scale).to(out.dtype)

    def delta(self) -> Tensor:
        """fp32 [out, in]: what the adapter adds to the matrix."""
        return self.lora_B.weight.detach().float() @ self.lora_A.weight.detach().float() * self.scale


class LoraLinear(_Adapter, nn.Linear):
    """An adapter beside a dense matrix."""


class LoraNf4Linear(_Adapter, Nf4Linear):
    """An adapter beside a quantised matrix."""


def base_layer(settings: LoraSettings | None) -> Callable[[int, int], nn.Module] | None:
    """How `build` and `load` are to make projections for these settings: in NF4, or (None) as they always do."""
    return Nf4Linear if settings is not None and settings.quantise else None


def adapt(model: nn.Module, settings: LoraSettings, *, seed: int = 0) -> None:
    """Put adapters beside the targets and freeze all else, in place.

    The base's weights are shared, not copied. A new adapter depends on (seed, name of the projection) alone. A target
    that no projection answers to is a user error.
    """
    found = _targets(model, settings.names)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for name in found:
        old = model.get_submodule(name)
        if isinstance(old, Nf4Linear):
            packed = LoraNf4Linear(old.in_features, old.out_features)
            packed.take(old)
            new: LoraLinear | LoraNf4Linear = packed
        else:
            assert isinstance(old, nn.Linear)
            new = LoraLinear(old.in_features, old.out_features, bias=False, device="meta")
            new.weight = old.weight
        new.train(old.training)
        key = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
        device = (old.codes if isinstance(old, Nf4Linear) else old.weight).device
        new.attach(settings, torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1), device)
        _put(model, name, new)


def _targets(model: nn.Module, names: Sequence[str]) -> list[str]:
    """Names of the projections meant, in the model's order."""
    known = [name for name, part in model.named_modules() if _is_projection(name, part)]
    kinds = {name.rpartition(".")[2] for name in known}
    for wanted in names:
        if not any(_answers(name, wanted) for name in known):
            hint = did_you_mean(wanted, [*known, *kinds] if "." in wanted else kinds)
            raise UserError(f"no projection is named '{wanted}'", hint=hint or "this model takes no adapters")
    return [name for name in known if any(_answers(name, wanted) for wanted in names)]


def _is_projection(name: str, part: nn.Module) -> bool:
    """Of a layer: the head is not adapted, because it is the embedding where they are tied."""
    return type(part) in (nn.Linear, Nf4Linear) and name != "lm_head"


def _answers(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


def _put(model: nn.Module, name: str, part: nn.Module) -> None:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, part)


def adapters(model: nn.Module) -> Iterator[tuple[str, LoraLinear | LoraNf4Linear]]:
    """The adapted projections by name, in the model's order."""
    for name, part in model.named_modules():
        if isinstance(part, LoraLinear | LoraNf4Linear):
            yield name, part


@contextlib.contextmanager
def adapters_off(model: nn.Module) -> Iterator[None]:
    """Within it the model is its base; nested use and errors leave every adapter as it was."""
    parts = [part for _, part in adapters(model)]
    before = [part.enabled for part in parts]
    for part in parts:
        part.enabled = False
    try:
        yield
    finally:
        for part, enabled in zip(parts, before, strict=True):
            part.enabled = enabled


@torch.no_grad()
def merge(model: nn.Module) -> nn.Module:
    """Put an ordinary fp32 matrix in the place of every adapted or quantised projection, in place.

    The sum is made in fp32 from the base as it multiplied in training, so a QLoRA model keeps the error of its base
    and loses nothing of the adapter; quantising the sum again would lose small updates.
    """
    for name, part in list(model.named_modules()):
        if not isinstance(part, LoraLinear | Nf4Linear):
            continue
        weight = part.dense() if isinstance(part, Nf4Linear) else part.weight.detach().float()
        if isinstance(part, _Adapter):
            weight = weight + part.delta()
        plain = nn.Linear(part.in_features, part.out_features, bias=False, device="meta")
        plain.weight = nn.Parameter(weight)
        _put(model, name, plain)
    return model


def trainable(model: nn.Module, patterns: Sequence[str]) -> tuple[int, int]:
    """Train only the parameters that a pattern names and freeze the others, in place: how many of how many.

    A pattern is `attention`, `mlp`, `norms`, `embeddings`, `head`, or a shell pattern over names of parameters
    (`model.layers.1?.*`). One that names nothing is a user error.
    """
    names = [name for name, _ in model.named_parameters()]
    chosen: set[str] = set()
    for pattern in patterns:
        found = {name for shell in _PARTS.get(pattern, (pattern,)) for name in fnmatch.filter(names, shell)}
        if not found:
            hint = did_you_mean(pattern, [*_PARTS, *names])
            if pattern == "head":
                hint = "the head of this model is its embedding: say `embeddings`"
            raise UserError(f"no parameter is named by '{pattern}'", hint=hint)
        chosen |= found
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
    return trained(model)


def trained(model: nn.Module) -> tuple[int, int]:
    """How many numbers are trained, and of how many: a quantised weight counts as one."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    packed = [part.in_features * part.out_features for part in model.modules() if isinstance(part, Nf4Linear)]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes) + sum(packed)


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that learn, by the name they have in every run: all that a checkpoint of such a run must hold."""
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def load_trainable(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy what `trainable_state` gave into an equally adapted model; names or shapes that differ are a user error."""
    own = trainable_state(model)
    for name in sorted(own.keys() | state.keys()):
        if name not in state or name not in own:
            message = f"'{name}' is missing" if name in own else f"'{name}' is not trained in this model"
            raise UserError(message, hint="use the settings they were trained with", code=Exit.INPUT)
        if own[name].shape != state[name].shape:
            shapes = f"{list(state[name].shape)} and not {list(own[name].shape)}"
            raise UserError(f"'{name}' has the shape {shapes}", hint="is the rank the same?", code=Exit.INPUT)
        own[name].copy_(state[name])
