"""The runs of a workspace: directories under the root, and pointers to runs made elsewhere with --out."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench import locks, manifest
from workbench.errors import Exit, UserError, did_you_mean
from workbench.manifest import Parent, Started

POINTERS = "registered"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run as a list shows it; `state` is finished, running, stopped (no live writer), or missing."""

    id: str
    path: Path
    state: str
    kind: str = ""
    created: str = ""
    finished: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One line of a lineage: `depth` 0 is the run itself; `state` also says `changed` when the parent's manifest is
    not the one its child was made from."""

    depth: int
    id: str
    path: Path | None
    kind: str
    state: str
    created: str


def register(root: Path, directory: Path) -> str:
    """Make a run known under `root` and return its id: the directory's name, with a number where that is taken."""
    directory = directory.resolve()
    if directory.parent == root.resolve():
        return directory.name
    pointers = root / POINTERS
    pointers.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        name = directory.name if number == 1 else f"{directory.name}-{number}"
        pointer = pointers / f"{name}.json"
        if _target(pointer) == directory:
            return name
        if not (root / name).exists():
            try:
                descriptor = os.open(pointer, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                pass
            else:
                with os.fdopen(descriptor, "w") as file:
                    json.dump({"path": str(directory)}, file)
                return name
        number += 1


def _target(pointer: Path) -> Path | None:
    try:
        return Path(json.loads(pointer.read_bytes())["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_run(directory: Path) -> bool:
    """Whether `directory` holds a run, finished or not; what may not be looked into (as `lost+found`) holds none."""
    try:
        return (directory / manifest.NAME).is_file() or (directory / "started.json").is_file()
    except PermissionError:
        return False


def closed(root: Path) -> list[Path]:
    """Directories under `root` that may not be looked into: whoever has to have seen every run must name them."""
    found = []
    for directory in sorted(root.iterdir()) if root.is_dir() else ():
        try:
            (directory / manifest.NAME).is_file()
        except PermissionError:
            found.append(directory)
    return found


def known(root: Path) -> Iterator[tuple[str, Path]]:
    """Id and directory of every run under `root`. UserError (exit 4) where the root may not be read."""
    try:
        directories = list(root.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        directories = []
    except PermissionError:
        raise UserError(f"{root} may not be read", hint="--root names a workspace of yours", code=Exit.INPUT) from None
    for directory in directories:
        if is_run(directory):
            yield directory.name, directory
    for pointer in (root / POINTERS).glob("*.json"):
        target = _target(pointer)
        if target is not None:
            yield pointer.stem, target


def describe(directory: Path, name: str) -> RunInfo:
    """What is known of one run, whatever state it is in."""
    if not is_run(directory):
        return RunInfo(name, directory, "missing")
    found = manifest.read(directory)
    if found is not None:
        parents = tuple(parent.id for parent in found.parents)
        return RunInfo(name, directory, "finished", found.kind, found.created, found.finished, found.counts, parents)
    started = read_started(directory)
    state = "running" if locks.is_locked(directory / "lock.json") else "stopped"
    if started is None:
        return RunInfo(name, directory, state)
    parents = tuple(parent.id for parent in started.parents)
    return RunInfo(name, directory, state, started.kind, started.created, parents=parents)


def read_started(directory: Path) -> Started | None:
    """`started.json` of a run, or None where there is none or it is torn."""
    try:
        return Started.model_validate_json((directory / "started.json").read_bytes())
    except (OSError, ValueError):
        return None


def list_runs(root: Path) -> list[RunInfo]:
    """Every run known under `root`, oldest first; a manifest that cannot be read makes its run `unreadable`."""
    found = []
    for name, directory in known(root):
        try:
            found.append(describe(directory, name))
        except UserError:
            found.append(RunInfo(name, directory, "unreadable"))
    return sorted(found, key=lambda run: (run.created, run.id, str(run.path)))


def find(name: str, root: Path) -> Path:
    """The directory of the run called `name`: a path, or an id under `root`.

    Raises UserError (exit 4) when there is none, (exit 2) when two runs answer to the id.
    """
    if is_run(Path(name)):
        return Path(name)
    everything = list(known(root))
    found = sorted({directory.resolve() for known_name, directory in everything if known_name == name})
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"two runs are called '{name}'", hint=f"name one by its path: {' or '.join(map(str, found))}")
    if Path(name).is_dir():
        raise UserError(f"{name} holds no run", hint="a run has a manifest.json or started.json", code=Exit.INPUT)
    hint = (
        did_you_mean(name, (known_name for known_name, _ in everything)) or f"`workbench runs --root {root}` lists them"
    )
    raise UserError(f"no run '{name}' under {root}, and no such directory", hint=hint, code=Exit.INPUT)


def lineage(directory: Path, root: Path) -> list[Ancestor]:
    """A run and all it was made from, depth first; what has moved is looked for by id, what is gone is `missing`."""
    lines: list[Ancestor] = []
    _walk(describe(directory, _id(directory)), root, 0, "", lines)
    return lines


def _id(directory: Path) -> str:
    found = manifest.read(directory) or read_started(directory)
    return found.id if found else directory.resolve().name


def _walk(run: RunInfo, root: Path, depth: int, state: str, lines: list[Ancestor]) -> None:
    lines.append(Ancestor(depth, run.id, run.path, run.kind, state or run.state, run.created))
    found = manifest.read(run.path) or read_started(run.path)
    for parent in found.parents if found else ():
        directory, state = _locate(parent, run.path, root)
        if directory is None:
            lines.append(Ancestor(depth + 1, parent.id, None, "", "missing", ""))
        else:
            _walk(describe(directory, parent.id), root, depth + 1, state, lines)


def _locate(parent: Parent, child: Path, root: Path) -> tuple[Path | None, str]:
    """Where a parent lies now: the directory whose manifest has the digest, else one of its name, marked changed."""
    candidates = [
        (child.resolve() / parent.path).resolve(),
        *(path for name, path in known(root) if name == parent.id),
    ]
    finished = [path for path in candidates if (path / manifest.NAME).is_file()]
    same = [path for path in finished if manifest.digest(path) == parent.digest]
    if same:
        return same[0], ""
    return (finished[0], "changed") if finished else (None, "")
