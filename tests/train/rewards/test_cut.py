"""Responses without an end."""

from __future__ import annotations

import numpy as np
import pytest

from train.rewards.cut import without_end
from train.stages.settings import Pg


def test_nobody_gains_by_having_no_end() -> None:
    scores, ended = np.array([[3.0, 1.0], [2.0, 5.0]]), [True, True, True, False]
    assert without_end(scores, ended, "lowest").tolist() == [[3, 1], [2, 1]]
    assert without_end(scores, ended, "reward").tolist() == scores.tolist()
    assert without_end(scores, ended, -1.0).tolist() == [[3, 1], [2, -1]]
    assert without_end(scores, [False] * 4, "lowest").tolist() == scores.tolist()
    assert without_end(scores, [False] * 4, 0.0).tolist() == [[0, 0], [0, 0]]
    assert without_end(np.array([2.0, -4.0]), [True, False], "lowest").tolist() == [2, -4]


def test_in_a_recipe() -> None:
    assert [Pg.model_validate({"without_end": one}).without_end for one in (-1, "reward", "lowest")] == [
        -1.0,
        "reward",
        "lowest",
    ]
    assert Pg().without_end == "lowest"
    for wrong in ("worst", float("nan"), None):
        with pytest.raises(ValueError, match="without_end"):
            Pg.model_validate({"without_end": wrong})
