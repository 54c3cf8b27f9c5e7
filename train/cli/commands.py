"""The commands of `train`, each a thin edge: options in, one call, tables out; imports of weight happen inside."""

from __future__ import annotations

from train.cli import convert, dpo, feedback, init, prepare, reward, rewards, rl, selfinstruct, stages, tokenizer, use
from workbench import console

app = console.app("train", "From datasets to models, on one loop.")
plan = console.group("plan", "What a stage would cost: parameters, arithmetic, memory, tokens, time.")

app.command()(init.init)
app.command()(tokenizer.tokenizer)
app.command()(prepare.prepare)
for stage in (stages.pretrain, stages.anneal, stages.extend, stages.sft, reward.reward, dpo.dpo, rl.pg, rl.ppo):
    name = stage.__name__
    app.command(name)(console.command(f"train.{name}/1")(stage))
    plan.command(name)(console.command("train.plan/1")(stages.planning(stage)))
app.add_typer(plan)
for command in (use.generate, use.chat, use.serve, rewards.bestofn, selfinstruct.selfinstruct, feedback.feedback):
    app.command()(command)
for command in (convert.export, convert.merge, convert.status):
    app.command()(command)
app.command("import")(console.command("train.import/1")(convert.import_))


def main() -> None:
    """The console script."""
    app()
