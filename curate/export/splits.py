"""Splits: shares by name, and a keyed hash of each cluster that says which one it falls into."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.mix.sample import hashes
from workbench.errors import UserError

_NAME = re.compile(r"[a-z][a-z0-9_]*")  # what `datasets` takes for the name of a split
_EXAMPLE = "for example --splits train=0.98,validation=0.01,test=0.01"


def parse(text: str) -> dict[str, float]:
    """`train=0.98,test=0.02` -> shares by name. Raises UserError for a bad name, and where the sum is not 1."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if not _NAME.fullmatch(name) or name == "all":
            message = f"--splits {text}: '{name}' is no name of a split (a to z, 0 to 9, _; not 'all')"
            raise UserError(message, hint=_EXAMPLE)
        if name in shares:
            raise UserError(f"--splits {text}: '{name}' stands there twice", hint=_EXAMPLE)
        try:
            share = float(number)
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise UserError(f"--splits {text}: '{part.strip()}' is no share above 0 and up to 1", hint=_EXAMPLE)
        shares[name] = share
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise UserError(f"--splits {text}: the shares add up to {sum(shares.values()):g}, not to 1", hint=_EXAMPLE)
    return shares


def assign(keys: pl.Series, shares: dict[str, float], seed: int) -> npt.NDArray[np.int64]:
    """The split, by its number in `shares`, that each document falls into. [documents]

    It depends on the key of its cluster and the seed alone: documents that come or go elsewhere move nobody.
    """
    bounds = [int(bound * 2.0**64) for bound in np.cumsum(list(shares.values()))[:-1].tolist()]
    distinct = keys.unique().sort()
    inner = np.array([min(bound, 2**64 - 1) for bound in bounds], np.uint64)
    split = np.searchsorted(inner, hashes(distinct, seed, "split"), side="right")
    numbers = pl.DataFrame({"key": distinct, "split": split.astype(np.int64)})
    found = pl.DataFrame({"key": keys}).join(numbers, on="key", how="left", maintain_order="left")
    return found["split"].to_numpy()
