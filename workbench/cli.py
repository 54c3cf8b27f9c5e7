"""`workbench`: the runs of a workspace, where they came from, and whether this machine is fit for work."""

from workbench.console import Result, Screen, app, command
from workbench.options import DEFAULT_ROOT, Root, RunName
from workbench.render import Table

main = app("workbench", "Runs, their lineage, and the state of this installation.")


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
@command("workbench.doctor/1")
def doctor(screen: Screen, root: Root = DEFAULT_ROOT) -> Result:
    """Check versions, optional parts, disk, memory, and that the workspace can be written."""
    from workbench import doctor

    return doctor.examine(root, screen)
