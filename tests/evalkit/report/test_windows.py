"""When a report is due: days, weeks and hours, over changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.plan import Cadence, Plan
from evalkit.report.windows import following, latest, moment, name
from workbench import recipes
from workbench.errors import UserError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "now", "window"),
    [
        ({}, "2026-11-21T06:00", "2026-11-21T06:00"),
        ({}, "2026-11-21T05:59:59", "2026-11-20T06:00"),
        ({"timezone": "Europe/Berlin"}, "2026-07-01T04:00", "2026-07-01T04:00"),
        ({"timezone": "Europe/Berlin"}, "2026-12-01T04:59", "2026-11-30T05:00"),
        # 02:30 of 29 March does not exist in Berlin: the clocks go from 02:00 (01:00 UTC) to 03:00.
        ({"timezone": "Europe/Berlin", "at": "02:30"}, "2026-03-29T01:00", "2026-03-29T01:00"),
        ({"timezone": "Europe/Berlin", "at": "02:30"}, "2026-03-29T00:59:59", "2026-03-28T01:30"),
        # 02:30 of 25 October comes twice: at 00:30 and at 01:30 UTC; the first counts.
        ({"timezone": "Europe/Berlin", "at": "02:30"}, "2026-10-25T01:40", "2026-10-25T00:30"),
        ({"timezone": "Pacific/Kiritimati", "at": "00:30"}, "2026-11-20T10:30", "2026-11-20T10:30"),
        ({"timezone": "Australia/Lord_Howe", "at": "02:10"}, "2026-10-03T15:30", "2026-10-03T15:30"),
        ({"every": "week", "on": "sat", "at": "23:59"}, "2026-11-21T23:58", "2026-11-14T23:59"),
        ({"every": "week", "on": "sat", "number": 2}, "2026-11-21T12:00", "2026-11-14T06:00"),
        ({"every": "hour", "at": "00:15"}, "2026-11-21T10:14", "2026-11-21T09:15"),
        ({"every": "hour", "number": 6}, "2026-11-21T17:59", "2026-11-21T12:00"),
    ],
)
def test_the_last_window(cadence: dict[str, object], now: str, window: str) -> None:
    assert latest(Cadence(**cadence), at(now)) == at(window)  # type: ignore[arg-type]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.sampled_from(["00:00", "02:00", "02:30", "03:00", "23:59"]),
    st.sampled_from([("hour", 1), ("hour", 5), ("day", 1), ("day", 3), ("week", 1)]),
)
def test_every_window_has_its_place(now: datetime, zone: str, clock: str, every: tuple[str, int]) -> None:
    cadence = Cadence(every=every[0], number=every[1], at=clock, timezone=zone)  # type: ignore[arg-type]
    window = latest(cadence, now.replace(tzinfo=UTC))
    after = following(cadence, window)
    assert window <= now.replace(tzinfo=UTC) < after
    assert latest(cadence, window) == window and latest(cadence, after - timedelta(seconds=1)) == window
    assert moment(name(window)) == window.replace(second=0)


def test_every_day_has_one_window() -> None:
    cadence = Cadence(timezone="Europe/Berlin", at="02:30")
    window, found = at("2026-01-01T01:30"), []
    for _ in range(365):
        found.append(window)
        window = following(cadence, window)
    assert window == at("2027-01-01T01:30") and len({one.date() for one in found}) == 365


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("cadence.at=6:00", "no time of the day"),
        ("cadence.timezone=Europe/Berln", "no time zone"),
        ("cadence.every=month", "cadence.every"),
        ("name=../x", "small letters"),
        ("watch=[]", "watches nothing"),
        ("tasks=[]", "by no tasks and no text"),
    ],
)
def test_bad_plans(value: str, message: str) -> None:
    plan = {"name": "nightly", "watch": [{"name": "base", "model": "runs/base"}], "tasks": ["winnow-small"]}
    assert recipes.resolve(Plan, [recipes.from_values(plan, "plan")]).recipe.gates.horizon == 100
    with pytest.raises(UserError, match=message):
        recipes.resolve(Plan, [recipes.from_values(plan, "plan"), recipes.from_set(value)])
