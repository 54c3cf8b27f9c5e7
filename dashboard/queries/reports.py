"""Plans, their reports and alarms, as they lie under `<root>/reports` and `<root>/plans`; read from small files alone.

Nothing that stands in a file becomes a path: reports are found by listing folders, and looked up by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.report import acknowledged, ledger, windows
from evalkit.report.plan import Cadence, Plan, read_plan
from evalkit.report.tick import REPORTS, Standing, standing_of
from workbench.errors import UserError

PLANS = "plans"
"""Where, under the workspace, plans lie whose reports may not have been made yet."""
_PAGE = "report.html"
_JSON = "report.json"
_BUILT = "built"
_LARGEST = 8 << 20
_WINDOW = re.compile(r"\d{4}-\d{2}-\d{2}T\d{4}Z")
_LEVELS = ("error", "warn", "info")


@dataclass(frozen=True, slots=True)
class Report:
    """One report on the disk. key: its name in URLs. entered: whether the ledger knows it. code: 1 for an alarm that
    nobody had acknowledged, None where the ledger says nothing. missed: windows before it that nobody called for."""

    plan: str
    window: str
    folder: Path
    verdict: str
    code: int | None
    made: str
    missed: int
    entered: bool
    built: bool = False

    @property
    def key(self) -> str:
        """The plan's name and the folder's, as in `nightly/2026-11-10T0130Z`."""
        return f"{self.plan}/{_BUILT}/{self.window}" if self.built else f"{self.plan}/{self.window}"

    @property
    def page(self) -> Path:
        """The HTML file."""
        return self.folder / _PAGE


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a report. until: the window from which it is loud again, "" where nobody acknowledged it.

    current: it is of the newest report. loud: current, and not acknowledged at this moment.
    """

    level: str
    about: str
    message: str
    window: str
    until: str
    current: bool
    loud: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A plan as far as it is known: its folder, its reports and alarms (newest first), and how it stands.

    file: the plan itself, where it lies under `<root>/plans`. standing: None where nothing says how often it is due.
    problem: what of it cannot be read.
    """

    name: str
    home: Path
    reports: tuple[Report, ...]
    alarms: tuple[Alarm, ...]
    standing: Standing | None
    file: Path | None = None
    problem: str = ""
    hint: str = ""

    @property
    def last(self) -> Report | None:
        """The newest report of the schedule; None before the first. What was built by hand is none of them."""
        return _newest(self.reports)

    @property
    def loud(self) -> tuple[Alarm, ...]:
        """Alarms of the newest report that nobody has acknowledged."""
        return tuple(alarm for alarm in self.alarms if alarm.loud)


def seen(root: Path, now: datetime | None = None) -> list[Seen]:
    """Every plan that has reports or a file, by name; what is torn or damaged is a `problem`, never an exception."""
    moment = datetime.now(UTC) if now is None else now
    plans, broken = _plans(root)
    homes = {home.name: home for home in _folders(root / REPORTS)}
    found = []
    for name in sorted({*homes, *plans}):
        file, plan = plans.get(name, (None, None))
        found.append(_seen(name, homes.get(name, root / REPORTS / name), file, plan, moment))
    for file, error in broken:
        lost = Seen(file.name, root / REPORTS, (), (), None, file, f"the plan cannot be read: {error}", error.hint)
        found.append(lost)
    return found


def find(root: Path, key: str) -> Report | None:
    """The report of that key, or None; any string may come from a URL."""
    for home in _folders(root / REPORTS):
        for folder, built in _windows(home):
            report = Report(home.name, folder.name, folder, "", None, "", 0, False, built)
            if report.key == key and _is_inside(report.page, root):
                return replace(report, verdict=_verdict(folder))  # of this one alone: each is a file to be read
    return None


def _is_inside(page: Path, root: Path) -> bool:
    """Whether the file is there, a plain one, and not a link that leads out of the reports."""
    try:
        return page.is_file() and page.resolve().is_relative_to((root / REPORTS).resolve())
    except OSError:
        return False


def told(report: Report) -> Mapping[str, Any]:
    """The numbers of a report; an empty mapping where they are missing, torn, or of a size that no report has."""
    path = report.folder / _JSON
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _plans(root: Path) -> tuple[dict[str, tuple[Path, Plan]], list[tuple[Path, UserError]]]:
    """The plans in `<root>/plans` by name, and those that cannot be read."""
    found: dict[str, tuple[Path, Plan]] = {}
    broken = []
    folder = root / PLANS
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            plan = read_plan(path)
        except UserError as error:
            broken.append((path, error))
        else:
            found.setdefault(plan.name, (path, plan))
    return found, broken


def _seen(name: str, home: Path, file: Path | None, plan: Plan | None, moment: datetime) -> Seen:
    try:
        entries = {
            entry.window: entry for entry in ledger.read(home) if _is_text(entry.window, entry.verdict, entry.time)
        }
        reports = tuple(sorted(_reports(home, entries), key=lambda one: (one.window, not one.built), reverse=True))
        alarms = tuple(_alarms(home, reports, moment))
    except OSError as error:
        why = f"its folder cannot be read: {error.strerror or error}"
        return Seen(name, home, (), (), None, file, why, f"may {home} be read?")
    cadence = plan.cadence if plan is not None else _cadence(reports)
    if cadence is None:
        hint = f"copy the plan into the folder {PLANS} of the workspace"
        return Seen(name, home, reports, alarms, None, file, "nothing says how often it is due", hint)
    try:
        stands = standing_of(name, cadence, home, moment)
    except (ValueError, TypeError):  # a ledger line of a form that no tick writes
        hint = f"see {home / ledger.LEDGER}: one JSON object a line, its window like 2026-11-21T0600Z"
        return Seen(name, home, reports, alarms, None, file, "a line of its ledger is no report", hint)
    return Seen(name, home, reports, alarms, stands, file)


def _reports(home: Path, entries: Mapping[str, ledger.Entry]) -> Iterator[Report]:
    for folder, built in _windows(home):
        entry = None if built else entries.get(folder.name)
        if entry is not None:
            code = entry.code if isinstance(entry.code, int) else None
            missed = entry.missed if isinstance(entry.missed, int) else 0
            yield Report(home.name, folder.name, folder, entry.verdict, code, entry.time, missed, True)
        else:
            yield Report(home.name, folder.name, folder, _verdict(folder), None, "", 0, False, built)


def _windows(home: Path) -> Iterator[tuple[Path, bool]]:
    """The folders of a plan's reports, and whether each was built by hand."""
    for parent, built in ((home, False), (home / _BUILT, True)):
        for folder in _folders(parent):
            if _WINDOW.fullmatch(folder.name):
                yield folder, built


