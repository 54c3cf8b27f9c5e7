"""`curate card`: a dataset card and Croissant metadata from a finished run and what people say about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, Root, RunName
from workbench.render import Facts, Table

AnswersFile = Annotated[
    Path | None,
    typer.Option("--answers", metavar="FILE", help="What people say, as YAML (default: <run>.card.yaml beside it)."),
]


@command("curate.card/1")
def card(
    screen: Screen,
    run: RunName,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder of the card (default: RUN.card beside the run).")
    ] = None,
    answers: AnswersFile = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 while a required blank is open.")
    ] = False,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Write the card of a data set: README.md for Hugging Face and croissant.json, from the run's own tables."""
    from curate.ask.finished import FinishedRun
    from curate.ask.lineage import lineage
    from curate.card import write
    from curate.card.answers import load, open_blanks

    found = FinishedRun.open(run, root)
    own = write.beside(found.path, write.ANSWERS)
    file = answers or (own if own.is_file() else None)
    said = load(file)
    blanks = open_blanks(said)
    rows = [[blank.name, "required" if blank.required else "", blank.question] for blank in blanks]
    table = Table(["blank", "", "question"], rows, "Blanks for people" if rows else "No blank is open")
    where = file or own
    data = {"answers": str(where), "open": [blank._asdict() for blank in blanks]}
    if check:
        hint = f"answer in {where}"
        errors = [
            UserError(f"{blank.name} is open: {blank.question}", hint=hint, code=Exit.GATE)
            for blank in blanks
            if blank.required
        ]
        return Result(data, [table], found.path, Exit.GATE if errors else Exit.OK, errors)
    folder = to or write.beside(found.path, write.FOLDER)
    write.write(write.card(lineage(found, root), said), folder)
    facts = Facts([("card", str(folder)), ("answers", str(where))])
    return Result({**data, "card": str(folder)}, [table, facts], found.path)
