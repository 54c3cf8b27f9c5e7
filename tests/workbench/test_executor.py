import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import Exit, UserError
from workbench.events import Event
from workbench.executor import run_units
from workbench.processes import is_alive
from workbench.units import Outcome, Unit, is_done, unit_dir

STEP = """
import errno, os, signal, time
from contextlib import contextmanager
from pathlib import Path
from workbench.errors import Exit, UserError


@contextmanager
def step(setup):
    if setup.get("broken"):
        raise UserError("no model", hint="fetch it", code=Exit.MISSING)
    if setup.get("crash"):
        print("cannot load", flush=True)
        os._exit(9)
    if setup.get("bug"):
        raise ZeroDivisionError("in set-up")
    scratch = Path(setup["scratch"])

    def first_time(name):
        try:
            (scratch / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def work(payload, out, progress):
        do, number = payload["do"], payload["n"]
        (scratch / f"pid-{os.getpid()}").touch()
        (out / "part.txt").write_text(f"{number}")
        if do == "once-killed" and first_time("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if do == "always-killed":
            print("out of luck", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if do == "once-raises" and first_time("raised"):
            raise RuntimeError("odd")
        if do == "always-raises":
            raise RuntimeError("broken\\npage")
        if do == "bad-input":
            (scratch / f"bad-{time.monotonic_ns()}").touch()
            raise UserError("not a WARC", code=Exit.INPUT, file="a.warc")
        if do == "full":
            raise OSError(errno.ENOSPC, "No space left on device", "/out")
        if do == "slow":
            for tick in range(30):
                time.sleep(0.05)
                progress(tick / 30, records=tick)
        if do == "forever":
            (scratch / f"busy-{os.getpid()}").touch()
            time.sleep(60)
        return {"records": 10, "number": number}

    yield work
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "executor_step.py").write_text(STEP)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def unit(number: int, do: str = "well") -> Unit:
    return Unit(f"u{number}", {"n": number, "do": do})


def run(scratch: Path, units: list[Unit], jobs: int = 1, **more: Any) -> list[Outcome]:
    setup = {"scratch": str(scratch), **more.pop("setup", {})}
    units_dir = scratch.parent / "units"
    return run_units("executor_step:step", units, directory=units_dir, step="s", jobs=jobs, setup=setup, **more)


def content(scratch: Path) -> dict[str, bytes]:
    top = scratch.parent / "units"
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


def test_outcomes_stand_in_the_order_of_the_units(scratch: Path) -> None:
    units = [unit(0, "slow"), unit(1), unit(2), unit(3)]
    outcomes = run(scratch, units, jobs=2)
    assert [outcome.unit for outcome in outcomes] == units
    assert [outcome.result["number"] for outcome in outcomes if outcome.result] == [0, 1, 2, 3]
    assert len(list(scratch.glob("pid-*"))) == 2


def test_workers_leave_no_trace_in_the_output(scratch: Path) -> None:
    units = [unit(number) for number in range(5)]
    run(scratch, units, jobs=1)
    alone = content(scratch)
    for path in (scratch.parent / "units").iterdir():
        subprocess.run(["rm", "-r", str(path)], check=True)
    run(scratch, units, jobs=3)
    assert content(scratch) == alone


@pytest.mark.parametrize("jobs", [1, 2])
def test_done_units_are_skipped_and_corrupt_ones_made_again(scratch: Path, jobs: int) -> None:
    units = [unit(1), unit(2), unit(3)]
    run(scratch, units, jobs=jobs)
    (unit_dir(scratch.parent / "units", "u2") / "part.txt").write_text("9")
    again = run(scratch, units, jobs=jobs)
    assert [outcome.reused for outcome in again] == [True, False, True]
    assert (unit_dir(scratch.parent / "units", "u2") / "part.txt").read_text() == "2"


def test_leftovers_of_a_killed_run_are_cleared(scratch: Path) -> None:
    (scratch.parent / "units" / "u1.tmp-12345").mkdir(parents=True)
    run(scratch, [unit(1)])
    assert [path.name for path in (scratch.parent / "units").iterdir()] == ["u1"]


def test_killed_worker_costs_one_more_try(scratch: Path) -> None:
    outcomes = run(scratch, [unit(0), unit(1, "once-killed"), unit(2)], jobs=2)
    assert [(outcome.failed, outcome.attempts) for outcome in outcomes] == [(False, 1), (False, 2), (False, 1)]


def test_unit_that_kills_every_worker_fails_alone(scratch: Path) -> None:
    outcomes = run(scratch, [unit(0), unit(1, "always-killed"), unit(2), unit(3)], jobs=2)
    assert [outcome.failed for outcome in outcomes] == [False, True, False, False]
    assert outcomes[1].error == "worker killed by SIGKILL (out of luck)"
    assert outcomes[1].attempts == 2
    assert not is_done(scratch.parent / "units", "u1")
    assert list((scratch.parent / "units").glob("*.tmp-*")) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_error_is_tried_again_and_then_counted(scratch: Path, jobs: int) -> None:
    events: list[Event] = []
    units = [unit(0, "once-raises"), unit(1, "always-raises"), unit(2)]
    outcomes = run(scratch, units, jobs=jobs, on_event=events.append)
    assert [(outcome.failed, outcome.attempts) for outcome in outcomes] == [(False, 2), (True, 2), (False, 1)]
    assert outcomes[1].error == "RuntimeError: broken\npage"
    assert "Traceback" in (scratch.parent / "units" / "u1.failed").read_text()
    assert sorted((event.level, event.unit) for event in events if event.level != "progress") == [
        ("error", "u1"), ("warning", "u0"), ("warning", "u1"),
    ]  # fmt: skip
    assert events[-1].counts == {"units_done": 2, "units_total": 3, "units_failed": 1, "records": 20}
    assert events[-1].fraction == 1.0


def test_failed_unit_is_done_by_a_later_run(scratch: Path) -> None:
    assert run(scratch, [unit(0, "once-raises")], retries=0)[0].failed
    assert not run(scratch, [unit(0, "once-raises")], retries=0)[0].failed
    assert not (scratch.parent / "units" / "u0.failed").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_unreadable_input_fails_at_once(scratch: Path, jobs: int) -> None:
    outcomes = run(scratch, [unit(0, "bad-input"), unit(1)], jobs=jobs)
    assert [(outcome.error, outcome.attempts) for outcome in outcomes] == [("a.warc: not a WARC", 1), (None, 1)]
    assert len(list(scratch.glob("bad-*"))) == 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_full_disk_stops_the_run_and_keeps_what_is_done(scratch: Path, jobs: int) -> None:
    run(scratch, [unit(0)])
    with pytest.raises(UserError) as caught:
        run(scratch, [unit(0), unit(1, "full"), *(unit(number, "slow") for number in range(2, 6))], jobs=jobs)
    assert caught.value.code is Exit.OUTPUT
    assert is_done(scratch.parent / "units", "u0")
    assert list((scratch.parent / "units").glob("*.tmp-*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("jobs", [1, 2])
def test_really_full_disk(scratch: Path, jobs: int) -> None:
    small = scratch.parent / "units"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(UserError) as caught:
            run(scratch, [unit(number) for number in range(40)], jobs=jobs)
        assert caught.value.code is Exit.OUTPUT
        assert is_done(small, "u0")
        (small / "u0" / "part.txt").read_text()
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_failed_set_up_stops_the_run(scratch: Path, jobs: int) -> None:
    with pytest.raises(UserError, match="no model") as caught:
        run(scratch, [unit(0), unit(1)], jobs=jobs, setup={"broken": True})
    assert (caught.value.code, caught.value.hint) == (Exit.MISSING, "fetch it")


def test_bug_in_the_set_up_carries_its_traceback(scratch: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ZeroDivisionError: in set-up\nTraceback"):
        run(scratch, [unit(0), unit(1)], jobs=2, setup={"bug": True})


def test_workers_that_never_start_stop_the_run(scratch: Path) -> None:
    with pytest.raises(RuntimeError, match=r"workers cannot start: worker ended with status 9 \(cannot load\)"):
        run(scratch, [unit(0), unit(1)], jobs=2, setup={"crash": True})


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_inside_a_unit_is_heard(scratch: Path, jobs: int) -> None:
    events: list[Event] = []
    run(scratch, [unit(0, "slow"), unit(1)], jobs=jobs, on_event=events.append)
    assert events[0].message == "started"
    assert any(event.message == "working" and event.counts.get("records", 0) % 10 for event in events)
    assert [event.fraction for event in events] == sorted(event.fraction or 0 for event in events)
    assert events[-1].counts["records"] == 20


def test_no_units_no_workers(scratch: Path) -> None:
    assert run(scratch, [], jobs=2) == []


MAIN = """
import sys
from pathlib import Path
from workbench.executor import run_units
from workbench.units import Unit
scratch = Path(sys.argv[1])
units = [Unit("u0", {"n": 0, "do": "well"}), *(Unit(f"u{n}", {"n": n, "do": "forever"}) for n in (1, 2))]
setup = {"scratch": str(scratch)}
run_units("executor_step:step", units, directory=scratch.parent / "units", step="s", jobs=2, setup=setup)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_run(scratch: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", MAIN, str(scratch)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while len(list(scratch.glob("busy-*"))) < 2:
        assert time.monotonic() < deadline, "workers never began"
        time.sleep(0.02)
    workers = [int(path.name.partition("-")[2]) for path in scratch.glob("busy-*")]
    parent.send_signal(number)
    parent.wait(20)
    deadline = time.monotonic() + 5
    while any(is_alive(pid, None) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.02)
    assert is_done(scratch.parent / "units", "u0")
    if number == signal.SIGINT:
        assert list((scratch.parent / "units").glob("*.tmp-*")) == []
