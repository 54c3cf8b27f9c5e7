"""Opening a model by the name a person has for it: a run, a checkpoint, an adapter, a directory of Hugging Face."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from train import checkpoint
from train.adapters import CONFIG, WEIGHTS, base_of, is_adapter, merged
from train.data.chat import Format, choose, prompt, recorded
from train.data.pieces import Message
from train.model.build import load, weights_digest
from train.model.config import ModelConfig
from train.tokenizer.tokenizer import Tokenizer
from workbench import registry
from workbench.errors import Exit, UserError
from workbench.files import sha256

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that is ready to be used.

    directory: of its checkpoint or adapter. digest: of the weights and of what says how they compute. end_ids: every
    token that its tokenizer and its configs name as the end of a text. form: how a conversation is put to it, None
    where nothing says so.
    """

    model: nn.Module
    tokenizer: Tokenizer
    config: ModelConfig
    directory: Path
    digest: str
    end_ids: frozenset[int]
    form: Format | None = None

    def text_prompt(self, text: str) -> list[int]:
        """Tokens of a text as a document begins: after the begin-of-text token, where the tokenizer has one."""
        begin = [] if self.tokenizer.bos is None else [self.tokenizer.bos]
        return begin + self.tokenizer.encode(text)

    def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a conversation up to the assistant's next answer. UserError (exit 4) without a chat template."""
        return prompt(messages, self.tokenizer, self._form())

    def chat_ends(self) -> tuple[int, ...]:
        """The tokens that end an answer in a conversation."""
        return tuple(self._form().stops(self.tokenizer))

    def _form(self) -> Format:
        if self.form is None:
            hint = "name a template with --template (chatml, alpaca, plain ...), or go on from plain text"
            raise UserError("this model has no chat template", hint=hint, code=Exit.INPUT)
        return self.form


def checkpoint_directory(name: str, root: Path, *, best: bool = False) -> Path:
    """The directory with the weights that `name` means: itself, or a run's last (or best) complete checkpoint.

    UserError (exit 4) when there is none.
    """
    path = Path(name)
    if (path / "config.json").is_file() or is_adapter(path):
        return path
    run = registry.find(name, root)
    found = checkpoint.best(run) if best else checkpoint.latest(run)
    if found is None:
        raise UserError(f"{run} has no complete checkpoint", hint="let its command finish", code=Exit.INPUT)
    return found


def open_model(
    name: str,
    root: Path,
    *,
    device: str = "cpu",
    precision: str = "fp32",
    best: bool = False,
    base: str | None = None,
    template: str | None = None,
) -> Opened:
    """Open for inference: evaluation mode, no gradients, an adapter merged into its base in fp32.

    base: the model of an adapter, where it lies elsewhere than the adapter says. template: of conversations, instead
    of the tokenizer's own. Raises UserError: exit 4 for what is missing, damaged, not supported, or a tokenizer with
    more tokens than the model knows; exit 2 for a device that this machine does not have.
    """
    directory = checkpoint_directory(name, root, best=best)
    if (directory / checkpoint.COMPLETE).is_file():
        checkpoint.verify(directory)
    where, dtype = _device(device), PRECISIONS[precision]
    whole = directory
    if is_adapter(directory):
        whole = base_directory(directory, root, base)
        model, config = merged(whole, directory, device=where)
        model.to(dtype)
        weights = [weights_digest(whole), sha256(directory / WEIGHTS), sha256(directory / CONFIG)]
    else:
        model, config = load(directory, device=where, dtype=dtype)
        weights = [weights_digest(directory)]
    # The same weights under another base of positions, or an adapter's under another scale, are another model.
    described = json.dumps([weights, asdict(config)], sort_keys=True)
    digest = hashlib.sha256(described.encode()).hexdigest()
    tokenizer = Tokenizer.open(directory if (directory / "tokenizer.json").is_file() else whole)
    if tokenizer.size > config.vocab_size:
        raise UserError(
            f"{directory}: the tokenizer has {tokenizer.size:,} tokens, the model knows {config.vocab_size:,}",
            hint="take the tokenizer that the model was trained with",
            code=Exit.INPUT,
        )
    model.eval().requires_grad_(False)
    named = (tokenizer.eos, config.eos, *_end_tokens(whole))
    ends = frozenset(token for token in named if token is not None)
    form = recorded(tokenizer) if template is None else choose(tokenizer, template)
    return Opened(model, tokenizer, config, directory, digest, ends, form)


def base_directory(adapter: Path, root: Path, base: str | None) -> Path:
    """The model that an adapter belongs to: named, or as the adapter says, its path from here or from the adapter."""
    said = base_of(adapter)
    if base is None and said and (adapter / said / "config.json").is_file():
        return adapter / said
    try:
        return checkpoint_directory(base or said or "(unnamed)", root)
    except UserError as error:
        if base is not None:
            raise
        hint = "name the model that it was trained on with --base"
        raise UserError(f"the base of {adapter} is not found: {error.message}", hint=hint, code=Exit.INPUT) from None


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UserError(f"there is no device '{name}' here", hint="cpu is always there") from None
    return device


def _end_tokens(directory: Path) -> set[int]:
    """What the config files list as tokens at which generation ends: one, several, or none."""
    found: set[int] = set()
    for file in ("generation_config.json", "config.json"):
        value = _read(directory / file).get("eos_token_id")
        found |= {token for token in (value if isinstance(value, list) else [value]) if isinstance(token, int)}
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise UserError(f"{path} is no JSON", hint="the checkpoint is damaged", code=Exit.INPUT) from None
    return value if isinstance(value, Mapping) else {}
