"""`manifest.json`: what a finished run is, where it came from, and the hash of every file in it."""

import functools
import hashlib
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench import __version__, parts
from workbench.errors import Exit, UserError
from workbench.files import Written, sha256, write_text
from workbench.processes import cores

NAME = "manifest.json"
SCHEMA: Literal["workbench.manifest/1"] = "workbench.manifest/1"

# Beside the outputs: the manifest itself, what only a live run needs, and what is written until the very end.
_NOT_OUTPUTS = {NAME, "started.json", "lock.json", "events.jsonl", "error.log"}
_SCRATCH = "units"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class File(_Part):
    """A file a run wrote; the path is relative to the run."""

    path: str
    rows: int | None = None
    bytes: int
    sha256: str


class Input(_Part):
    """Something a run read: the path as the user gave it, the digest of what was read."""

    path: str
    bytes: int
    digest: str


class Parent(_Part):
    """A run this one was made from: its path relative to this run, and the SHA-256 of its manifest."""

    id: str
    path: str
    digest: str


class Code(_Part):
    """The program that made the run: its version, and in a checkout the commit and whether files were changed."""

    version: str
    commit: str | None = None
    modified: bool | None = None


class Environment(_Part):
    """Where the run was made, as far as it can matter to the result."""

    python: str
    platform: str
    cores: int
    libraries: dict[str, str]


class Started(_Part):
    """`started.json`: what is known of a run before it is finished; the manifest takes its place."""

    kind: str
    id: str
    created: str
    recipe: str  # digest of kind and resolved recipe
    code: Code
    parents: list[Parent]


class Manifest(Started):
    """`manifest.json`. `timings` are seconds by step, `counts` are documents, tokens and the like by name.

    `gates` are the checks that failed, a sentence each: a run that has any is not exported.
    """

    schema_name: Literal["workbench.manifest/1"] = Field(default=SCHEMA, alias="schema")
    finished: str
    inputs: list[Input]
    outputs: list[File]
    counts: dict[str, int]
    gates: list[str] = []
    timings: dict[str, float]
    environment: Environment


def code() -> Code:
    """The running program; the commit is asked of git where the packages lie in a checkout."""
    top = Path(__file__).parents[1]
    if not (top / ".git").exists():
        return Code(version=__version__)
    commit = _git(top, "rev-parse", "HEAD")
    changed = _git(top, "status", "--porcelain", "--untracked-files=no")
    return Code(version=__version__, commit=commit, modified=None if changed is None else bool(changed))


def _git(top: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(top), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def environment() -> Environment:
    """This machine and these libraries; nothing that names the machine or its user."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Environment(python=platform.python_version(), platform=system, cores=cores(), libraries=dict(_libraries()))


@functools.cache
def _libraries() -> dict[str, str]:
    """Versions by name, read once: a tenth of a second, and what a process has loaded stays what it is."""
    names = (*parts.LIBRARIES, *(part.distribution for part in parts.PARTS))
    return {name: found for name in names if (found := parts.version(name))}


def output_files(directory: Path, known: Iterable[Written] = ()) -> list[File]:
    """Every file of a run with its hash, by path; `known` (paths relative to the run) need no second reading."""
    written = {entry.path: entry for entry in known}
    found = []
    for path in sorted(_outputs(directory)):
        entry = written.get(path) or _describe(directory, path)
        found.append(File(path=path, rows=entry.rows, bytes=entry.bytes, sha256=entry.sha256))
    return found


def _outputs(directory: Path) -> Iterable[str]:
    for path in directory.rglob("*"):
        relative = path.relative_to(directory)
        if path.is_file() and str(relative) not in _NOT_OUTPUTS and relative.parts[0] != _SCRATCH:
            yield relative.as_posix()


def _describe(directory: Path, path: str) -> Written:
    file = directory / path
    rows = None
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        rows = pq.read_metadata(file).num_rows
    return Written(path, rows, file.stat().st_size, sha256(file))


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest, atomically: with it the run is finished."""
    write_text(directory / NAME, manifest.model_dump_json(indent=2, by_alias=True) + "\n")


def read(directory: Path) -> Manifest | None:
    """The manifest of a run, or None where there is none; UserError (exit 4) when it cannot be understood."""
    path = directory / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        what = error.strerror if isinstance(error, OSError) else "not a manifest of this version"
        hint = "it was written by another version of winnow, or damaged; see its `code.version`"
        raise UserError(f"cannot read {path}: {what}", hint=hint, code=Exit.INPUT) from None


def digest(directory: Path) -> str:
    """The SHA-256 of a finished run's manifest, by which its children name it."""
    return hashlib.sha256((directory / NAME).read_bytes()).hexdigest()


def verify(directory: Path, manifest: Manifest) -> list[str]:
    """What differs between a finished run's files and its manifest, one sentence for each file; empty when nothing."""
    problems = []
    listed = {entry.path: entry for entry in manifest.outputs}
    for path, entry in listed.items():
        file = directory / path
        if not file.is_file():
            problems.append(f"{path} is missing")
        elif file.stat().st_size != entry.bytes:
            problems.append(f"{path} has {file.stat().st_size} bytes, the manifest says {entry.bytes}")
        elif sha256(file) != entry.sha256:
            problems.append(f"{path} is not what its SHA-256 says")
    problems += [f"{path} is not in the manifest" for path in sorted(set(_outputs(directory)) - set(listed))]
    return problems
