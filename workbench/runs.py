"""A run: a directory written once, whose manifest comes last."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import xxhash

from workbench import manifest, registry
from workbench.errors import Exit, UserError, output_error
from workbench.events import Event, EventLog, now
from workbench.files import Written, leftovers, remove, write_text
from workbench.locks import Lock
from workbench.manifest import Input, Manifest, Parent, Started

_EMPTY = ("lock.json", "started.json.tmp-")  # what a crash in the first moment leaves


class Run:
    """A run on the disk: made by `create` for writing (it then holds the lock), by `open` for reading.

    `path` and `id` name it, `started` is what was known when it began, `manifest` is None until it is finished.
    """

    def __init__(self, path: Path, started: Started, finished: Manifest | None = None) -> None:
        self.path = path
        self.started = started
        self.manifest = finished
        self._lock: Lock | None = None
        self._log: EventLog | None = None

    @property
    def id(self) -> str:
        """The name under which the workspace knows the run."""
        return self.started.id

    @property
    def is_finished(self) -> bool:
        """Whether the run is complete; one that `create` returns so was made before and is left as it is."""
        return self.manifest is not None

    @classmethod
    def create(
        cls,
        directory: Path | None,
        kind: str,
        recipe: str,
        *,
        root: Path,
        parents: Sequence["Run"] = (),
        inputs: Sequence[Input] | None = None,
        resume: bool = True,
        force: bool = False,
    ) -> Self:
        """Begin a run, go on with one that was interrupted, or return the finished one that the same recipe made.

        directory: where (default: `<root>/<kind>-<digest>`, the same for the same recipe). recipe: the resolved
        recipe's canonical text. inputs: where given, a finished run is only taken for this one if it read the same.
        resume=False starts an interrupted run anew; force=True replaces whatever run is in the directory.

        Raises UserError: exit 2 when the directory holds another recipe's run or something that is no run, 5 when a
        live process writes it, 7 when it cannot be written.
        """
        digest = xxhash.xxh3_128_hexdigest(f"{kind}\n{recipe}".encode("utf-8", "surrogatepass"))
        directory = root / f"{kind}-{digest[:12]}" if directory is None else directory
        if any(directory.resolve() == parent.path.resolve() for parent in parents):
            raise UserError(f"{directory} is the run that this one is made from", hint="choose another --out")
        done = None if force else cls._done(directory, digest, inputs)
        if done is not None:
            return done
        lock = _claim(directory)
        try:
            done = None if force else cls._done(directory, digest, inputs)  # it may have finished a moment ago
            if done is not None:
                lock.release()
                return done
            run = cls(directory, _begin(directory, kind, digest, root, parents, resume and not force, force))
            write_text(directory / "recipe.yaml", recipe)
            run._log = EventLog(directory / "events.jsonl")
        except BaseException as error:
            lock.release()
            _raise_output(error)
            raise
        run._lock = lock
        if lock.replaced is not None:
            run.emit(Event("warning", "run", f"process {lock.replaced.pid}, which wrote this run, has ended early"))
        run.emit(Event("info", "run", "started"))
        return run

    @classmethod
    def _done(cls, directory: Path, digest: str, inputs: Sequence[Input] | None) -> Self | None:
        found = manifest.read(directory)
        if found is None:
            return None
        if found.recipe != digest:
            raise UserError(f"{directory} holds a finished run of another recipe", hint=_ELSEWHERE)
        if inputs is not None and list(inputs) != found.inputs:
            raise UserError(f"{directory} holds a finished run, and its inputs have changed since", hint=_ELSEWHERE)
        return cls(directory, found, found)

    @classmethod
    def open(cls, name: str | Path, root: Path) -> Self:
        """A run for reading, by path or by id under `root`; it may be unfinished. UserError when there is none."""
        directory = registry.find(str(name), root)
        finished = manifest.read(directory)
        started = finished or registry.read_started(directory)
        if started is None:
            raise UserError(f"{directory}/started.json is damaged", hint="run its command again", code=Exit.INPUT)
        return cls(directory, started, finished)

    def emit(self, event: Event) -> None:
        """Append to the run's log; a run that is only being read has none."""
        if self._log is not None:
            self._log(event)

    def finish(
        self,
        *,
        counts: Mapping[str, int] | None = None,
        timings: Mapping[str, float] | None = None,
        inputs: Sequence[Input] = (),
        written: Sequence[Written] = (),
        gates: Sequence[str] = (),
    ) -> Manifest:
        """Hash what is not in `written` (paths relative to the run), write the manifest, and give the lock back.

        `gates` are sentences on the checks that failed: the run is finished, but not fit to be handed on.
        Files under `units/` are scratch: they are left alone and stay out of the manifest.
        """
        assert self._lock is not None, "only a run made by create() can be finished"
        began = time.monotonic()
        for path in leftovers(self.path):
            remove(path)
        outputs = manifest.output_files(self.path, written)
        self.emit(Event("info", "run", "finished", counts=dict(counts or {})))
        self.manifest = Manifest(
            **self.started.model_dump(),
            finished=now(),
            inputs=list(inputs),
            outputs=outputs,
            counts=dict(counts or {}),
            gates=list(gates),
            timings={**(timings or {}), "finish": round(time.monotonic() - began, 3)},
            environment=manifest.environment(),
        )
        manifest.write(self.path, self.manifest)
        remove(self.path / "started.json")
        self.close()
        return self.manifest

    def close(self) -> None:
        """Release the lock and the log; the run stays as it is and can be resumed by `create`."""
        if self._log is not None:
            self._log.close()
        if self._lock is not None:
            self._lock.release()
        self._log = self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_ELSEWHERE = "choose another --out, or replace that run with --force"


