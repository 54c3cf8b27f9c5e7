"""A process that ticks at given moments and is killed where it is told: `ticking.py ROOT KILLS MOMENT...`."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

from evalkit.report import ledger
from evalkit.report.plan import Cadence, Plan, Watched
from evalkit.report.tick import Made, tick
from workbench.errors import Exit

PLAN = Plan(
    name="nightly",
    cadence=Cadence(every="day", at="02:30", timezone="Europe/Berlin"),
    watch=(Watched(name="base", model="mock:0"),),
    tasks=("winnow-small",),
)


def main() -> None:
    root, kills = Path(sys.argv[1]), [int(text) for text in sys.argv[2].split(",") if text]
    places = iter(range(10_000))

    def place() -> None:
        """One of the places at which a process may die."""
        if next(places) in kills:
            os._exit(9)

    def make(folder: Path, window: str) -> Made:
        place()
        (folder / "report.html").write_text(window)
        place()
        with open(root / "made.txt", "a") as lines:
            lines.write(f"{window}\n")
        return Made("no change", Exit.OK)

    entered = ledger.append

    def append(*arguments: object) -> ledger.Entry:
        place()
        entry = entered(*arguments)  # type: ignore[arg-type]
        place()
        return entry

    ledger.append = append  # type: ignore[assignment]
    for text in sys.argv[3:]:
        tick(PLAN, root, make, datetime.fromisoformat(text))


if __name__ == "__main__":
    main()
