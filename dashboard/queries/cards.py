"""Cards of datasets and models: the README.md in a run, or in the folder beside it that `curate card` writes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from dashboard.workspace import RunRef
from workbench.errors import Exit, UserError

LARGEST = 4 << 20
_README = "README.md"
_CROISSANT = "croissant.json"
_BESIDE = ".card"  # as curate.card writes it
_OLD = "card.md"  # of a trained classifier
_BLANKS = ("> **Blank for people to fill in**", "*(to be filled in by whoever publishes")
_MOST_LINES = 4000


@dataclass(frozen=True, slots=True)
class Card:
    """Where a run's card lies. croissant: its Croissant file, where there is one."""

    run: RunRef
    path: Path
    croissant: Path | None = None


def card(run: RunRef) -> Card | None:
    """The card of a run, or None. A folder beside it goes first: it holds what people said last."""
    beside = run.path.with_name(run.path.name + _BESIDE)
    for folder, name in ((beside, _README), (run.path, _README), (run.path, _OLD)):
        path = folder / name
        if _is_plain(path):
            croissant = folder / _CROISSANT
            return Card(run, path, croissant if _is_plain(croissant) else None)
    return None


def _is_plain(path: Path) -> bool:
    try:
        return path.is_file() and not path.is_symlink()
    except OSError:
        return False


def read(path: Path) -> bytes:
    """A card's file; UserError (exit 4) where it is gone, or larger than any card."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path} is too large for a card", hint=f"at most {LARGEST:,} bytes", code=Exit.INPUT)
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", hint="write it again", code=Exit.INPUT) from None


def text(path: Path) -> str:
    """A card's text; bytes that are no UTF-8 are shown as such."""
    return read(path).decode("utf-8", "backslashreplace")


def blanks(words: str) -> list[str]:
    """The lines that people still have to fill in."""
    return [line.strip() for line in words.splitlines() if line.strip().startswith(_BLANKS)]


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """Lines that differ, with three around them: (sign, line), the sign being +, - or a space; @ between stretches.

    Raises UserError where a card is too long to be compared.
    """
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        raise UserError(f"a card of more than {_MOST_LINES:,} lines is not compared", hint="diff compares files")
    found = []
    for line in list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]:
        found.append(("@", "") if line.startswith("@@") else (line[0], line[1:]))
    return found
