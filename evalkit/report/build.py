"""Building a report: what is watched is measured, compared, written as JSON, Markdown and HTML, and told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.report import acknowledged
from evalkit.report.gather import REPORT, SCHEMA, Before, dataset_part, model_part
from evalkit.report.ledger import append_rows, read_rows
from evalkit.report.page import html
from evalkit.report.plan import Plan
from evalkit.report.text import markdown
from evalkit.report.tick import Made
from workbench import __version__
from workbench.envelope import jsonable
from workbench.errors import Exit
from workbench.events import Event, Listener, now
from workbench.files import write_text
from workbench.manifest import code, environment

ALARMS = "alarms.jsonl"
LARGEST = 1 << 20
"""Bytes that a page may have; flipped items are left out, and counted, until it fits."""
_PATIENCE_S = 60


def build(plan: Plan, folder: Path, window: str, home: Path, root: Path, command: str, listener: Listener) -> Made:
    """Write the report for `window` into `folder`; `home` is the plan's folder, with the reports so far.

    command: what makes this report again. Raises UserError for what cannot be opened or asked.
    """
    before = Before.of(home)
    models = [model_part(plan, one, before, root, listener) for one in plan.watch if one.model is not None]
    datasets = [dataset_part(one, before, root) for one in plan.watch if one.dataset is not None]
    alarms = list(_alarms(models, home, window))
    level = _level(alarms)
    report = jsonable(
        {
            "schema": SCHEMA,
            "plan": plan.name,
            "title": plan.title or plan.name,
            "window": window,
            "made": now(),
            "verdict": verdict(models, alarms),
            "level": level,
            "models": models,
            "datasets": datasets,
            "alarms": alarms,
            "gates": plan.gates.model_dump(),
            "cadence": plan.cadence.model_dump(),
            "provenance": {
                "version": __version__,
                "code": code().model_dump(),
                "environment": environment().model_dump(),
                "command": command,
            },
        }
    )
    write_text(folder / REPORT, json.dumps(report, indent=1, allow_nan=False) + "\n")
    write_text(folder / "report.md", markdown(report))
    write_text(folder / "report.html", fitting(report))
    return Made(report["verdict"], Exit.GATE if level == "error" else Exit.OK)


def fitting(report: Mapping[str, Any]) -> str:
    """The page, with as many flipped items as its size allows; it says how many are left out."""
    for most in (3, 1, 0):
        page = html(report, most)
        if len(page.encode("utf-8", "surrogatepass")) <= LARGEST:
            return page
    return page


def _alarms(models: Sequence[Mapping[str, Any]], home: Path, window: str) -> Iterator[dict[str, Any]]:
    known = acknowledged.until(home)
    for model in models:
        for alarm in model["alarms"]:
            about = f"{model['name']}: {alarm['about']}"
            until = known.get(about)
            quiet = until is not None and until > window
            yield {**alarm, "about": about, "window": window, "acknowledged_until": until if quiet else None}


def _level(alarms: Sequence[Mapping[str, Any]]) -> str:
    """The worst of what nobody has acknowledged."""
    levels = {alarm["level"] for alarm in alarms if alarm["acknowledged_until"] is None}
    return next((level for level in ("error", "warn") if level in levels), "info")


def verdict(models: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> str:
    """The report in one line."""
    errors = [alarm for alarm in alarms if alarm["level"] == "error"]
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        return f"regressed: {errors[0]['about']}: {errors[0]['message']}{more}"
    rows = [row for model in models for row in model.get("compared", [])]
    if not rows:
        return "the first report: nothing to compare with" if models else "data only"
    worse, better = (sum(row["verdict"] == side for row in rows) for side in ("a", "b"))
    if worse:
        return f"worse than the baseline in {worse} of {len(rows)} comparisons"
    if better:
        return f"better than the baseline in {better} of {len(rows)} comparisons, worse in none"
    return f"no detectable change in {len(rows)} comparison{'s' * (len(rows) > 1)}"


def tell(plan: Plan, folder: Path, home: Path, listener: Listener) -> None:
    """Append a report's alarms to `alarms.jsonl`, and hand those that nobody has acknowledged to the user's command.

    A report whose teller was killed is told again: twice is better than never. The command gets the alarms as JSON on
    its standard input, is not run by a shell, and has a minute; where it fails the report stands, and says so in the
    log.
    """
    report = json.loads((folder / REPORT).read_bytes())
    alarms = report["alarms"]
    if not alarms:
        return
    if not any(row.get("window") == report["window"] for row in read_rows(home / ALARMS)):
        append_rows(home / ALARMS, [{**alarm, "plan": plan.name} for alarm in alarms])
    loud = [alarm for alarm in alarms if alarm["acknowledged_until"] is None]
    if not plan.on_alarm or not loud:
        return
    said = json.dumps({"plan": plan.name, "window": report["window"], "verdict": report["verdict"], "alarms": loud})
    try:
        done = subprocess.run(
            list(plan.on_alarm), input=said, text=True, capture_output=True, timeout=_PATIENCE_S, check=False
        )
        failed = f"ended with {done.returncode}" if done.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        failed = str(error)
    if failed is not None:
        listener(Event("warning", "report", f"the command that is told of alarms failed: {failed}"))
