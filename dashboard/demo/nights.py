"""Two weeks of reports in a few seconds: `python -m dashboard.demo.nights ROOT`, in the folder with the workspace.

The ticks are those of `evalkit report tick`, at moments that are given; the last lies some days back, so the plan is
overdue. In the tenth night the model that is watched is a worse one, which is an alarm; somebody acknowledges it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evalkit.report import acknowledged, ledger
from evalkit.report import build as building
from evalkit.report.plan import Plan, read_plan
from evalkit.report.tick import Made, folder, tick
from train.checkpoint import all_complete

FIRST = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
NIGHTS = (0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12)
"""Of each tick; two were missed."""
MERGED = Path("merged")
DELIVERED = {0: MERGED, 9: Path("chat"), 11: MERGED}
"""In which nights another model lay where the plan looks: a run of the workspace, or a folder beside it."""
ACKNOWLEDGED = 10


def main(root: Path) -> None:
    """Make the reports."""
    path = root / "plans" / "nightly.yaml"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile("nightly.yaml", path)
    read = read_plan(path)
    home = folder(root, read)
    for night in NIGHTS:
        moment = FIRST + timedelta(days=night)
        said = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for module in (ledger, building, acknowledged):
            module.now = lambda said=said: said  # type: ignore[attr-defined]  # the clock of that night
        if night in DELIVERED:
            _deliver(root, DELIVERED[night], moment)
        if night == ACKNOWLEDGED:
            for about in sorted({str(row["about"]) for row in ledger.read_rows(home / building.ALARMS)})[:1]:
                acknowledged.acknowledge(home, about, moment + timedelta(days=7), "ann")
        _tick(read, path, root, home, moment)
    _forget_place(home)


def _forget_place(home: Path) -> None:
    """Reports name runs by absolute paths; in the demo these are relative to the folder that holds the workspace."""
    here = f"{Path.cwd().resolve()}{os.sep}"
    for path in (one for suffix in ("json", "md", "html") for one in home.glob(f"*/report.{suffix}")):
        path.write_text(path.read_text("utf-8").replace(here, ""), "utf-8")


def _deliver(root: Path, model: Path, moment: datetime) -> None:
    """A copy of a model, where the plan looks for the newest."""
    place = Path("watched") / f"night-{moment:%m%d}"
    if not place.is_dir():
        shutil.copytree(model if model == MERGED else all_complete(root / model)[-1], place)
    os.utime(place, (moment.timestamp(), moment.timestamp()))


def _tick(read: Plan, path: Path, root: Path, home: Path, moment: datetime) -> None:
    again = shlex.join(["evalkit", "report", "build", str(path), "--root", str(root)])

    def made(place: Path, window: str) -> Made:
        return building.build(read, place, window, home, root, again, lambda event: None)

    tick(read, root, made, moment, tell=lambda place: building.tell(read, place, home, lambda event: None))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
