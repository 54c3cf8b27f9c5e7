"""Where a run stands, finished or not, from its directory alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.events import read_events
from workbench.locks import holder, is_locked
from workbench.runs import Run


def status(name: str, root: Path) -> dict[str, Any]:
    """State (finished | running | interrupted), the last event of each step, and warnings; counts once finished."""
    run = Run.open(name, root)
    steps: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for event in read_events(run.path / "events.jsonl"):
        if event.level in ("warning", "error"):
            problems.append(event.message)
        else:
            steps[event.step] = {
                "step": event.step,
                "message": event.message,
                "fraction": event.fraction,
                "rate": event.rate,
                "counts": dict(event.counts),
                "time": event.time,
            }
    lock = run.path / "lock.json"
    running = not run.is_finished and is_locked(lock)
    writer = holder(lock) if running else None
    return {
        "run": run.id,
        "path": str(run.path),
        "kind": run.started.kind,
        "state": "finished" if run.is_finished else "running" if running else "interrupted",
        "pid": writer.pid if writer else None,
        "created": run.started.created,
        "counts": run.manifest.counts if run.manifest else {},
        "timings": run.manifest.timings if run.manifest else {},
        "steps": list(steps.values()),
        "problems": problems[-20:],
    }
