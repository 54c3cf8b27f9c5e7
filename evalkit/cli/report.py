"""`evalkit report`: build, tick, check, list, acknowledge; and `evalkit schedule`: print, run."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError, did_you_mean
from workbench.options import DEFAULT_ROOT, Root
from workbench.render import Facts, Table

if TYPE_CHECKING:
    from evalkit.report.ledger import Entry
    from evalkit.report.plan import Plan

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="YAML: what is watched, by which tasks, how often.")]
PlanFiles = Annotated[list[Path], typer.Argument(metavar="PLAN...", help="One plan or several.")]


@command("evalkit.report.build/1")
def build(
    screen: Screen,
    plan: PlanFile,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the report (default: among the plan's own).")
    ] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Make a report now, whatever is due; it is not entered among those of the schedule."""
    from evalkit.report.build import build as make
    from evalkit.report.plan import read_plan
    from evalkit.report.tick import folder
    from workbench.files import whole_directory

    read = read_plan(plan)
    window = datetime.now(UTC).strftime("%Y-%m-%dT%H%MZ")
    home = folder(root, read)
    place = home / "built" / window if out is None else out
    if place.exists() and any(place.iterdir()):
        raise UserError(f"{place} is there already", hint="choose another --out")
    again = shlex.join(["evalkit", "report", "build", str(plan), "--root", str(root)])
    with whole_directory(place) as making:
        made = make(read, making, window, home, root, again, screen.progress)
    data = {"plan": read.name, "report": str(place), "verdict": made.verdict}
    return _ended(data, made.verdict, made.code)


@command("evalkit.report.tick/1")
def tick(screen: Screen, plans: PlanFiles, root: Root = DEFAULT_ROOT) -> Result:
    """Make what is due, once; may be called at any rate, by any scheduler, several at a time."""
    from evalkit.report.plan import read_plan

    read = [(path, read_plan(path)) for path in plans]
    rows, errors = [], []
    for path, plan in read:
        try:
            entry = _tick(path, plan, root, screen)
        except UserError as error:  # the other plans are due all the same
            if len(read) == 1:
                raise
            errors.append(UserError(f"{plan.name}: {error.message}", hint=error.hint, code=error.code))
            rows.append((plan.name, "", "failed"))
            continue
        rows.append(_row(plan, entry))
        if entry is not None and entry.code:
            errors.append(UserError(f"{entry.plan}: {entry.verdict}", hint=_LOOK, code=Exit.GATE))
    data = {"reports": [dict(zip(("plan", "window", "verdict"), row, strict=True)) for row in rows]}
    # What could not be made is worse than what was made and is bad.
    code = max((error.code for error in errors), default=Exit.OK)
    return Result(data, [Table(("plan", "window", "verdict"), rows)], code=code, errors=errors)


_LOOK = "read the report; `evalkit report acknowledge` keeps a known alarm quiet for a while"


def _tick(path: Path, plan: Plan, root: Path, screen: Screen) -> Entry | None:
    from evalkit.report.build import build as make
    from evalkit.report.build import tell
    from evalkit.report.tick import Made, folder
    from evalkit.report.tick import tick as once

    home = folder(root, plan)
    again = shlex.join(["evalkit", "report", "build", str(path), "--root", str(root)])

    def made(place: Path, window: str) -> Made:
        return make(plan, place, window, home, root, again, screen.progress)

    return once(plan, root, made, tell=lambda place: tell(plan, place, home, screen.progress))


def _row(plan: Plan, entry: Entry | None) -> tuple[str, str, str]:
    if entry is None:
        return plan.name, "", "nothing is due"
    missed = f" ({entry.missed} before it were missed)" if entry.missed else ""
    return plan.name, entry.window, entry.verdict + missed


@command("evalkit.report.check/1")
def check(
    screen: Screen,
    plans: PlanFiles,
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="TIME", help="The last report may be so old: 26h, 8d, 90m.")
    ] = "26h",
    root: Root = DEFAULT_ROOT,
) -> Result:
    """The alarm for a scheduler that has stopped: exit 1 where the last report is too old, or there is none."""
    from evalkit.report.plan import read_plan
    from evalkit.report.tick import standing
    from evalkit.report.windows import moment

    allowed, now = _age(max_age), datetime.now(UTC)
    rows, errors = [], []
    for path in plans:
        stands = standing(read_plan(path), root, now)
        if stands.last is None:
            rows.append((stands.plan, "never", "too old"))
            message = f"{stands.plan}: there is no report"
            errors.append(UserError(message, hint=_STOPPED, code=Exit.GATE))
            continue
        age = now - max(moment(stands.last.window), datetime.fromisoformat(stands.last.time.replace("Z", "+00:00")))
        late = age > allowed
        rows.append((stands.plan, stands.last.window, "too old" if late else "in time"))
        if late:
            hours = age.total_seconds() / 3600
            message = f"{stands.plan}: the last report is {hours:,.1f} hours old"
            errors.append(UserError(message, hint=_STOPPED, code=Exit.GATE))
    data = {"plans": [dict(zip(("plan", "last", "state"), row, strict=True)) for row in rows]}
    code = Exit.GATE if errors else Exit.OK
    return Result(data, [Table(("plan", "last report", ""), rows)], code=code, errors=errors)