def _claim(directory: Path) -> Lock:
    """Make the directory and take its lock, but only where nothing but a run can come to harm."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = [path.name for path in directory.iterdir()]
        if not registry.is_run(directory) and not all(name.startswith(_EMPTY) for name in names):
            raise UserError(f"{directory} is not empty and holds no run", hint="choose another --out")
        return Lock(directory / "lock.json")
    except OSError as error:
        _raise_output(error)
        raise


def _begin(
    directory: Path, kind: str, digest: str, root: Path, parents: Sequence[Run], resume: bool, force: bool
) -> Started:
    """Go on with the run in `directory`, or clear it and write the first file of a new one."""
    before = registry.read_started(directory)
    if before is not None and before.recipe != digest and not force:
        raise UserError(f"{directory} holds an unfinished run of another recipe", hint=_ELSEWHERE)
    if before is not None and resume:
        return before
    for path in directory.iterdir():
        if path.name != "lock.json":
            remove(path)
    started = Started(
        kind=kind,
        id=registry.register(root, directory),
        created=now(),
        recipe=digest,
        code=manifest.code(),
        parents=[_parent(parent, directory) for parent in parents],
    )
    write_text(directory / "started.json", started.model_dump_json(indent=2) + "\n")
    return started


def _parent(parent: Run, directory: Path) -> Parent:
    if not parent.is_finished:
        hint = "run its command again until it has finished"
        raise UserError(f"{parent.path} is not finished", hint=hint, code=Exit.INPUT)
    path = Path(os.path.relpath(parent.path.resolve(), directory.resolve())).as_posix()
    return Parent(id=parent.id, path=path, digest=manifest.digest(parent.path))


def _raise_output(error: BaseException) -> None:
    """Turn a failure to write into the user's error; others are left to the caller."""
    if isinstance(error, FileExistsError | NotADirectoryError | FileNotFoundError):
        why = "it cannot be made" if isinstance(error, FileNotFoundError) else "a file is in the way"
        message = f"cannot write to {error.filename}: {why}"
        raise UserError(message, hint="choose another --out", code=Exit.OUTPUT) from None
    found = output_error(error)
    if found is not None and isinstance(error, PermissionError):  # what is claimed is written, never read
        what = (error.strerror or str(error)).lower()
        message, hint = (
            f"cannot write to {error.filename}: {what}",
            "change who may write there, or choose another --out",
        )
        raise UserError(message, hint=hint, code=Exit.OUTPUT) from None
    if found is not None:
        raise found from None
