"""The index as a file: where it lies, how it is opened, and whether it is of this run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench import manifest
from workbench.errors import Exit, UserError

SCHEMA = "curate.search/1"


@dataclass(frozen=True, slots=True)
class About:
    """What an index says of itself. `texts` are all that the run stored, kept and dropped, `indexed` those in here;
    `sample` is how many were wanted (None: all of them); `manifest` is the digest of the run's manifest."""

    run: str
    manifest: str
    sample: int | None
    seed: int
    texts: int
    indexed: int
    schema: str = SCHEMA


def index_path(run: Path, folder: Path | None = None) -> Path:
    """`<run>.search.sqlite` beside the run's directory, or in another folder; never in the run, which is immutable."""
    run = run.resolve()
    if folder is not None and folder.resolve().is_relative_to(run):
        raise UserError(f"{folder} is inside the run, which stays as it is", hint="choose another --to")
    return (run.parent if folder is None else folder) / f"{run.name}.search.sqlite"


def locate(run: Path, folder: Path | None = None) -> Path:
    """The index of a finished run. Raises UserError (exit 4) when there is none, or one of another state of the run."""
    path = index_path(run, folder)
    again = f"curate index-text {run}" + ("" if folder is None else f" --to {folder}")
    if not path.is_file():
        raise UserError(f"{run} has no search index at {path}", hint=f"make it: {again}", code=Exit.INPUT)
    with opened(path) as database:
        about = read_about(database, path)
    if about.manifest != manifest.digest(run):
        raise UserError(f"{path} is the index of another run than {run}", hint=f"renew it: {again}", code=Exit.INPUT)
    return path


def forget_stale(run: Path) -> bool:
    """Delete the index that a run replaced by this one has left beside it: its texts are no longer the run's."""
    path = index_path(run)
    if not path.is_file():
        return False
    try:
        locate(run)
    except UserError:
        path.unlink()
        return True
    return False


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A finished index for reading, without any lock: it is replaced, never changed. Damage is a UserError (exit 4)."""
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
        with closing(database):
            yield database
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            message, hint = "the search took too long and was stopped", "ask for rarer words"
            raise UserError(message, hint=hint) from None
        raise _damaged(path, str(error)) from None


def read_about(database: sqlite3.Connection, path: Path) -> About:
    """Raises UserError (exit 4) for a file that is no index of this version."""
    try:
        (text,) = database.execute("SELECT about FROM about").fetchone()
        about = About(**json.loads(text))
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    if about.schema != SCHEMA:
        raise _damaged(path, f"its format is {about.schema}")
    return about


def write_about(database: sqlite3.Connection, about: About) -> None:
    """Makes the table that `read_about` reads."""
    database.execute("CREATE TABLE about (about TEXT)")
    database.execute("INSERT INTO about VALUES (?)", (json.dumps(asdict(about)),))


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is no search index of this version: {what}", hint=_ANEW, code=Exit.INPUT)


_ANEW = "delete the file and make it anew: curate index-text RUN"
