"""Files that are either wholly there or not there at all: written beside, synced, renamed."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Written(NamedTuple):
    """One finished file: path (relative to whatever lists it), rows (None where rows mean nothing), bytes, sha256."""

    path: str
    rows: int | None
    bytes: int
    sha256: str


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read block by block."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush one file or directory to the disk, so that a rename that follows cannot outrun its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def beside(path: Path) -> Path:
    """The name under which this process writes `path` before it is complete."""
    return path.with_name(f"{path.name}.tmp-{os.getpid()}")


def leftovers(directory: Path, name: str = "*") -> list[Path]:
    """What killed writers of `name` left in `directory`; the caller holds the lock that rules out live ones."""
    return sorted(directory.glob(f"{name}.tmp-*"))


def remove(path: Path) -> None:
    """Delete a file or a directory with all it holds; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path` by an atomic, synced rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        remove(temporary)


@contextlib.contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; on success it replaces `path` with every file in it synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    remove(temporary)
    temporary.mkdir()
    try:
        yield temporary
        for part in sorted(temporary.rglob("*")):
            sync(part)
        sync(temporary)
        remove(path)
        temporary.rename(path)
        sync(path.parent)
    finally:
        remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8) atomically."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