_STOPPED = "does the scheduler still call `evalkit report tick`? `evalkit schedule print` shows how"


@command("evalkit.report.list/1")
def list_reports(screen: Screen, plans: PlanFiles, root: Root = DEFAULT_ROOT) -> Result:
    """The reports of plans, newest first, and when the next is due."""
    from evalkit.report import ledger, windows
    from evalkit.report.plan import read_plan
    from evalkit.report.tick import folder, standing

    rows, data = [], []
    for path in plans:
        plan = read_plan(path)
        stands, home = standing(plan, root), folder(root, plan)
        entries = sorted(ledger.read(home), key=lambda entry: entry.window, reverse=True)
        rows += [(plan.name, entry.window, entry.verdict, str(home / entry.window)) for entry in entries]
        following = windows.name(stands.next)
        rows.append((plan.name, following, "being made" if stands.running else "due then", ""))
        data.append(
            {
                "plan": plan.name,
                "next": following,
                "late_h": stands.late_h,
                "running": stands.running,
                "reports": [
                    {"window": entry.window, "verdict": entry.verdict, "code": entry.code} for entry in entries
                ],
            }
        )
    return Result({"plans": data}, [Table(("plan", "window", "verdict", "folder"), rows)])


@command("evalkit.report.acknowledge/1")
def acknowledge(
    screen: Screen,
    plan: PlanFile,
    about: Annotated[
        str | None,
        typer.Argument(metavar="[ALARM]", help="As the report names it: `model: task`. Without one: those there are."),
    ] = None,
    days: Annotated[
        float, typer.Option("--days", min=0.01, metavar="N", help="Quiet for so long; then loud again.")
    ] = 7,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who has seen it.")] = "",
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Keep a known alarm quiet for a while."""
    from evalkit.report import acknowledged, ledger, windows
    from evalkit.report.build import ALARMS
    from evalkit.report.plan import read_plan
    from evalkit.report.tick import folder

    home = folder(root, read_plan(plan))
    if about is None:
        rows = acknowledged.standing(home, home / ALARMS)
        cells = [(row["level"], row["about"], row["message"], row["quiet_until"] or "") for row in rows]
        title = f"Alarms of {rows[0]['window']}" if rows else ""
        table = Table(("level", "alarm", "what", "quiet until"), cells, title)
        return Result({"alarms": rows}, [table] if rows else ["the last report has no alarm"])
    known = {str(row.get("about")) for row in ledger.read_rows(home / ALARMS)}
    if about not in known:
        raise UserError(f"there is no alarm about '{about}'", hint=did_you_mean(about, known), code=Exit.INPUT)
    until = datetime.now(UTC) + timedelta(days=days)
    acknowledged.acknowledge(home, about, until, by)
    facts = {"alarm": about, "quiet until": windows.name(until)}
    return Result(facts, [Facts(list(facts.items()))])


def _age(text: str) -> timedelta:
    units = {"m": 60, "h": 3600, "d": 86400}
    try:
        return timedelta(seconds=float(text[:-1]) * units[text[-1:]])
    except (ValueError, KeyError, OverflowError):
        raise UserError(f"'{text}' is no time", hint="for example 26h, 90m or 8d") from None


def _ended(data: dict[str, Any], verdict: str, code: Exit) -> Result:
    errors = [UserError(verdict, hint=_LOOK, code=code)] if code else []
    return Result(data, [Facts(list(data.items()))], code=code, errors=errors)


@command("evalkit.schedule.print/1")
def print_schedule(
    screen: Screen,
    plan: PlanFile,
    whom: Annotated[str, typer.Option("--for", metavar="WHOM", help="cron, systemd, github or airflow.")],
    root: Root = DEFAULT_ROOT,
) -> Result:
    """What a scheduler needs to call `evalkit report tick`; nothing is installed."""
    from evalkit.report.plan import read_plan
    from evalkit.report.schedule import FORMS, snippet

    read_plan(plan)
    if whom not in FORMS:
        raise UserError(f"no snippet for '{whom}'", hint=did_you_mean(whom, FORMS))
    text = snippet(whom, plan, root)
    return Result({"for": whom, "snippet": text}, [text.rstrip("\n")])


@command("evalkit.schedule.run/1")
def run_schedule(
    screen: Screen,
    plans: PlanFiles,
    check_every: Annotated[
        float, typer.Option("--check-every", min=1, metavar="SECONDS", help="Look so often what is due.")
    ] = 60,
    times: Annotated[int | None, typer.Option("--times", min=1, metavar="N", help="Stop after so many looks.")] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """A service in the foreground for those who have no scheduler; ends with Ctrl-C, and misses nothing."""
    from evalkit.report.plan import read_plan
    from evalkit.report.schedule import serve

    read = [(path, read_plan(path)) for path in plans]

    def look() -> None:
        for path, plan in read:
            try:
                entry = _tick(path, plan, root, screen)
            except UserError as error:  # tried again at the next look: a service does not end over one bad night
                screen.warn(f"{plan.name}: {error.message}")
                continue
            if entry is not None:
                screen.say(f"{entry.plan} {entry.window}: {entry.verdict}")

    made = serve(look, check_every, times)
    return Result({"looks": made}, [Facts([("looks", made)])])
