"""What an answer looks like, as covariates of a vote: its length and its Markdown, text of code left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CODE = re.compile(r"```[^`]*```")
_HEADER = re.compile(r"^#{1,6}\s", re.MULTILINE)
_LIST = re.compile(r"^\s*(?:\d+\.|[-*+])\s", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")


class Style(NamedTuple):
    """Counts of one answer. words: separated by white space."""

    words: int
    headers: int
    lists: int
    bold: int


def style(text: str) -> Style:
    """The counts outside of fenced code."""
    prose = _CODE.sub("", text)
    return Style(len(prose.split()), *(len(pattern.findall(prose)) for pattern in (_HEADER, _LIST, _BOLD)))


def differences(left: Sequence[Style], right: Sequence[Style]) -> Floats:
    """Covariates [votes, 4]: (left - right) / (left + right + 1) of each count, standardised (FastChat's form).

    A count that never differs is 0 throughout.
    """
    a, b = np.array(left, dtype=np.float64).reshape(-1, 4), np.array(right, dtype=np.float64).reshape(-1, 4)
    share = (a - b) / (a + b + 1)
    spread = share.std(0)
    return np.where(spread > 0, (share - share.mean(0)) / np.where(spread > 0, spread, 1), 0.0)
