"""The model that comes with the package, or one that the user has trained."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from curate.extract.engines.settings import BUILTIN
from curate.extract.winnow.trees import HINT, Model, load
from workbench.errors import Exit, UserError

PACKAGED = Path(__file__).with_name("extractor.model")


def open_model(path: Path | None = None) -> Model:
    """The model of a file, or the packaged one. Raises UserError (exit 4) where it is none."""
    if path is not None and not path.is_file():
        raise UserError(f"no extraction model at {path}", hint=HINT, code=Exit.INPUT)
    return load(path or PACKAGED)


def model_digest(model: str) -> str:
    """What decides the output of a model by that name: the content of its file. UserError (exit 4) where it is none."""
    path = PACKAGED if model == BUILTIN else Path(model)
    return _digest(path, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _digest(path: Path, _: int) -> str:
    open_model(path)  # now, and not in every child that cannot start with it
    return hashlib.sha256(path.read_bytes()).hexdigest()
