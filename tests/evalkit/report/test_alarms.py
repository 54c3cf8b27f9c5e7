"""The sequential test: quiet on noise, awake on drops, and on what it stands."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.report.alarms import sequential
from evalkit.report.plan import Gates


def reports(rates: list[float], items: int = 400, seed: int = 0) -> list[dict[str, float]]:
    draw = np.random.default_rng(seed)
    ease = draw.beta(4, 2, items)
    return [{f"i{n}": float(draw.random() < min(max(ease[n] + rate, 0), 1)) for n in range(items)} for rate in rates]


def test_a_large_drop_is_seen_at_once_and_a_small_one_after_a_few() -> None:
    at_once = sequential(reports([0, 0, 0, -0.25]), Gates())
    assert at_once is not None and at_once.is_drop(0.005) and at_once.reports == 1 and at_once.high < 0
    history = reports([0.0] * 10 + [-0.06] * 5, seed=2)
    first = sequential(history[:11], Gates())
    later = sequential(history, Gates())
    assert first is not None and not first.is_drop(0.005)
    assert later is not None and later.is_drop(0.005) and later.reports > 1
    assert not later.is_drop(0.2)  # certain, but smaller than what matters


def test_a_drop_that_stays_is_not_what_is_usual() -> None:
    history = reports([0.0] * 2 + [-0.25] * 40)
    fine = [True] * 2 + [False] * 40
    kept, forgotten = sequential(history, Gates(), in_order=fine), sequential(history, Gates())
    assert kept is not None and kept.is_drop(0.005)
    assert forgotten is not None and not forgotten.is_drop(0.005)


def test_what_is_compared_is_what_is_in_common() -> None:
    assert sequential(reports([0]), Gates()) is None
    assert sequential([{"a": 1.0}, {"b": 0.0}], Gates()) is None
    same = sequential([{"a": 1.0, "b": 0.0}] * 3, Gates())
    assert same is not None and (same.change, same.p, same.items) == (0, 0.5, 2)
    alone = sequential([{"a": 1.0}, {"a": 0.0}], Gates())
    assert alone is not None and not alone.is_drop(0.005)


def test_items_of_one_passage_are_one_piece_of_evidence() -> None:
    history = reports([0, 0, 0, -0.2], items=60)
    four = [{f"{item}-{k}": score for item, score in one.items() for k in range(4)} for one in history]
    clusters = {f"i{n}-{k}": f"i{n}" for n in range(60) for k in range(4)}
    plain, clustered, careless = (
        sequential(history, Gates()),
        sequential(four, Gates(), clusters=clusters),
        sequential(four, Gates()),
    )
    assert plain is not None and clustered is not None and careless is not None
    assert clustered.p == pytest.approx(plain.p, rel=1e-6) and careless.p < plain.p / 10
