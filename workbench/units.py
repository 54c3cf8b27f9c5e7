"""The unit of work: smaller than a file, named by its fingerprint, published whole, skipped when it is done.

A step is a function `package.module:function` that takes the set-up values and returns a context manager; inside it,
the callable that does one unit. What is costly (a model, a child process) is made once for each worker:

    @contextmanager
    def extract(setup: dict[str, Any]) -> Iterator[Work]:
        with Extractor(**setup) as extractor:
            def work(payload: dict[str, Any], out: Path, progress: Report) -> dict[str, Any]: ...
            yield work

`work` writes its files under `out` and returns a small JSON-able result, which is stored with them.
"""

import errno
import importlib
import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import xxhash

from workbench.errors import Exit, UserError, disk_full, output_error
from workbench.files import sha256, whole_directory

DONE = "done.json"
_PROGRESS_S = 0.5


class Unit(NamedTuple):
    """One piece of work: what it is (everything its output depends on, hashed) and what the worker is handed."""

    fingerprint: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a unit ended: its directory and result, or the error that stands after all retries.

    `reused` says that it was done before this run of the command.
    """

    unit: Unit
    directory: Path
    result: dict[str, Any] | None = None
    error: str | None = None
    attempts: int = 0
    reused: bool = False

    @property
    def failed(self) -> bool:
        """Whether the unit has no result."""
        return self.error is not None


# Called by the work as `progress(0.3, records=1200)`: share of the unit done, and counts of the unit so far.
Report = Callable[..., None]
Work = Callable[[dict[str, Any], Path, Report], dict[str, Any]]
Progress = Callable[[float, dict[str, int]], None]
Step = Callable[[dict[str, Any]], AbstractContextManager[Work]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit was not done, in JSON-able values, as it comes from a worker.

    `user` holds the arguments of the UserError it was, if it was one; `fatal` those of the one that stops the run.
    `retry` is False where trying again cannot help.
    """

    error: str
    trace: str = ""
    user: dict[str, Any] | None = None
    fatal: dict[str, Any] | None = None
    retry: bool = True


def failure(error: Exception) -> Failure:
    """What an exception means for its unit and for the run.

    No space left, and whatever the user has to put right first, stop the run; an unreadable input (exit 4) costs its
    unit, at once; anything else is tried again.
    """
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, UserError):
        fields = _fields(error)
        return Failure(str(error), trace, fields, None if error.code == Exit.INPUT else fields, retry=False)
    stop = output_error(error) if disk_full(error) or getattr(error, "errno", None) == errno.EROFS else None
    return Failure(f"{type(error).__name__}: {error}", trace, fatal=None if stop is None else _fields(stop))


def _fields(error: UserError) -> dict[str, Any]:
    place = {"file": error.file, "line": error.line, "column": error.column}
    return {"message": error.message, "hint": error.hint, "code": error.code, **place}


def fingerprint(**parts: Any) -> str:
    """32 hex digits over JSON-able parts (step version, library and model digests, recipe section, input bytes)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return xxhash.xxh3_128_hexdigest(text.encode())


def load(function: str) -> Step:
    """The step named `package.module:function`."""
    module, _, name = function.partition(":")
    step: Step = getattr(importlib.import_module(module), name)
    return step


def unit_dir(directory: Path, fingerprint: str) -> Path:
    """Where the finished unit lies under the step's directory."""
    return directory / fingerprint


@contextmanager
def publish(directory: Path, fingerprint: str, result: dict[str, Any]) -> Iterator[Path]:
    """Yield a temporary directory to write the unit's files to; on success they appear all at once.

    `done.json` holds bytes and SHA-256 of every file, and `result` as it is when the block ends.
    """
    with whole_directory(unit_dir(directory, fingerprint)) as temporary:
        yield temporary
        files = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
        listed = [
            {"path": path.relative_to(temporary).as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path)}
            for path in files
        ]
        document = {"fingerprint": fingerprint, "files": listed, "result": result}
        (temporary / DONE).write_text(json.dumps(document, indent=1) + "\n")


def read_done(directory: Path, fingerprint: str, *, verify: bool = True) -> dict[str, Any] | None:
    """The result of a finished unit, or None when it is absent, torn, or (verify) a file has not its size and hash."""
    where = unit_dir(directory, fingerprint)
    try:
        document = json.loads((where / DONE).read_bytes())
        result: dict[str, Any] = document["result"]
        if verify and not all(_matches(where, entry) for entry in document["files"]):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return result


def failed_log(directory: Path, fingerprint: str) -> Path:
    """Where the traceback of a failed unit is kept until the unit succeeds."""
    return directory / f"{fingerprint}.failed"


def is_done(directory: Path, fingerprint: str, *, verify: bool = True) -> bool:
    """Whether the unit is finished and, with `verify`, every file is what its checksum says."""
    return read_done(directory, fingerprint, verify=verify) is not None


def _matches(where: Path, entry: dict[str, Any]) -> bool:
    path = where / entry["path"]
    return path.stat().st_size == entry["bytes"] and sha256(path) == entry["sha256"]


def do(work: Work, unit: Unit, directory: Path, progress: Progress) -> dict[str, Any]:
    """Do one unit here and publish it; returns its result. `progress` hears of the work twice a second at most."""
    last = time.monotonic()

    def report(fraction: float, **counts: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_S:
            last = time.monotonic()
            progress(fraction, counts)

    result: dict[str, Any] = {}
    with publish(directory, unit.fingerprint, result) as out:
        result.update(work(unit.payload, out, report))
    return result
