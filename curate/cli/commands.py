"""The commands of `curate`, each a thin edge: options in, one call, tables out; imports of weight happen inside."""

from __future__ import annotations

from curate.cli import (
    ask,
    card,
    decontaminate,
    domains,
    duplicates,
    export,
    extract,
    harm,
    index,
    make,
    mix,
    pii,
    quality,
    search,
)
from workbench import console

app = console.app("curate", "From crawls to datasets, with the reason for every page that is missing.")

for command in (make.run, make.plan, make.decide, make.retry, make.init):
    app.command()(command)
for command in (ask.status, ask.explain, ask.whatif, ask.diff, ask.sample, ask.verify, ask.profiles, ask.report):
    app.command()(command)
app.command()(duplicates.duplicates)
app.add_typer(index.app)
app.command()(mix.mix)
app.command()(search.index_text)
app.command()(search.search)
app.command()(decontaminate.decontaminate)
app.command()(export.export)
app.add_typer(quality.app)
app.add_typer(extract.app)
app.command()(card.card)
app.add_typer(domains.app)
app.add_typer(harm.app)
app.add_typer(pii.app)


def main() -> None:
    """The console script."""
    app()
