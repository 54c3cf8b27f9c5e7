"""Which identifier a run uses."""

from __future__ import annotations

import hashlib
from pathlib import Path

from curate.language.answer import Identifier
from workbench.errors import Exit, UserError

BUILTIN = "builtin"


def identifier(model: str = BUILTIN) -> Identifier:
    """The built-in identifier, or a fastText model (lid.176.bin, lid.176.ftz, GlotLID) by its path.

    Raises UserError: exit 4 for a model that is not there or is none, 6 when fastText is not installed.
    """
    if model == BUILTIN:
        from curate.language.naive_bayes import NaiveBayes

        return NaiveBayes()
    from curate.language.fasttext_model import FastText

    return FastText(model)


def model_digest(model: str) -> str:
    """What tells one model from another without loading it: `builtin` (its package's version says more), or SHA-256.

    Raises UserError (exit 4) for a model that is not there.
    """
    if model == BUILTIN:
        return BUILTIN
    if not Path(model).is_file():
        hint = "give the path of a fastText model, or language.model=builtin"
        raise UserError(f"no language model at {model}", hint=hint, code=Exit.INPUT)
    with Path(model).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
