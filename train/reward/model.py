"""A reward model: the trunk of a language model and one or several scalar heads on a document's last token."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from train.data.batch import PADDING
from train.model.build import CONFIG, tensors, write_config
from train.model.build import WEIGHTS as MODEL
from train.model.config import ModelConfig
from train.model.lstm import Lstm
from train.model.model import Factory, Llama
from train.tokenizer.tokenizer import Tokenizer
from workbench.errors import Exit, UserError
from workbench.files import write_text

BIAS = "reward.safetensors"
"""Beside the weights: what is added to each head's score."""
_SUFFIX = "ForSequenceClassification"
_LANGUAGE = "ForCausalLM"  # what transformers puts there for language models; our LSTM has no suffix
_BASE = "base."


class RewardModel(nn.Module):
    """What a trunk (a language model, whose own head is taken off) becomes with `heads` scalar heads.

    score: the matrix [heads, hidden]. bias: [heads], added to the scores; it is set after training, so that reference
    answers have a mean of 0. It is never learned: the loss of pairs does not depend on it, and Adam would make steps
    of the rounding errors in its gradient.
    """

    bias: Tensor

    def __init__(self, base: nn.Module, heads: int = 1) -> None:
        super().__init__()
        if hasattr(base, "lm_head"):
            del base.lm_head
        self.base: Any = base
        size = base.config.hidden_size  # type: ignore[union-attr]
        self.score = nn.Linear(size, heads, bias=False)  # type: ignore[arg-type]
        self.register_buffer("bias", torch.zeros(heads))

    @property
    def checkpointing(self) -> bool:
        """Whether layers are recomputed in the backward pass."""
        return bool(self.base.checkpointing)

    @checkpointing.setter
    def checkpointing(self, value: bool) -> None:
        self.base.checkpointing = value

    def forward(self, tokens: Tensor, positions: Tensor | None, docs: Tensor) -> Tensor:
        """fp32 scores [documents, heads] of every document of some rows, row by row."""
        last = self.base(tokens, positions, docs)[last_tokens(docs)]
        with torch.autocast(last.device.type, enabled=False):
            return nn.functional.linear(last.float(), self.score.weight.float()) + self.bias


def last_tokens(docs: Tensor) -> Tensor:
    """The last token of every document, as a mask [rows, width]. It is found by where documents end and never by an
    id, because the token that pads may be one that ends answers."""
    following = nn.functional.pad(docs[:, 1:], (0, 1), value=PADDING)
    return (docs != PADDING) & (docs != following)


def new_heads(model: RewardModel, seed: int) -> None:
    """Draw the heads: normal with a standard deviation of 1 / sqrt(hidden + 1) (Stiennon et al. 2020; summarize_from_
    feedback_details `reward.py`), each a function of (seed, its number)."""
    heads, size = model.score.weight.shape
    with torch.no_grad():
        for head in range(heads):
            key = hashlib.blake2b(f"{seed}/score/{head}".encode(), digest_size=8).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)
            model.score.weight[head] = torch.randn(size, generator=generator) / math.sqrt(size + 1)


class RewardForm:
    """How a reward model lies in a directory: `model.safetensors` and config.json as transformers'
    LlamaForSequenceClassification, the heads' bias in `reward.safetensors`, and the tokenizer.

    adapters: keep only what learns, of a model with adapters; such a directory is not one that others open.
    """

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer, heads: int, *, adapters: bool = False) -> None:
        self._config, self._tokenizer, self._heads, self._adapters = config, tokenizer, heads, adapters

    def names(self, model: nn.Module) -> list[str]:
        """The entries that are kept."""
        if not self._adapters:
            return list(model.state_dict())
        return [*(name for name, value in model.named_parameters() if value.requires_grad), "bias"]

    def save(self, weights: dict[str, Tensor], directory: Path) -> None:
        """Write all files."""
        named = {name.removeprefix(_BASE): value.contiguous() for name, value in weights.items() if name != "bias"}
        save_file(named, directory / MODEL, metadata={"format": "pt"})
        save_file({"bias": weights["bias"].contiguous()}, directory / BIAS)
        write_reward_config(self._config, directory, self._heads)
        self._tokenizer.save(directory)

    def load(self, directory: Path) -> dict[str, Tensor]:
        """The weights, bit for bit."""
        return {_BASE + name if name != "score.weight" else name: value for _, name, value in tensors(directory)} | {
            "bias": _bias(directory)
        }


