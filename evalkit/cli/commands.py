"""The commands of `evalkit`, each a thin edge: options in, one call, tables out; imports of weight happen inside."""

from __future__ import annotations

from evalkit.cli import compare, run, tasks
from evalkit.cli import judge
from workbench import console

app = console.app("evalkit", "Verdicts on models and data, each number with its interval.")
app.command()(judge.judge)

app.command()(tasks.tasks)
app.command()(run.run)
app.command()(run.show)
app.command()(compare.compare)


def main() -> None:
    """The console script."""
    app()
