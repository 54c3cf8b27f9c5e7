"""Which report is due: a pure function of the cadence and the moment.

A window is the moment at which a report was to be made, in UTC. Local times that a change of clocks leaves out are
taken as the first moment after the gap; of those that come twice the first counts. So every day has one window.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from evalkit.report.plan import Cadence

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONDAY = date(1970, 1, 5)
_HOUR = timedelta(hours=1)


def latest(cadence: Cadence, now: datetime) -> datetime:
    """The last window at or before `now` (which has a time zone), in UTC."""
    if cadence.every == "hour":
        return _latest_hour(cadence, now)
    day = now.astimezone(ZoneInfo(cadence.timezone)).date() + timedelta(days=1)  # the clocks may be a day apart
    while True:
        if _is_due(cadence, day):
            window = _moment(cadence, day)
            if window <= now:
                return window
        day -= timedelta(days=1)


def following(cadence: Cadence, window: datetime) -> datetime:
    """The window after `window`."""
    if cadence.every == "hour":
        return window + cadence.number * _HOUR
    day = window.astimezone(ZoneInfo(cadence.timezone)).date()
    while True:
        if _is_due(cadence, day) and _moment(cadence, day) > window:
            return _moment(cadence, day)
        day += timedelta(days=1)


def name(window: datetime) -> str:
    """A window as the name of a folder: 2026-11-21T0600Z."""
    return window.astimezone(UTC).strftime("%Y-%m-%dT%H%MZ")


def moment(text: str) -> datetime:
    """The window that a folder is named by; ValueError for other names."""
    return datetime.strptime(text, "%Y-%m-%dT%H%MZ").replace(tzinfo=UTC)


def _latest_hour(cadence: Cadence, now: datetime) -> datetime:
    # Hours are counted in UTC, in which none is left out and none comes twice.
    origin = datetime.combine(_MONDAY, time(0, int(cadence.at[3:])), UTC)
    step = cadence.number * _HOUR
    return origin + (now - origin) // step * step


def _is_due(cadence: Cadence, day: date) -> bool:
    days = (day - _MONDAY).days
    if cadence.every == "day":
        return days % cadence.number == 0
    return days % 7 == _DAYS.index(cadence.on) and days // 7 % cadence.number == 0


def _moment(cadence: Cadence, day: date) -> datetime:
    """The moment of the local time on a day, in UTC."""
    zone = ZoneInfo(cadence.timezone)
    local = datetime.combine(day, time.fromisoformat(cadence.at))
    found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local:
        return found
    # The local time does not exist: fold 0 reads it by the clock before the change, which is an hour (or so) late.
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None and after is not None
    low, high = sorted((local - before, local - after))
    low, high = low.replace(tzinfo=UTC), high.replace(tzinfo=UTC)
    while high - low > timedelta(seconds=1):  # the moment at which the offset changes
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)
