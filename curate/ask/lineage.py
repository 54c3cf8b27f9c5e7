"""A finished run and the runs it was made from, as far as they are still there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.ask.finished import FinishedRun
from curate.classify.config import KINDS as MODELS
from workbench import registry
from workbench.errors import Exit, UserError


def lineage(run: FinishedRun, root: Path) -> list[FinishedRun]:
    """The run itself, then all its documents were made from, depth first; one that is gone or has changed since is left
    out, with what it was made from, and so are the models that it asked."""
    found: list[FinishedRun] = []
    lost: int | None = None
    for one in registry.lineage(run.path, root):
        if lost is not None and one.depth > lost:
            continue
        lost = None
        if one.path is None or one.state != "finished" or (one.depth and one.kind in MODELS):
            lost = one.depth
        elif one.kind.startswith("curate.") and one.path.resolve() not in {other.path.resolve() for other in found}:
            found.append(run if one.depth == 0 else FinishedRun.open(str(one.path), root))
    return found


def holder(runs: Sequence[FinishedRun], table: str) -> FinishedRun | None:
    """The nearest run of a lineage that has the table."""
    return next((run for run in runs if run.has(table)), None)


def holder_of_documents(runs: Sequence[FinishedRun]) -> FinishedRun:
    """The nearest run that holds texts: of a mix, the run that it mixes. Raises UserError (exit 4) where none does."""
    found = holder(runs, "documents")
    if found is not None:
        return found
    run = runs[0]
    assert run.run.manifest is not None
    gone = [parent.path for parent in run.run.manifest.parents]
    if len(runs) == 1 and gone:
        message = f"{run.path} was made from {', '.join(gone)} (from there), which is gone or has changed since"
        raise UserError(message, hint="bring it back, or make this run again", code=Exit.INPUT)
    message = f"{run.path} holds no documents: it is a run of {run.run.started.kind}"
    raise UserError(message, hint="name a run of curate run, decide or mix", code=Exit.INPUT)
