"""Flags that mean the same in every command, as annotated types for Typer.

`--json`, `--quiet`, `--verbose` and `--no-progress` are not here: `console.command` adds them to every command.
"""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_ROOT = Path("workspace")

Root = Annotated[
    Path, typer.Option("--root", envvar="WORKBENCH_ROOT", metavar="DIR", help="Workspace that holds the runs.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Directory of this run (default: named under --root).")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one value of the recipe; may be repeated."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of everything random.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, metavar="N", help="Worker processes (default: one a core, fewer for little)."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Resume = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Go on from what an interrupted run has finished, or start anew.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace a run that is already in the directory.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run: its id under --root, or its path.")]
