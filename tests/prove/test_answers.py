"""A thousand random changes of models, tasks, data and settings on one store of answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import random_evaluations

pytestmark = pytest.mark.prove
CHANGES = 1000


def test_no_change_finds_the_answer_to_another_question(tmp_path: Path, record: Callable[[str, str], None]) -> None:
    reused = random_evaluations.check(tmp_path, changes=CHANGES, seed=0)
    assert reused > 10_000
    record(
        "answers that are stored",
        f"{CHANGES:,} random changes of weights, tasks, data and settings: {reused:,} answers found again, none wrong",
    )
