"""The commands of `evalkit`, each a thin edge: options in, one call, tables out; imports of weight happen inside."""

from __future__ import annotations

from evalkit.cli import arena, compare, judge, perplexity, run, tasks
from workbench import console

app = console.app("evalkit", "Verdicts on models and data, each number with its interval.")
app.command()(tasks.tasks)
app.command()(run.run)
app.command()(run.show)
app.command()(compare.compare)
app.command()(perplexity.perplexity)
app.command()(judge.judge)
duels = console.group("arena", "Votes on pairs of answers, and the ranks that they allow.")
for vote in (arena.pairs, arena.judge, arena.board, arena.export):
    duels.command()(vote)
app.add_typer(duels)


def main() -> None:
    """The console script."""
    app()
