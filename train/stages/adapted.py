"""What fine-tuning trains of a checkpoint: all of it, some weights by name, or adapters beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from train.adapters import is_adapter, read_weights, save_weights
from train.checkpoint import Form, WholeModel
from train.lora import LoraSettings, adapt, base_layer, trainable
from train.model.build import load, read_config, weights_digest
from train.model.config import ModelConfig
from train.open import checkpoint_directory
from train.stages.settings import Adapted
from train.tokenizer.tokenizer import Tokenizer
from workbench.errors import UserError
from workbench.runs import Run


class Base:
    """The checkpoint that a stage begins from.

    read: its config. sources: the digest of its weights. parents: the finished run that it lies in, where it lies in
    one.
    """

    read: Callable[[Path], ModelConfig] = staticmethod(read_config)

    def __init__(self, name: str, root: Path) -> None:
        if not name:
            raise UserError("no checkpoint is named", hint="name a train run or a model directory with --from")
        self.directory = checkpoint_directory(name, root)
        if is_adapter(self.directory):
            hint = f"merge it first: train merge {name} --out DIR"
            raise UserError(f"{self.directory} is an adapter without its model", hint=hint)
        self.config: ModelConfig = self.read(self.directory)
        self.sources = {"start": weights_digest(self.directory)}
        above = [path for path in self.directory.resolve().parents[:2] if (path / "manifest.json").is_file()]
        self.parents = [Run.open(path, root) for path in above[:1]]

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer in its directory."""
        return Tokenizer.open(self.directory)

    def width(self, context: int | None) -> int:
        """Tokens of a row: as asked, else what the model is made for; UserError where it is not made for so many."""
        longest = self.config.max_positions
        if context is not None and context > longest and self.config.kind == "llama":
            hint = "lengthen the model first: train extend"
            raise UserError(f"the model is made for {longest:,} positions, not {context:,}", hint=hint)
        return context or longest

    def model(self, recipe: Adapted | None = None) -> nn.Module:
        """Its weights in fp32, as a stage trains them."""
        lora = recipe.lora if recipe is not None else None
        model = load(self.directory, linear=base_layer(lora), dtype=torch.float32)[0]
        return model if recipe is None else learning(model, recipe)

    def form(self, recipe: Adapted, tokenizer: Tokenizer) -> Callable[[Callable[[Path], None]], Form]:
        """How the trained model lies in a checkpoint, with the tokenizer that says how conversations were written."""
        lora = recipe.lora
        if lora is None:
            return WholeModel
        if recipe.only:
            raise UserError("--only and adapters exclude each other", hint="say which targets the adapters have")
        return lambda companions: AdapterForm(lora, self.directory, tokenizer)


def learning(model: nn.Module, recipe: Adapted) -> nn.Module:
    """The model with what learns of it as a recipe says: adapters, weights by name, or all."""
    if recipe.lora is not None:
        adapt(model, recipe.lora, seed=recipe.seed)
    elif recipe.only:
        trainable(model, recipe.only)
    return model


class AdapterForm:
    """A checkpoint that holds an adapter in PEFT's format, beside the tokenizer."""

    def __init__(self, settings: LoraSettings, base: Path, tokenizer: Tokenizer) -> None:
        self._settings, self._base, self._tokenizer = settings, base, tokenizer

    def names(self, model: nn.Module) -> list[str]:
        """The weights that learn."""
        return [name for name, parameter in model.named_parameters() if parameter.requires_grad]

    def save(self, weights: dict[str, Tensor], directory: Path) -> None:
        """Adapter, its config, the tokenizer; the base is named by its path from here."""
        place = os.path.relpath(self._base.resolve(), directory.resolve())
        save_weights(weights, self._settings, directory, base=place)
        self._tokenizer.save(directory)

    def load(self, directory: Path) -> dict[str, Tensor]:
        """The weights that learn."""
        return read_weights(directory)
