"""Exit codes, and the one exception for everything a user can cause and put right."""

import difflib
import errno
import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """Exit codes of every command; their meaning is listed in docs/contracts.md."""

    OK = 0
    GATE = 1
    USAGE = 2
    PARTIAL = 3
    INPUT = 4
    LOCKED = 5
    MISSING = 6
    OUTPUT = 7
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class UserError(Exception):
    """Something the user can put right: one sentence that says what is wrong, one hint that says what to do.

    `file`, `line` and `column` (both counted from 1) name the place in the user's own file, where there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: Exit = Exit.USAGE,
        file: str | Path | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = Exit(code)
        self.file = None if file is None else str(file)
        self.line = line
        self.column = column

    @property
    def where(self) -> str:
        """`file:line:column` as far as it is known, else an empty string."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `word`, or None when none is near."""
    found = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist: the nearest one, or the list of all when it is short."""
    names = sorted(known)
    near = closest(word, names)
    if near is not None:
        return f"did you mean '{near}'?"
    return "known names: " + ", ".join(names) if 0 < len(names) <= 20 else ""


# EFBIG: a limit on the size of files, which to a run is a disk that ends there.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def disk_full(error: BaseException) -> bool:
    """Whether `error` says that no space is left; engines that wrap the system's error keep only its text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(os.strerror(number) in str(error) for number in _FULL)


def output_error(error: BaseException) -> UserError | None:
    """The user error (exit 7) behind a failed write or a forbidden place, or None when `error` is something else."""
    place = f" to {error.filename}" if isinstance(error, OSError) and error.filename else ""
    if disk_full(error):
        return UserError(
            f"cannot write{place}: the disk is full",
            hint="free some space; what was finished stays, and the same command goes on from there",
            code=Exit.OUTPUT,
        )
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        # The system does not say whether it was reading or writing that was forbidden, unless the disk is read-only.
        what = f"cannot write{place}" if error.errno == errno.EROFS else f"cannot open{place.replace(' to', '', 1)}"
        return UserError(
            f"{what}: {(error.strerror or str(error)).lower()}",
            hint="change who may read and write it, or choose other directories with --out or --root",
            code=Exit.OUTPUT,
        )
    return None
