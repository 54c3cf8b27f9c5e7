"""Opening a model by the name that a person has for it."""

from __future__ import annotations

from pathlib import Path

from evalkit.models.types import Model
from workbench.errors import UserError, did_you_mean

SCHEMES = ("mock",)


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
) -> Model:
    """The model that `spec` means.

    A train run, checkpoint, adapter or Llama directory of Hugging Face; `mock:SEED`, which costs nothing.

    root: of the workspace. best: a run's best checkpoint. base: of an adapter. template: of conversations, instead of
    the tokenizer's own. bos: see `evalkit.likelihood.encode.Coder`. batch: sequences at a time (None: what suits the
    machine); results do not depend on it. Raises UserError for what is missing, damaged or not supported.
    """
    scheme, colon, rest = spec.partition(":")
    if scheme == "mock" and colon:
        from evalkit.models.mock import Mock

        if not rest.isdecimal():
            raise UserError(f"'{spec}' names no mock model", hint="mock:0, or any other number")
        return Mock(int(rest))
    if colon and not Path(spec).exists():
        raise UserError(f"there are no models of the kind '{scheme}:'", hint=did_you_mean(scheme, SCHEMES))
    from evalkit.models.local import Local
    from train.open import open_model as open_local

    opened = open_local(spec, root, device=device, precision=precision, best=best, base=base, template=template)
    return Local(spec, opened, precision=precision, bos=bos, batch=batch)
