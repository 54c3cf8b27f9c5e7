"""Learning rates by step: ours without a wasted step, transformers' to the digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.optim import OptimSettings, lr_at
from train.schedule import ScheduleSettings, share_at

# get_wsd_schedule of transformers 5.23: 4 steps of warm-up, 6 of decay by 1-sqrt, 20 in all
WSD_HF = [0.0, 0.25, 0.5, 0.75] + 11 * [1.0]
WSD_HF += [0.591751709536137, 0.42264973081037427, 0.2928932188134524, 0.18350341907227397, 0.0871290708247231]


def _shares(total: int, **settings: object) -> list[float]:
    made = ScheduleSettings.model_validate(settings)
    return [share_at(step, total, made) for step in range(total)]


def test_wsd_as_transformers_has_it() -> None:
    found = _shares(20, kind="wsd", warmup=4, decay=6, shape="1-sqrt", convention="hf")
    assert found == pytest.approx(WSD_HF, rel=1e-12)


def test_ours_wastes_neither_the_first_step_nor_the_last() -> None:
    found = _shares(20, kind="wsd", warmup=4, decay=6, shape="linear")
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert found[14:] == pytest.approx([6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7])


def test_decay_ends_at_the_final_share() -> None:
    found = _shares(1000, kind="cosine", warmup=0, final=0.1)
    assert found[-1] == pytest.approx(0.1, abs=1e-5)
    assert found[0] == pytest.approx(1.0, abs=1e-5)


def test_lengths_below_one_are_shares() -> None:
    assert _shares(50, kind="wsd", warmup=0.1, decay=0.2) == _shares(50, kind="wsd", warmup=5, decay=10)


def test_the_learning_rate_is_the_share_of_the_full_one() -> None:
    settings = OptimSettings(lr=0.4, schedule=ScheduleSettings(kind="constant", warmup=4))
    assert [lr_at(step, 9, settings) for step in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])


@given(
    total=st.integers(1, 60),
    warmup=st.integers(0, 70),
    decay=st.integers(0, 70),
    kind=st.sampled_from(["cosine", "wsd", "linear", "constant"]),
    shape=st.sampled_from(["linear", "1-sqrt", "cosine"]),
)
def test_every_step_learns_and_the_rate_rises_then_falls(
    total: int, warmup: int, decay: int, kind: str, shape: str
) -> None:
    found = _shares(total, kind=kind, warmup=warmup, decay=decay, shape=shape)
    assert all(0 < share <= 1 for share in found)
    top = found.index(max(found))
    assert found[:top] == sorted(found[:top])
    assert found[top:] == sorted(found[top:], reverse=True)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["cosine", "linear", "linear-wsd", "cosine-wsd"])
def test_against_transformers(kind: str) -> None:
    import torch

    hf = pytest.importorskip("transformers.optimization")
    value = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([value], lr=1.0)
    shape, _, wsd = kind.partition("-")
    if wsd:
        made = hf.get_wsd_schedule(optimizer, 3, 7, num_training_steps=25, decay_type=shape, min_lr_ratio=0.1)
        ours = _shares(25, kind="wsd", warmup=3, decay=7, shape=shape, final=0.1, convention="hf")
    else:
        made = getattr(hf, f"get_{kind}_schedule_with_warmup")(optimizer, 3, 25)
        ours = _shares(25, kind=kind, warmup=3, convention="hf")
    theirs = []
    for _ in range(25):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    assert ours == pytest.approx(theirs, rel=1e-9)
