"""The two files of a card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.ask.finished import FinishedRun
from curate.card.answers import Answers
from curate.card.croissant import croissant
from curate.card.facts import HandedOn, gather
from curate.card.readme import readme
from workbench.errors import Exit, UserError
from workbench.files import write_text

README = "README.md"
CROISSANT = "croissant.json"
FOLDER = ".card"  # beside a run
ANSWERS = ".card.yaml"


def card(runs: Sequence[FinishedRun], answers: Answers, handed_on: HandedOn | None = None) -> dict[str, str]:
    """The texts of the card's files by name, from a lineage and what people say; equal runs give equal cards."""
    facts = gather(runs, answers, handed_on)
    return {README: readme(facts, answers), CROISSANT: croissant(facts, answers)}


def beside(directory: Path, ending: str) -> Path:
    """`<directory><ending>`, next to a run's directory."""
    path = directory.resolve()
    return path.with_name(path.name + ending)


def write(files: dict[str, str], to: Path) -> None:
    """Writes the files. Raises UserError (exit 7) where the folder cannot be made."""
    try:
        for name, text in files.items():
            write_text(to / name, text)
    except (FileExistsError, NotADirectoryError) as error:
        message = f"cannot write to {error.filename}: a file is in the way"
        raise UserError(message, hint="choose another --to", code=Exit.OUTPUT) from None
