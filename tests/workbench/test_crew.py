"""Workers that are kept between steps: the same ones do the work, what they did leaves no trace, and none outlives."""

import os
import signal
import time
from pathlib import Path

import pytest

from workbench import crew
from workbench.crew import apart, kept
from workbench.errors import Exit, UserError
from workbench.executor import run_units
from workbench.processes import is_alive
from workbench.units import Unit

STEP = """
import os, signal
from contextlib import contextmanager
from pathlib import Path
from workbench.errors import Exit, UserError


@contextmanager
def step(setup):
    if setup.get("broken"):
        raise UserError("no model", hint="fetch it", code=Exit.MISSING)
    scratch = Path(setup["scratch"])
    held = scratch / f"held-{os.getpid()}"
    held.touch(exist_ok=False)

    def work(payload, out, progress):
        assert held.exists()
        (out / "part.txt").write_text(str(payload["n"]))
        if payload.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"pid": os.getpid()}

    yield work
    held.unlink()
"""


class Steps:
    """Runs steps of two units by two workers."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.steps = 0

    def pids(self, **more: object) -> set[int]:
        """Who did a step."""
        self.steps += 1
        units = [Unit(f"u{number}", {"n": number, **more}) for number in range(2)]
        outcomes = self.outcomes(units)
        return {(outcome.result or {})["pid"] for outcome in outcomes}

    def outcomes(self, units: list[Unit], **setup: object):  # type: ignore[no-untyped-def]
        """One step."""
        directory = self.scratch / f"units-{self.steps}"
        setup = {"scratch": str(self.scratch), **setup}
        return run_units("crew_step:step", units, directory=directory, step="s", jobs=2, setup=setup)

    @property
    def held(self) -> list[Path]:
        """What set-ups hold that were not cleaned up."""
        return list(self.scratch.glob("held-*"))


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    (tmp_path / "crew_step.py").write_text(STEP)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Steps(tmp_path)


def test_workers_are_kept_from_step_to_step_and_end_with_the_block(steps: Steps) -> None:
    with kept():
        first = steps.pids()
        assert not steps.held  # each step's set-up was cleaned up
        with kept():  # within the other one
            second = steps.pids()
        third = steps.pids()
        assert all(is_alive(pid, None) for pid in third)
    assert len(first | second | third) <= 2
    assert not any(is_alive(pid, None) for pid in first | second | third)
    assert not steps.held


def test_without_it_every_step_has_its_own_workers(steps: Steps) -> None:
    first = steps.pids()
    assert not any(is_alive(pid, None) for pid in first)
    assert not first & steps.pids()


def test_who_died_while_idle_is_replaced(steps: Steps) -> None:
    with kept():
        first = steps.pids()
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while any(is_alive(pid, None) for pid in first) and time.monotonic() < until:
            time.sleep(0.01)
        assert not first & steps.pids()


def test_who_dies_at_work_costs_the_unit_and_no_step(steps: Steps) -> None:
    with kept():
        steps.pids()
        steps.steps += 1
        dying = Unit("dying", {"n": 3, "die": True})
        failed, well = steps.outcomes([dying, Unit("well", {"n": 4})])
        assert failed.error is not None and "SIGKILL" in failed.error
        assert well.error is None


def test_who_holds_much_memory_is_not_kept(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "KEPT_MB", 0)
    with kept():
        first = steps.pids()
        assert not any(is_alive(pid, None) for pid in first)


def test_apart_from_the_crew_nobody_idles_and_workers_are_new(steps: Steps) -> None:
    with kept():
        first = steps.pids()
        with apart():
            assert not any(is_alive(pid, None) for pid in first)
            second = steps.pids()
            assert not any(is_alive(pid, None) for pid in second)
        third = steps.pids()
        assert len(first | second | third) >= 3
        assert all(is_alive(pid, None) for pid in third)


def test_a_step_that_cannot_be_set_up_stops_them_all(steps: Steps) -> None:
    with pytest.raises(UserError, match="no model") as caught, kept():
        first = steps.pids()
        steps.steps += 1
        steps.outcomes([Unit("a", {"n": 1}), Unit("b", {"n": 2})], broken=True)
    assert caught.value.code == Exit.MISSING
    assert not any(is_alive(pid, None) for pid in first)
