"""Ticks: once and whole, by several processes, with kills in between and over a change of the clocks."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import ticking
from ticking import PLAN

from evalkit.report import ledger, windows
from evalkit.report.tick import Made, folder, standing, tick
from workbench.errors import Exit, UserError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def make(place: Path, window: str) -> Made:
    (place / "report.html").write_text(window)
    return Made("no change", Exit.OK)


def test_a_report_is_made_once(tmp_path: Path) -> None:
    first = tick(PLAN, tmp_path, make, NOON)
    assert first is not None and (first.window, first.missed, first.code) == ("2026-11-21T0130Z", 0, 0)
    assert tick(PLAN, tmp_path, make, NOON + timedelta(hours=13)) is None
    assert tick(PLAN, tmp_path, make, NOON - timedelta(days=3)) is None  # the clock was set back
    later = tick(PLAN, tmp_path, make, NOON + timedelta(days=4))
    assert later is not None and (later.window, later.missed) == ("2026-11-25T0130Z", 3)
    assert sorted(path.name for path in folder(tmp_path, PLAN).iterdir() if path.is_dir()) == [
        first.window,
        later.window,
    ]
    stands = standing(PLAN, tmp_path, NOON + timedelta(days=5))
    assert stands.last == later and stands.late_h == 10.5 and not stands.running


def test_a_report_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    def broken(place: Path, window: str) -> Made:
        make(place, window)
        raise UserError("no model", code=Exit.INPUT)

    with pytest.raises(UserError, match="no model"):
        tick(PLAN, tmp_path, broken, NOON)
    assert not [path for path in folder(tmp_path, PLAN).iterdir() if path.is_dir()]
    assert tick(PLAN, tmp_path, make, NOON) is not None


def test_a_torn_line_of_the_ledger_is_no_entry(tmp_path: Path) -> None:
    tick(PLAN, tmp_path, make, NOON)
    file = folder(tmp_path, PLAN) / ledger.LEDGER
    file.write_bytes(file.read_bytes()[:-20])
    again = tick(PLAN, tmp_path, lambda place, window: pytest.fail("made twice"), NOON)
    assert again is not None and [entry.window for entry in ledger.read(folder(tmp_path, PLAN))] == [again.window]


def test_many_processes_with_kills_over_a_change_of_the_clocks(tmp_path: Path) -> None:
    """Twelve days around the end of summer time, asked for at random moments by four processes that die."""
    draw = random.Random(5)
    begin = datetime(2026, 10, 19, 12, tzinfo=UTC)
    moments = sorted(begin + timedelta(minutes=draw.randrange(12 * 24 * 60)) for _ in range(100))
    script = Path(ticking.__file__)
    seen: set[str] = set()
    for start in range(0, 100, 34):
        part = [text.isoformat() for text in moments[start : start + 34]]
        kills = [",".join(str(draw.randrange(12)) for _ in range(2)) for _ in range(3)] + [""]
        command = [sys.executable, str(script), str(tmp_path)]
        running = [subprocess.Popen([*command, killed, *part]) for killed in kills]
        assert {process.wait() for process in running} <= {0, 9}
        # What stands at its place is whole at every moment, and what is entered stands there.
        home = folder(tmp_path, PLAN)
        whole = {path.name for path in home.iterdir() if path.is_dir() and ".tmp-" not in path.name}
        assert all((home / name / "report.html").read_text() == name for name in whole)
        seen |= {entry.window for entry in ledger.read(home)}
    subprocess.run([*command, "", moments[-1].isoformat()], check=True)
    entered = [entry.window for entry in ledger.read(folder(tmp_path, PLAN))]
    due = {windows.name(windows.latest(PLAN.cadence, moment)) for moment in moments}
    assert len(entered) == len(set(entered)) and set(entered) <= due
    assert max(entered) == max(due) and "2026-10-25T0030Z" in due
    made = (tmp_path / "made.txt").read_text().split()
    assert set(entered) <= set(made)
