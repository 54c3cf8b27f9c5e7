"""`workbench`: the runs of a workspace, where they came from, what people said of them, and whether this machine is fit
for work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.console import Result, Screen, app, command
from workbench.options import DEFAULT_ROOT, Root, RunName
from workbench.render import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.people import Label, Note, People

main = app("workbench", "Runs, their lineage, and the state of this installation.")

To = Annotated[Path | None, typer.Option("--to", metavar="FILE.jsonl", help="Write all of them there.")]
_SHOWN = 20


@main.command()
@command("workbench.runs/1")
def runs(screen: Screen, root: Root = DEFAULT_ROOT) -> Result:
    """List the runs of the workspace, oldest first."""
    from workbench.registry import list_runs

    found = list_runs(root)
    columns = ("id", "kind", "state", "created", "documents", "path")
    rows = [
        (run.id, run.kind, run.state, run.created[:19].replace("T", " "), run.counts.get("documents"), run.path)
        for run in found
    ]
    table = Table(columns, rows) if found else f"no runs under {root}"
    return Result({"root": root, "runs": found}, [table])


@main.command()
@command("workbench.lineage/1")
def lineage(screen: Screen, run: RunName, root: Root = DEFAULT_ROOT) -> Result:
    """Show what a run was made from, and what that was made from."""
    from workbench import registry

    directory = registry.find(run, root)
    found = registry.lineage(directory, root)
    rows = [
        ("  " * line.depth + line.id, line.kind, line.state, line.created[:19].replace("T", " "), line.path)
        for line in found
    ]
    table = Table(("run", "kind", "state", "created", "path"), rows)
    return Result({"lineage": found}, [table], run=directory)


@main.command()
@command("workbench.labels/1")
def labels(
    screen: Screen,
    run: RunName,
    about: Annotated[str | None, typer.Option("--about", help="Only those on this question.")] = None,
    to: To = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Show or write the labels that people gave a run's documents; the last one of a rater on a question counts."""
    columns = ("item", "about", "rater", "label", "time")
    return _said("labels", lambda people, name: people.labels(name, about), columns, run, to, root)


@main.command()
@command("workbench.notes/1")
def notes(screen: Screen, run: RunName, to: To = None, root: Root = DEFAULT_ROOT) -> Result:
    """Show or write the notes that people made on a run and its documents."""
    return _said("notes", lambda people, name: people.notes(name), ("item", "rater", "text", "time"), run, to, root)


def _said(
    what: str,
    read: "Callable[[People, str], Sequence[Label | Note]]",
    columns: tuple[str, ...],
    run: str,
    to: Path | None,
    root: Path,
) -> Result:
    from workbench.files import write_text
    from workbench.people import FILE, People, jsonl
    from workbench.runs import Run

    opened = Run.open(run, root)
    found: Sequence[Label | Note] = []
    if (root / FILE).is_file():
        with People(root) as people:
            found = read(people, opened.id)
    rows = [[getattr(row, name) for name in columns] for row in found[:_SHOWN]]
    blocks: list[Table | str] = [Table(columns, rows)] if found else [f"no {what} on {opened.id} under {root}"]
    if to is not None:
        write_text(to, jsonl(found))
        blocks.append(f"{len(found):,} {what} written to {to}")
    elif len(found) > _SHOWN:
        blocks.append(f"and {len(found) - _SHOWN:,} more: --to FILE.jsonl writes all")
    return Result({what: found, "file": to}, blocks, run=opened.path)


@main.command()
@command("workbench.doctor/1")
def doctor(screen: Screen, root: Root = DEFAULT_ROOT) -> Result:
    """Check versions, optional parts, disk, memory, and that the workspace can be written."""
    from workbench import doctor

    return doctor.examine(root, screen)
