"""The commands of `evalkit`, each a thin edge: options in, one call, tables out; imports of weight happen inside."""

from __future__ import annotations

from evalkit.cli import arena, compare, contamination, grade, judge, perplexity, probe, report, run, tasks
from workbench import console

app = console.app("evalkit", "Verdicts on models and data, each number with its interval.")
app.command()(tasks.tasks)
app.command()(run.run)
app.command()(run.show)
app.command()(compare.compare)
app.command()(perplexity.perplexity)
app.command()(judge.judge)
app.command()(probe.probe)
app.command()(grade.grade)
checks = console.group("contamination", "Has a model read what it is asked? Each check with its measured power.")
for check in (
    contamination.known,
    contamination.order,
    contamination.membership,
    contamination.plant,
    contamination.gain,
):
    checks.command()(check)
app.add_typer(checks)
duels = console.group("arena", "Votes on pairs of answers, and the ranks that they allow.")
for vote in (arena.pairs, arena.judge, arena.board, arena.export):
    duels.command()(vote)
app.add_typer(duels)
reports = console.group("report", "Reports that come again and again, and their alarms.")
for name, step in (("build", report.build), ("tick", report.tick), ("check", report.check)):
    reports.command(name)(step)
reports.command("list")(report.list_reports)
reports.command()(report.acknowledge)
app.add_typer(reports)
schedule = console.group("schedule", "Having reports made at their time.")
schedule.command("print")(report.print_schedule)
schedule.command("run")(report.run_schedule)
app.add_typer(schedule)


def main() -> None:
    """The console script."""
    app()