def write_reward_config(config: ModelConfig, directory: Path, heads: int) -> None:
    """config.json of a sequence classifier with so many labels."""
    write_config(config, directory)
    described = json.loads((directory / CONFIG).read_bytes())
    described["architectures"] = [described["architectures"][0].removesuffix(_LANGUAGE) + _SUFFIX]
    described["id2label"] = {str(head): f"reward_{head}" for head in range(heads)}
    described["label2id"] = {f"reward_{head}": head for head in range(heads)}
    # Without a head over the vocabulary there is nothing to tie.
    write_text(directory / CONFIG, json.dumps(described | {"tie_word_embeddings": False}, indent=2) + "\n")
    (directory / "generation_config.json").unlink()


def is_reward_model(directory: Path) -> bool:
    """Whether a directory holds a model with a score instead of a vocabulary."""
    try:
        names = json.loads((directory / CONFIG).read_bytes()).get("architectures") or [""]
    except (OSError, ValueError, AttributeError):
        return False
    return str(names[0]).endswith(_SUFFIX)


def read_reward_config(directory: Path) -> ModelConfig:
    """The trunk's config of a reward model's directory; UserError (exit 4) where it holds none."""
    if not is_reward_model(directory):
        raise UserError(f"{directory} holds no reward model", hint="train one: train reward", code=Exit.INPUT)
    given = json.loads((directory / CONFIG).read_bytes())
    language = "" if given.get("model_type") == "winnow_lstm" else _LANGUAGE
    given["architectures"] = [str(given["architectures"][0]).removesuffix(_SUFFIX) + language]
    try:
        return ModelConfig.from_hf(given).replace(tied=True)
    except UserError as error:
        raise UserError(error.message, hint=error.hint, code=Exit.INPUT, file=directory / CONFIG) from None


def load_reward_model(
    directory: Path, *, device: torch.device | str = "cpu", linear: Factory | None = None
) -> tuple[RewardModel, ModelConfig]:
    """The reward model of a directory in fp32, ours or transformers' (`LlamaForSequenceClassification`).

    Raises UserError (exit 4) that names the file for what is missing, damaged or does not fit.
    """
    config = read_reward_config(directory)
    weights = {name: value.float() for _, name, value in tensors(directory) if not name.endswith("inv_freq")}
    score = weights.get("score.weight")
    if score is None or score.dim() != 2 or score.shape[1] != config.hidden_size:
        raise _bad(directory / MODEL, "it has no `score.weight` that fits the model")
    with torch.device("meta"):
        model = RewardModel(Lstm(config) if config.kind == "lstm" else Llama(config, linear), len(score))
    named = {_BASE + name if name != "score.weight" else name: value for name, value in weights.items()}
    named["bias"] = _bias(directory) if (directory / BIAS).is_file() else torch.zeros(len(score))
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    for name in sorted(wanted.keys() | named.keys()):
        if name not in named or name not in wanted:
            what = "is missing" if name in wanted else "has no place in this model"
            raise _bad(directory / MODEL, f"the weight '{name.removeprefix(_BASE)}' {what}")
        if named[name].shape != wanted[name]:
            shapes = f"{tuple(named[name].shape)} where config.json asks for {tuple(wanted[name])}"
            raise _bad(directory / MODEL, f"'{name.removeprefix(_BASE)}' is {shapes}")
    model.load_state_dict(named, assign=True)
    return model.requires_grad_(True).to(device), config


def _bias(directory: Path) -> Tensor:
    try:
        return load_file(directory / BIAS)["bias"].float()
    except (SafetensorError, OSError, KeyError) as error:
        raise _bad(directory / BIAS, f"it cannot be read: {error}") from None


def _bad(path: Path, message: str) -> UserError:
    return UserError(message, hint="copy or save it again", code=Exit.INPUT, file=path)
