"""`train pg` and `train ppo`: a policy from rewards, and how rewards went while it learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from train.cli.rewards import REWARD
from train.cli.stages import (
    Device,
    From,
    Lora,
    Only,
    Precision,
    Qlora,
    RecipeFile,
    Template,
    adapted,
    common,
    folder_of,
    resolve,
    run_stage,
    where_to,
    with_blocks,
)
from workbench.console import Result, Screen
from workbench.options import DEFAULT_ROOT, DryRun, Force, Jobs, Out, Resume, Root, Seed, Sets
from workbench.render import Table

Prompts = Annotated[
    str | None, typer.Option("--data", metavar="FILE", help="Prompts, one a row; answers there are not read.")
]
RewardName = Annotated[
    str | None,
    typer.Option("--reward", metavar="NAME", help=REWARD),
]
Rollouts = Annotated[int | None, typer.Option("--rollouts", min=1, metavar="N", help="How often it is asked.")]
Responses = Annotated[int | None, typer.Option("--responses", min=1, metavar="N", help="To each prompt.")]
Beta = Annotated[
    float | None, typer.Option("--beta", min=0, metavar="X", help="How dear it is to leave the reference.")
]
Reference = Annotated[
    str | None, typer.Option("--reference", metavar="MODEL", help="Default: the checkpoint that it begins from.")
]
_SHOWN = ("reward", "response_kl", "token_kl", "length", "ended", "dead_groups")


def pg(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Prompts = None,
    reward: RewardName = None,
    advantage: Annotated[
        str | None, typer.Option("--advantage", metavar="NAME", help="grpo@trl, rloo, dr_grpo, reinforce ...")
    ] = None,
    rollouts: Rollouts = None,
    responses: Responses = None,
    beta: Beta = None,
    reference: Reference = None,
    template: Template = None,
    lora: Lora = False,
    qlora: Qlora = False,
    only: Only = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A policy that learns which of its answers are worth more than its others."""
    from train.stages.rl import pg as stage
    from train.stages.settings import Pg

    flags = _flags(model, data, reward, rollouts, responses, beta, reference, template, lora, qlora, only)
    flags |= {"--advantage": ("advantage", advantage), **common(device, precision, seed)}
    resolved = resolve(Pg, recipe, flags, sets)
    where, base = where_to(root, out, resume, force, jobs), folder_of(recipe)
    return _told(
        run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, world, where, screen, base=base))
    )


def ppo(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Prompts = None,
    reward: RewardName = None,
    critic: Annotated[
        str | None, typer.Option("--critic", metavar="MODEL", help="A reward model that the critic begins as.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="DATA", help="Pretraining text learned in the same steps (ptx).")
    ] = None,
    gamma: Annotated[
        float | None, typer.Option("--gamma", min=0, metavar="X", help="The coefficient of that text (27.8).")
    ] = None,
    rollouts: Rollouts = None,
    responses: Responses = None,
    beta: Beta = None,
    reference: Reference = None,
    template: Template = None,
    lora: Lora = False,
    qlora: Qlora = False,
    only: Only = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A policy from rewards, with a critic that says what was to be expected of every token."""
    from train.stages.rl import ppo as stage
    from train.stages.settings import Ppo

    flags = _flags(model, data, reward, rollouts, responses, beta, reference, template, lora, qlora, only)
    flags |= {
        "--critic": ("critic.start", critic),
        "--text": ("ptx.text.source", text),
        "--gamma": ("ptx.gamma", gamma),
        **common(device, precision, seed),
    }
    resolved = resolve(Ppo, recipe, flags, sets)
    where, base = where_to(root, out, resume, force, jobs), folder_of(recipe)
    return _told(
        run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, world, where, screen, base=base))
    )


def _flags(
    model: str | None,
    data: str | None,
    reward: str | None,
    rollouts: int | None,
    responses: int | None,
    beta: float | None,
    reference: str | None,
    template: str | None,
    lora: bool,
    qlora: bool,
    only: list[str] | None,
) -> dict[str, tuple[str, Any]]:
    from train.rewards.named import named_anywhere

    return {
        "--data": ("data.path", None if data is None else str(Path(data).resolve())),
        "--reward": ("reward", None if reward is None else named_anywhere(reward)),
        "--rollouts": ("rollouts", rollouts),
        "--responses": ("responses", responses),
        "--beta": ("kl.coefficient", beta),
        "--reference": ("reference", reference),
        **adapted(model, template, lora, qlora, only),
    }


def _told(result: Result) -> Result:
    """With a table of the first and the last tenth of the rollouts."""
    data: Mapping[str, Any] = result.data
    if not data.get("first"):
        return result
    parts = [name for name in data["first"] if name.startswith("reward.")]
    rows = [[name, data["first"][name], data["last"][name]] for name in (*_SHOWN, *parts)]
    note = f"means over the first and the last tenth of {data['rollouts']:,} rollouts; KL in nats"
    return with_blocks(result, [Table(["what", "first", "last"], rows, "Rollouts", note)])
