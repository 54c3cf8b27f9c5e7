"""The commands of `train`, each a thin edge: options in, one call, tables out; imports of weight happen inside."""

from __future__ import annotations

from train.cli import prepare, stages, tokenizer, use
from workbench import console

app = console.app("train", "From datasets to models, on one loop.")

app.command()(tokenizer.tokenizer)
app.command()(prepare.prepare)
for command in (stages.pretrain, stages.anneal, stages.extend, stages.sft):
    app.command()(command)
for command in (use.generate, use.chat, use.serve):
    app.command()(command)


def main() -> None:
    """The console script."""
    app()
