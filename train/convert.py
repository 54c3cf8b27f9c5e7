"""Models into and out of the workbench: copies of checkpoints, adapters merged, models from elsewhere as runs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from train import checkpoint
from train.adapters import is_adapter, merged, point_at
from train.model.build import load, read_config, save, tensors, weights_digest, write_config
from train.model.config import ModelConfig
from train.open import base_directory, checkpoint_directory
from train.tokenizer.tokenizer import Tokenizer
from workbench.errors import Exit, UserError
from workbench.files import sha256, whole_directory
from workbench.manifest import Input
from workbench.runs import Run
from workbench.yamltree import dump

KIND = "train.import"
_OURS = (checkpoint.COMPLETE, "train")


def export(name: str, out: Path, root: Path, *, best: bool = False) -> list[Path]:
    """Copy a checkpoint without what only resuming needs, with its run's card; the files written.

    Raises UserError: exit 2 when `out` is there already, 4 when the checkpoint is missing or damaged.
    """
    directory = checkpoint_directory(name, root, best=best)
    if (directory / checkpoint.COMPLETE).is_file():
        checkpoint.verify(directory)
    _must_be_new(out)
    card = next((path for above in directory.parents[:2] if (path := above / "README.md").is_file()), None)
    with _directory(out) as temporary:
        for path in sorted(directory.iterdir()):
            if path.is_file() and path.name not in _OURS:
                shutil.copyfile(path, temporary / path.name)
        if is_adapter(temporary):
            point_at(temporary, base_directory(directory, root, None).resolve())
        if card is not None and not (temporary / "README.md").exists():
            shutil.copyfile(card, temporary / "README.md")
    return sorted(out.iterdir())


def merge(name: str, out: Path, root: Path, *, base: str | None = None) -> list[Path]:
    """Write the plain fp32 model of an adapter and its base, with the tokenizer; the files written."""
    directory = checkpoint_directory(name, root)
    if not is_adapter(directory):
        raise UserError(f"{directory} is no adapter", hint="it is a whole model already: train export")
    _must_be_new(out)
    whole = base_directory(directory, root, base)
    model, config = merged(whole, directory)
    tokenizer = Tokenizer.open(directory if (directory / "tokenizer.json").is_file() else whole)
    with _directory(out) as temporary:
        save(model, config, temporary)
        tokenizer.save(temporary)
    return sorted(out.iterdir())


def import_model(directory: Path, out: Path | None, root: Path, *, force: bool = False) -> tuple[Run, ModelConfig]:
    """A directory of Hugging Face as a run with one checkpoint, after the weights were read as a model.

    Raises UserError (exit 4) for what is not supported, missing or damaged.
    """
    config = read_config(directory)
    load(directory)
    tokenizer = Tokenizer.open(directory)
    digest = weights_digest(directory)
    recipe = dump({"weights": digest, "tokenizer": tokenizer.digest, "config": config.to_hf()})
    files = sorted(directory.glob("*.safetensors"))
    inputs = [Input(path=str(path), bytes=path.stat().st_size, digest=sha256(path)) for path in files]
    run = Run.create(out, KIND, recipe, root=root, inputs=inputs, force=force)
    with run:
        if not run.is_finished:
            _store(run.path, directory, config, tokenizer)
            run.finish(counts={"parameters": config.parameters()["total"]}, inputs=inputs)
    return run, config


def _store(run: Path, directory: Path, config: ModelConfig, tokenizer: Tokenizer) -> None:
    weights = {name: value for _, name, value in tensors(directory)}
    dtype = str(weights["model.embed_tokens.weight"].dtype).removeprefix("torch.")

    def companions(place: Path) -> None:
        write_config(config, place, dtype)
        tokenizer.save(place)

    state = checkpoint.State(step=0, tokens=0)
    checkpoint.save(
        run / "checkpoints" / "step-00000000", checkpoint.WholeModel(companions), weights, {}, "{}\n", state
    )


@contextlib.contextmanager
def _directory(out: Path) -> Iterator[Path]:
    """A directory that is whole or not there; UserError (exit 7) where it cannot be written."""
    try:
        with whole_directory(out) as temporary:
            yield temporary
    except OSError as error:
        message = f"cannot write to {out}: {(error.strerror or str(error)).lower()}"
        raise UserError(message, hint="choose another --out", code=Exit.OUTPUT) from None


def _must_be_new(out: Path) -> None:
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise UserError(f"{out} is there already", hint="choose another --out", code=Exit.USAGE)
