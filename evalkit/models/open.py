"""Opening a model by the name that a person has for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.models.types import Model
from workbench import registry
from workbench.errors import UserError, did_you_mean

SCHEMES = ("mock", "recorded", "openai", "chat", "http", "https", "transformers")


def open_model(
    spec: str,
    *,
    root: Path,
    precision: str = "fp32",
    device: str = "cpu",
    best: bool = False,
    base: str | None = None,
    template: str | None = None,
    bos: bool | None = None,
    batch: int | None = None,
    server: Mapping[str, Any] | None = None,
    cache: bool = True,
) -> Model:
    """The model that `spec` means.

    - a train run, a checkpoint, an adapter, a Llama directory of Hugging Face;
    - a directory of another architecture, where transformers is installed (`transformers:DIR`: any directory with it);
    - `http://host/v1#model` or `openai:URL#model`, a server with /completions that gives log-probabilities;
    - `chat:URL#model`, a server that only answers conversations;
    - `recorded:FILE.jsonl`, what a model has said before;
    - `mock:SEED`, which costs nothing.

    root: of the workspace. best: a run's best checkpoint. base: of an adapter. template: of conversations, instead of
    the tokenizer's own. bos: see `evalkit.likelihood.encode.Coder`. batch: sequences at a time (None: what suits the
    machine); results do not depend on it. server: settings of `workbench.endpoints.Endpoint` beside address and model:
    concurrency, price ... cache: whether a server's answers are taken from the workspace, and kept there. Raises
    UserError for what is missing, damaged or not supported.
    """
    scheme, colon, rest = spec.partition(":")
    if Path(spec).exists() or not colon:
        return _local(spec, root, precision, device, best, base, template, bos, batch)
    match scheme:
        case "mock":
            from evalkit.models.mock import Mock

            if not rest.isdecimal():
                raise UserError(f"'{spec}' names no mock model", hint="mock:0, or any other number")
            return Mock(int(rest))
        case "recorded":
            from evalkit.models.recorded import Recorded

            return Recorded(Path(rest))
        case "openai" | "chat":
            return _served(rest, scheme == "chat", server or {}, root if cache else None)
        case "http" | "https":
            return _served(spec, False, server or {}, root if cache else None)
        case "transformers":
            return _foreign(spec, Path(rest), precision, device, bos, batch)
    hint = did_you_mean(scheme, SCHEMES)
    raise UserError(f"there are no models of the kind '{scheme}:'", hint=hint)


def _served(address: str, only_chat: bool, settings: Mapping[str, Any], root: Path | None) -> Model:
    from evalkit.models.endpoint import Served
    from train.ask import ANSWERS
    from workbench import recipes
    from workbench.endpoints import Endpoint

    url, mark, model = address.partition("#")
    if not mark or not model:
        raise UserError(
            f"'{address}' names no model", hint="write the model's name behind a #: http://host:8000/v1#name"
        )
    layers = [recipes.from_values({"url": url, "model": model}, address), recipes.from_values(settings, "server")]
    return Served(recipes.resolve(Endpoint, layers).recipe, only_chat=only_chat, cache=root / ANSWERS if root else None)


def _local(
    spec: str,
    root: Path,
    precision: str,
    device: str,
    best: bool,
    base: str | None,
    template: str | None,
    bos: bool | None,
    batch: int | None,
) -> Model:
    if _is_foreign(Path(spec)):
        return _foreign(spec, Path(spec), precision, device, bos, batch)
    if not Path(spec).exists():
        registry.find(spec, root)  # a name that is misspelt is told at once, before torch is loaded
    from evalkit.models.local import Local
    from train.open import open_model as open_local

    opened = open_local(spec, root, device=device, precision=precision, best=best, base=base, template=template)
    return Local(spec, opened, precision=precision, bos=bos, batch=batch)


def _is_foreign(directory: Path) -> bool:
    """Whether this is a model that `train` does not know: its config.json names another kind, or something unknown."""
    if not (directory / "config.json").is_file():
        return False
    from train.model.build import read_config

    try:
        read_config(directory)
    except UserError:
        try:
            config = json.loads((directory / "config.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(config, dict) and "model_type" in config
    return False


def _foreign(spec: str, directory: Path, precision: str, device: str, bos: bool | None, batch: int | None) -> Model:
    from evalkit.models.foreign import Transformers

    return Transformers(spec, directory, precision=precision, device=device, bos=bos, batch=batch)
