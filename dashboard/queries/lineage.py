"""What a run was made from and what was made from it, and whether one document, or one host, is in it.

Parents are found among the runs of the workspace by the SHA-256 of their manifests: paths in a manifest are never
followed, and a circle of pointers is walked once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dashboard.source import Source
from dashboard.workspace import RunRef, Workspace
from workbench import manifest, registry
from workbench.errors import UserError
from workbench.manifest import Parent


@dataclass(frozen=True, slots=True)
class Link:
    """A parent of a run. run: it, where the workspace has it. state: `same` (its manifest has the digest that the child
    names), `changed` (a run of that name has another one), or `gone`."""

    name: str
    run: RunRef | None
    state: str


@dataclass(frozen=True)
class Family:
    """All runs of a workspace with their links up and down."""

    runs: Mapping[str, RunRef]
    parents: Mapping[str, tuple[Link, ...]]
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def made_from(self, name: str) -> list[RunRef]:
        """The parents of a run that the workspace has."""
        return [link.run for link in self.parents.get(name, ()) if link.run is not None]

    def ancestors(self, name: str) -> list[str]:
        """Ids of all it was made from, nearest first; itself left out."""
        return _walk(name, lambda one: [run.id for run in self.made_from(one)])

    def descendants(self, name: str) -> list[str]:
        """Ids of all that was made from it, nearest first; itself left out."""
        return _walk(name, lambda one: self.children.get(one, ()))

    def lost(self, names: Iterable[str]) -> list[tuple[str, Link]]:
        """Parents that the workspace does not have, or not as they were: (child, link)."""
        return [(name, link) for name in names for link in self.parents.get(name, ()) if link.state != "same"]


def _walk(start: str, following: Any) -> list[str]:
    seen, found, layer = {start}, [], [start]
    while layer:
        ahead: list[str] = []
        for name in layer:
            for one in following(name):
                if one not in seen:
                    seen.add(one)
                    ahead.append(one)
        found += ahead
        layer = ahead
    return found


def family(here: Workspace) -> Family:
    """The links between all runs; a manifest is read again only when it has changed."""
    by_digest = {run.version: run for run in here.runs if run.readable}
    parents: dict[str, tuple[Link, ...]] = {}
    children: dict[str, list[str]] = {}
    for run in here.runs:
        links = []
        for parent in _named(str(run.path), run.version, run.state):
            found = by_digest.get(parent.digest)
            if found is not None:
                links.append(Link(parent.id, found, "same"))
            else:
                found = here.get(parent.id)
                links.append(Link(parent.id, found, "gone" if found is None else "changed"))
            if found is not None and found.id != run.id:
                children.setdefault(found.id, []).append(run.id)
        parents[run.id] = tuple(links)
    return Family({run.id: run for run in here.runs}, parents, {name: tuple(ids) for name, ids in children.items()})


@lru_cache(maxsize=4096)
def _named(path: str, version: str, state: str) -> tuple[Parent, ...]:
    """The parents that a run names; none where it cannot be read. `version` and `state` are there for the cache."""
    try:
        found = manifest.read(Path(path)) or registry.read_started(Path(path))
    except UserError:
        return ()
    return () if found is None else tuple(found.parents)


def checkpoints(run: RunRef) -> list[str]:
    """The names of a training run's finished checkpoints, in order."""
    return sorted(path.parent.name for path in run.path.glob("checkpoints/*/COMPLETE"))


@dataclass(frozen=True, slots=True)
class Place:
    """What a run did with a document, or how much of a host it has. inside: whether it is in what the run hands on."""

    inside: bool
    words: str


def document(source: Source, key: str) -> Place | None:
    """What this run did with the document of that id; None where the run has no table that could tell."""
    if source.has("decisions"):
        return _decided(source, key)
    if source.has("mixture"):
        rows = source.query(
            "SELECT phase, sum(copies)::BIGINT FROM {mixture} WHERE id = $key GROUP BY phase ORDER BY phase", key=key
        ).rows()
        told = ", ".join(f"{copies} in {phase}" for phase, copies in rows if copies)
        return Place(bool(told), f"copies: {told}" if told else "left out of the mix")
    if source.has("data"):
        inside = not source.query("SELECT 1 FROM {data} WHERE id = $key LIMIT 1", key=key).is_empty()
        return Place(inside, "exported" if inside else "not exported")
    if source.has("documents") and "split" in source.columns("documents"):
        rows = source.query("SELECT split, tokens FROM {documents} WHERE id = $key", key=key).rows()
        if not rows:
            return Place(False, "not among the tokens")
        split, tokens = rows[0]
        return Place(True, f"{tokens:,} tokens, {'held out' if split != 'train' else 'for training'}")
    return None


def _decided(source: Source, key: str) -> Place:
    rows = source.query(
        "SELECT state, coalesce(rule, step) AS why FROM {decisions} WHERE id = $key ORDER BY state != 'kept' LIMIT 1",
        key=key,
    ).rows()
    if not rows:
        return Place(False, "not among its records")
    state, why = rows[0]
    return Place(True, "kept") if state == "kept" else Place(False, f"{state}: {why}")


def host(source: Source, name: str) -> Place | None:
    """How much of a host this run keeps; None where it has no rollups."""
    if not source.has("rollups"):
        return None
    kept, tokens = source.query(
        "SELECT coalesce(sum(documents), 0)::BIGINT, coalesce(sum(tokens), 0)::BIGINT FROM {rollups} "
        "WHERE host = $name AND state = 'kept'",
        name=name,
    ).row(0)
    return Place(bool(kept), f"{kept:,} documents, {tokens:,} tokens" if kept else "nothing kept of it")


def reached(found: Family, start: str, places: Mapping[str, Place | None]) -> set[str]:
    """`start`, where its place says so, and the runs below that hold something of what `places` looks for: a run below
    without a table of its own has it where one of its parents has."""
    inside = {start} if (place := places.get(start)) is not None and place.inside else set()
    for name in found.descendants(start):
        own = places.get(name)
        above = any(run.id in inside for run in found.made_from(name))
        if above and (own is None or own.inside):
            inside.add(name)
    return inside
