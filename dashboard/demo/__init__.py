"""The workspace that `dashboard --demo` shows: small real runs over invented pages, packed in the package.

`python -m dashboard.demo.build` makes the archive; `unpack` lays it out under the user's cache. An archive is read
entry by entry: only plain files with plain names and within limits come out of one, whatever is written in it.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import zstandard

from workbench.errors import Exit, UserError
from workbench.files import beside, remove

ARCHIVE = Path(__file__).with_name("workspace.tar.zst")
"""The packed workspace."""
LARGEST, MOST_FILES, MOST_BYTES = 16 << 20, 5_000, 128 << 20
"""Of a demo, with room to spare: bytes of one file, files, bytes of them all."""
_WINDOW = 1 << 27
_FORBIDDEN = frozenset('\\:*?"<>|')


def unpack(to: Path | None = None) -> Path:
    """Lay the demo out in a folder below `to`, named by the archive's digest, and return it: the root of a workspace.

    to: default, the user's cache. A demo that is there is left as it is, with what was voted in it. Raises UserError:
    exit 4 where the archive is missing or holds what no demo has, exit 7 where the folder cannot be written.
    """
    cache = os.environ.get("XDG_CACHE_HOME")
    home = (Path(cache) if cache else Path.home() / ".cache") / "winnow" / "demo" if to is None else to
    return unpack_archive(ARCHIVE, home)


def unpack_archive(archive: Path, home: Path) -> Path:
    """`unpack` of any archive."""
    try:
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    except OSError as error:
        hint = "install the package again, or make it: python -m dashboard.demo.build"
        raise UserError(f"{archive}: {error.strerror}", hint=hint, code=Exit.INPUT) from None
    place = home / digest[:16]
    if place.is_dir():
        return place
    temporary = beside(place)
    try:
        home.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        for name, content in _files(archive):
            file = temporary / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)  # not synced one by one: that takes seconds, and the archive is still there
        temporary.rename(place)
    except OSError as error:
        if place.is_dir():  # another process was faster
            return place
        message = f"the demo cannot be written to {error.filename or home}: {error.strerror or error}"
        raise UserError(message, hint="set XDG_CACHE_HOME to a folder with room", code=Exit.OUTPUT) from None
    finally:
        if home.is_dir():
            remove(temporary)
    return place


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of an archive's files. UserError (exit 4) for anything that a demo does not have."""
    count = total = 0
    try:
        with (
            archive.open("rb") as packed,
            zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(packed) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for entry in tar:
                count, total = count + 1, total + max(entry.size, 0)
                if not entry.isreg() or not _plain(entry.name):
                    raise _refused(archive, f"{entry.name!r} is no plain file with a plain name")
                if entry.size > LARGEST or count > MOST_FILES or total > MOST_BYTES:
                    raise _refused(archive, f"it is too large at {entry.name!r}")
                file = tar.extractfile(entry)
                assert file is not None
                content = file.read()
                if len(content) != entry.size:
                    raise _refused(archive, "it ends too early")
                yield entry.name, content
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError) as error:
        raise _refused(archive, str(error) or "it cannot be read") from None
    if not count:
        raise _refused(archive, "there is nothing in it")


def _plain(name: str) -> bool:
    """Whether a name means a place below the folder it is written to, on any system."""
    parts = PurePosixPath(name).parts
    if not parts or name != "/".join(parts) or PurePosixPath(name).is_absolute():
        return False
    return all(part not in (".", "..") and part.isprintable() and not _FORBIDDEN & set(part) for part in parts)


def _refused(archive: Path, why: str) -> UserError:
    hint = "install the package again, or make it: python -m dashboard.demo.build"
    return UserError(f"{archive} is no demo: {why}", hint=hint, code=Exit.INPUT)
