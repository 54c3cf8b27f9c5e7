"""The runs of a workspace as the pages know them: by id, whatever state they are in, and never by a path from a URL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workbench import manifest, registry
from workbench.errors import UserError

DATASETS = ("curate.run", "curate.decide", "curate.decontaminate")
"""Kinds of runs with decisions on documents."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """One run. version: changes when what can be read of it changes; a cache key together with the path.

    state: finished, running, stopped, missing or unreadable; `problem` says why it is unreadable and `hint` what helps.
    gates: sentences on the checks that failed.
    """

    id: str
    path: Path
    kind: str
    state: str
    version: str
    created: str = ""
    finished: str = ""
    counts: dict[str, int] = field(default_factory=dict, hash=False)
    parents: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def readable(self) -> bool:
        """Whether its tables are complete."""
        return self.state == "finished"


class Workspace:
    """The runs under `root`, oldest first; `get` and `of` are how pages find them."""

    def __init__(self, root: Path, runs: Iterable[RunRef]) -> None:
        self.root = root
        self.runs = tuple(runs)
        self._by_id = {run.id: run for run in self.runs}

    def get(self, name: str | None) -> RunRef | None:
        """The run of that id, or None; any string may come from a URL."""
        return self._by_id.get(name or "")

    def of(self, *kinds: str) -> list[RunRef]:
        """Runs of these kinds, the newest first; a kind that ends in `.` is that of a whole tool (`train.`)."""
        wanted = [run for run in self.runs if any(_is(run.kind, kind) for kind in kinds)]
        return wanted[::-1]

    @property
    def directories(self) -> tuple[Path, ...]:
        """The root and what lies outside of it: all that queries may read."""
        top = self.root.resolve()
        outside = {run.path.resolve() for run in self.runs if not run.path.resolve().is_relative_to(top)}
        return (top, *sorted(outside))


def _is(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted) if wanted.endswith(".") else kind == wanted


_known: dict[Path, tuple[tuple[int, int], RunRef]] = {}  # by directory: what its manifest was when it was last read


def scan(root: Path) -> Workspace:
    """Every run under `root` and registered there. A manifest is read again only when it has changed: a thousand runs
    take milliseconds. Nothing that lies there raises: what cannot be read is a run with a `problem`."""
    found = {}
    for name, directory in registry.known(root):
        if name not in found or directory.parent == root:  # the workspace's own run goes before one registered
            found[name] = _look(name, directory)
    return Workspace(root, sorted(found.values(), key=lambda run: (run.created, run.id)))


def _look(name: str, directory: Path) -> RunRef:
    stamp = _stamp(directory / manifest.NAME)
    if stamp is None:
        return _unfinished(name, directory)
    known = _known.get(directory)
    if known is None or known[0] != stamp or known[1].id != name:
        known = _known[directory] = (stamp, _finished(name, directory, stamp))
    return known[1]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _finished(name: str, directory: Path, stamp: tuple[int, int]) -> RunRef:
    try:
        found = manifest.read(directory)
        version = manifest.digest(directory)
    except (UserError, OSError) as error:
        hint = error.hint if isinstance(error, UserError) else "is it still there, and may it be read?"
        return RunRef(name, directory, "", "unreadable", str(stamp), problem=str(error), hint=hint)
    if found is None:  # it went away a moment ago
        return _unfinished(name, directory)
    parents = tuple(parent.id for parent in found.parents)
    return RunRef(
        name,
        directory,
        found.kind,
        "finished",
        version,
        found.created,
        found.finished,
        found.counts,
        parents,
        tuple(found.gates),
    )


def _unfinished(name: str, directory: Path) -> RunRef:
    seen = registry.describe(directory, name)
    version = hashlib.sha256(repr([_stamp(directory / each) for each in ("started.json", "events.jsonl")]).encode())
    return RunRef(name, directory, seen.kind, seen.state, version.hexdigest(), seen.created, parents=seen.parents)
