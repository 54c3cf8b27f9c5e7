"""Checkpoints: directories that other tools open, with what resuming needs in `train/`, whole or not there at all.

    checkpoints/step-00000100/
        model.safetensors, config.json, tokenizer.json ...    written by a `Form`
        train/optimizer.safetensors, optimizer.json           tensors as `parameter/key`, and their settings
        train/state.json                                      `State`
        COMPLETE                                              every file with its size and xxh3_128; written last

No file is a pickle. A checkpoint does not depend on the number of processes that wrote it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import xxhash
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from workbench.errors import Exit, UserError, output_error
from workbench.files import beside, leftovers, remove, whole_directory

COMPLETE = "COMPLETE"


class State(BaseModel):
    """What resuming needs beside the tensors.

    step: finished optimizer steps. tokens: read by then. identity: digests of what must not change (recipe, data,
    tokenizer). skipped: by step (from 0) the loss and gradient norm, as text, for which its data are passed over.
    value: what the best checkpoint is chosen by (lower is better), where it was measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    step: int
    tokens: int
    identity: dict[str, str] = {}
    skipped: dict[int, tuple[str, str]] = {}
    value: float | None = None


class Form(Protocol):
    """How a model lies in a checkpoint: whole, or as an adapter."""

    def names(self, model: nn.Module) -> list[str]:
        """The entries of the state dictionary that are kept."""
        ...

    def save(self, weights: dict[str, Tensor], directory: Path) -> None:
        """Write them, and what makes the directory openable."""
        ...

    def load(self, directory: Path) -> dict[str, Tensor]:
        """Read them back, bit for bit."""
        ...


class WholeModel:
    """Every weight in `model.safetensors`; `companions(directory)` writes config.json, tokenizer and the like."""

    def __init__(self, companions: Callable[[Path], None] | None = None) -> None:
        self._companions = companions

    def names(self, model: nn.Module) -> list[str]:
        """All of them."""
        return list(model.state_dict())

    def save(self, weights: dict[str, Tensor], directory: Path) -> None:
        """`model.safetensors` with the metadata that transformers asks for, and the companions."""
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
        if self._companions is not None:
            self._companions(directory)

    def load(self, directory: Path) -> dict[str, Tensor]:
        """The weights of `model.safetensors`."""
        return read_tensors(directory / "model.safetensors")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; UserError (exit 4) when it is missing, cut short or foreign."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    except (SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from None


def save(
    path: Path,
    form: Form,
    weights: dict[str, Tensor],
    optimizer: dict[str, Tensor],
    settings: str,
    state: State,
) -> None:
    """Write a checkpoint to `path`, whole or not at all; one that is complete there already is left as it is.

    Raises UserError (exit 7) when the disk is full or cannot be written; earlier checkpoints stay.
    """
    if (path / COMPLETE).is_file():
        return
    try:
        with whole_directory(path) as temporary:
            form.save(weights, temporary)
            (temporary / "train").mkdir()
            save_file(optimizer, temporary / "train" / "optimizer.safetensors")
            (temporary / "train" / "optimizer.json").write_text(settings, encoding="utf-8")
            (temporary / "train" / "state.json").write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")
            files = sorted(each for each in temporary.rglob("*") if each.is_file())
            found = {each.relative_to(temporary).as_posix(): _seal(each) for each in files}
            (temporary / COMPLETE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except Exception as error:
        known = output_error(error)
        if known is None:
            raise
        raise known from None


def _seal(path: Path) -> list[int | str]:
    hasher = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return [path.stat().st_size, hasher.hexdigest()]


def verify(path: Path) -> None:
    """Compare every file of a checkpoint with what was written; UserError (exit 4) names one that differs."""
    if not (path / COMPLETE).is_file():
        raise UserError(f"{path} is no complete checkpoint", hint="choose another one", code=Exit.INPUT)
    try:
        found: dict[str, list[int | str]] = json.loads((path / COMPLETE).read_text(encoding="utf-8"))
    except ValueError:
        raise _damaged(path / COMPLETE, "it is not JSON") from None
    for name, (size, digest) in sorted(found.items()):
        file = path / name
        if not file.is_file():
            raise _damaged(file, "it is missing")
        if file.stat().st_size != size:
            raise _damaged(file, f"it has {file.stat().st_size:,} bytes, not {size:,}")
        if _seal(file)[1] != digest:
            raise _damaged(file, "its bytes have changed since it was written")


def read_state(path: Path) -> State:
    """The state of a checkpoint."""
    file = path / "train" / "state.json"
    try:
        return State.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        why = "it is missing" if isinstance(error, OSError) else "it is not the state of a training"
        raise _damaged(file, why) from None


def read_optimizer(path: Path) -> dict[str, Tensor]:
    """The optimizer's tensors in a checkpoint."""
    return read_tensors(path / "train" / "optimizer.safetensors")


def all_complete(run: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first; what a crash left of others is passed over."""
    found = (run / "checkpoints").glob("step-*")
    return sorted(path for path in found if (path / COMPLETE).is_file() and ".tmp-" not in path.name)


def latest(run: Path) -> Path | None:
    """The newest complete checkpoint of a run."""
    return max(all_complete(run), default=None)


def best(run: Path) -> Path | None:
    """The complete checkpoint with the lowest value; the newest among equals; None where none was measured."""
    values = [(read_state(path).value, path) for path in all_complete(run)]
    known = [(-value, path) for value, path in values if value is not None and math.isfinite(value)]
    return max(known)[1] if known else None


def prune(run: Path, keep: int) -> None:
    """Delete all checkpoints but the `keep` newest and the best, each at once; and what killed writers left."""
    kept: Iterable[Path | None] = [*all_complete(run)[-keep:], best(run)]
    for path in all_complete(run):
        if path not in kept:
            going = beside(path)
            path.rename(going)
            remove(going)
    for path in leftovers(run / "checkpoints"):
        remove(path)


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names under which two identities differ."""
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _damaged(file: Path, why: str) -> UserError:
    hint = "delete this checkpoint to go on from the one before"
    return UserError(f"{file.name} cannot be used: {why}", hint=hint, code=Exit.INPUT, file=file)
