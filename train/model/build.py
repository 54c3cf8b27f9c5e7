"""Models made anew, read from a directory in the form of transformers, written to one."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from train.model.config import ModelConfig
from train.model.lstm import Lstm
from train.model.model import Factory, Llama
from workbench.errors import Exit, UserError, closest
from workbench.files import whole_file, write_text

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
Device = torch.device | str


def build(config: ModelConfig, *, seed: int, linear: Factory | None = None, device: Device = "cpu") -> nn.Module:
    """A new model in fp32: every weight depends on (seed, its name, the config) alone.

    Norms are 1, biases 0, matrices normal with `init_std`, those that write into the residual stream (o_proj,
    down_proj) divided by sqrt(2 layers) as in GPT-2. linear: see `Llama`; its modules are loaded from plain weights.
    """
    model = _empty(config)
    weights = {name: _new(name, value, config, seed) for name, value in model.state_dict().items()}
    return _filled(model, weights, config, linear, device)


def _new(name: str, like: Tensor, config: ModelConfig, seed: int) -> Tensor:
    if like.dim() < 2:
        return torch.full(like.shape, 1.0 if name.endswith("norm.weight") else 0.0)
    key = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)
    writes = name.endswith(("o_proj.weight", "down_proj.weight"))
    std = config.init_std / math.sqrt(2 * config.layers if writes else 1)
    if config.kind == "lstm" and ".rnn." in name:
        std = config.hidden_size**-0.5
    return torch.empty(like.shape).normal_(0, std, generator=generator)


def _empty(config: ModelConfig, linear: Factory | None = None) -> nn.Module:
    """The modules without weights."""
    with torch.device("meta"):
        return Lstm(config) if config.kind == "lstm" else Llama(config, linear)


def _filled(
    model: nn.Module, weights: dict[str, Tensor], config: ModelConfig, linear: Factory | None, device: Device
) -> nn.Module:
    """A model with these very weights, or with what the modules of `linear` make of them."""
    if linear is not None:
        model = _empty(config, linear)
    wrong = model.load_state_dict(weights, assign=True, strict=False).unexpected_keys
    if wrong:
        raise ValueError(f"the factory's modules have no place for {wrong[0]}")
    left = [name for name, value in model.named_parameters() if value.is_meta]
    if left:
        raise ValueError(f"the factory's modules did not make {left[0]}")
    return model.requires_grad_(True).to(device)


def read_config(directory: str | Path) -> ModelConfig:
    """The config.json of a directory; UserError (exit 4) naming what is wrong with it."""
    path = Path(directory) / CONFIG
    try:
        given = _read_json(path)
        return ModelConfig.from_hf(given)
    except UserError as error:
        raise UserError(error.message, hint=error.hint, code=Exit.INPUT, file=path) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bad(path, "there is no such file", "name a directory in the form of transformers") from None
    except (OSError, ValueError) as error:
        raise _bad(path, f"it cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise _bad(path, "it is not a JSON object")
    return given


def load(
    directory: str | Path, *, device: Device = "cpu", linear: Factory | None = None, dtype: torch.dtype | None = None
) -> tuple[nn.Module, ModelConfig]:
    """The model of a directory, with its config; the weights in `dtype`, or bit by bit as they are on disk.

    One safetensors file or several behind an index are read. A truncated or foreign file, a weight that is missing,
    not known or of another shape: UserError (exit 4) that names file and weight. Training wants dtype=torch.float32.
    """
    config = read_config(directory)
    model = _empty(config)
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    weights: dict[str, Tensor] = {}
    for path, name, value in tensors(directory):
        if name not in wanted:
            if (config.tied and name == "lm_head.weight") or name.endswith("rotary_emb.inv_freq"):
                continue
            near = closest(name, wanted)
            raise _bad(path, f"the weight '{name}' has no place in this model", f"there is '{near}'" if near else "")
        if value.shape != wanted[name]:
            raise _bad(path, f"'{name}' is {tuple(value.shape)} where config.json asks for {tuple(wanted[name])}")
        if not value.is_floating_point():
            raise _bad(path, f"'{name}' holds {value.dtype}, not floating-point numbers")
        weights[name] = value.to(dtype or value.dtype, copy=True)
    missing = sorted(wanted.keys() - weights.keys())
    if missing:
        raise _bad(Path(directory), f"the weight '{missing[0]}' is missing ({len(missing)} in all)")
    try:
        return _filled(model, weights, config, linear, device), config
    except RuntimeError as error:  # a module of `linear` refuses a weight
        raise _bad(Path(directory), f"a weight cannot be used: {str(error).splitlines()[-1].strip()}") from None


def tensors(directory: str | Path) -> Iterator[tuple[Path, str, Tensor]]:
    """Every tensor of a directory's safetensors files, with its file and name, in the order of names in each file."""
    for path in _files(Path(directory)):
        try:
            with safe_open(path, framework="pt") as file:
                for name in sorted(file.keys()):
                    yield path, name, file.get_tensor(name)
        except FileNotFoundError:
            raise _bad(path, "there is no such file") from None
        except (SafetensorError, OSError) as error:
            raise _bad(path, f"this is no whole safetensors file: {error}", "copy or save it again") from None


def _files(directory: Path) -> list[Path]:
    whole, index = directory / WEIGHTS, directory / INDEX
    if whole.is_file() or not index.is_file():
        return [whole]
    names = _read_json(index).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise _bad(index, "it has no `weight_map` of weights to files")
    for name in names.values():
        if Path(name).name != name:
            raise _bad(index, f"it names the file '{name}', which is not in the directory")
    return [directory / name for name in sorted(set(names.values()))]


def save(module: nn.Module, config: ModelConfig, directory: str | Path) -> None:
    """Write model.safetensors, config.json and generation_config.json, each whole or not at all."""
    weights = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    expected = _empty(config).state_dict().keys()
    if weights.keys() != expected:
        raise ValueError(f"not the weights of a plain model: {sorted(weights.keys() ^ expected)[:3]}")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with whole_file(directory / WEIGHTS) as path:
        save_file(weights, path, metadata={"format": "pt"})
    dtype = str(weights["model.embed_tokens.weight"].dtype).removeprefix("torch.")
    write_config(config, directory, dtype)


def write_config(config: ModelConfig, directory: Path, dtype: str = "float32") -> None:
    """config.json, for weights of this dtype, and generation_config.json."""
    described = config.to_hf() | {"dtype": dtype, "torch_dtype": dtype}
    write_text(directory / CONFIG, json.dumps(described, indent=2) + "\n")
    tokens = {"bos_token_id": config.bos, "eos_token_id": config.eos, "pad_token_id": config.pad}
    generation = {"_from_model_config": True} | {name: value for name, value in tokens.items() if value is not None}
    write_text(directory / "generation_config.json", json.dumps(generation, indent=2) + "\n")


def weights_digest(directory: str | Path) -> str:
    """Hex SHA-256 of the weights (names, dtypes, shapes, bits), the same however they are divided into files."""
    parts = {}
    for _, name, value in tensors(directory):
        described = f"{name} {value.dtype} {tuple(value.shape)}\n".encode()
        raw = value.contiguous().flatten().view(torch.uint8).numpy().data
        parts[name] = hashlib.sha256(described + hashlib.sha256(raw).digest()).digest()
    return hashlib.sha256(b"".join(parts[name] for name in sorted(parts))).hexdigest()


def _bad(path: Path, message: str, hint: str = "") -> UserError:
    return UserError(message, hint=hint, code=Exit.INPUT, file=path)