def _folders(parent: Path) -> list[Path]:
    """The folders in a folder, by name; none where it is not there, and none that are links."""
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _verdict(folder: Path) -> str:
    """What a report says of itself where no ledger does."""
    found = told(Report("", folder.name, folder, "", None, "", 0, False)).get("verdict")
    return found if isinstance(found, str) else "not entered"


def _alarms(home: Path, reports: tuple[Report, ...], moment: datetime) -> Iterator[Alarm]:
    last = _newest(reports)
    newest = "" if last is None else last.window
    now = windows.name(moment)
    known = acknowledged.until(home)
    rows = [row for row in ledger.read_rows(home / "alarms.jsonl") if _is_alarm(row)]
    for row in sorted(rows, key=lambda row: (row["window"], -_LEVELS.index(row["level"])), reverse=True):
        current = row["window"] == newest
        until = known.get(row["about"], "")
        until = until if _WINDOW.fullmatch(until) else ""
        loud = current and row["level"] != "info" and not until > now
        yield Alarm(row["level"], row["about"], row["message"], row["window"], until, current, loud)


def _is_alarm(row: Mapping[str, Any]) -> bool:
    known = _is_text(*(row.get(name) for name in ("level", "about", "message", "window")))
    return known and row["level"] in _LEVELS and _WINDOW.fullmatch(row["window"]) is not None


def _is_text(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _newest(reports: tuple[Report, ...]) -> Report | None:
    return next((report for report in reports if not report.built), None)


def _cadence(reports: tuple[Report, ...]) -> Cadence | None:
    """How often the newest report says that it is due."""
    newest = _newest(reports)
    if newest is None:
        return None
    try:
        return Cadence.model_validate(told(newest).get("cadence"))
    except ValidationError:
        return None
