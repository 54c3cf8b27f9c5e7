"""`train bestofn`: the best of n responses by any reward, and what more of them would bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.cli.use import (
    Base,
    Best,
    Device,
    MaxNew,
    MinP,
    Model,
    Precision,
    Stop,
    Temperature,
    Template,
    TopK,
    TopP,
    _open,
)
from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.options import DEFAULT_ROOT, Force, Resume, Root, Seed, Sets
from workbench.render import Table, count

REWARD = "A file of rewards (YAML), a train reward run, or a rule without settings: arithmetic, repetition."

if TYPE_CHECKING:
    from train.rewards.cut import WithoutEnd


@command("train.bestofn/1")
def bestofn(
    screen: Screen,
    model: Model,
    prompts: Annotated[
        Path, typer.Option("--prompts", metavar="FILE", help="Rows with `prompt`, or as for train sft.")
    ],
    reward: Annotated[str, typer.Option("--reward", metavar="NAME", help=REWARD)],
    number: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Responses to each prompt.")] = 8,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write best.jsonl of the run here, too.")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option("--at-least", metavar="X", help="Write only prompts whose best scores as much.")
    ] = None,
    without_end: Annotated[
        str,
        typer.Option(
            "--without-end", metavar="RULE", help="Score of what was cut off: lowest (of all), reward, or a number."
        ),
    ] = "lowest",
    text: Annotated[bool, typer.Option("--text", help="Prompts are texts to go on from, not turns of a user.")] = False,
    max_new: MaxNew = 256,
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    stop: Stop = None,
    seed: Seed = 0,
    rows: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Sequences at a time.")] = 64,
    sets: Sets = None,
    best: Best = False,
    base: Base = None,
    template: Template = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    root: Root = DEFAULT_ROOT,
    resume: Resume = True,
    force: Force = False,
) -> Result:
    """The best of n responses to each prompt by a reward, as a run; --set changes the reward's settings."""
    import math

    from train.rewards.bestofn import BEST, Settings, make
    from train.rewards.files import prompts_of
    from train.rewards.named import read_reward
    from train.rewards.open import open_reward
    from train.sampler import Params
    from workbench.files import write_text

    params = Params(max_new, temperature, top_k, top_p, min_p, tuple(stop or ()))
    lowest = -math.inf if at_least is None else at_least
    settings = Settings(number, seed, not text, rows, _rule(without_end), lowest)
    wanted, folder = read_reward(reward, sets or [])
    judge = open_reward(wanted, root, base=folder, name=Path(reward).stem)
    try:
        asked = prompts_of(prompts)
        opened = _open(model, root, device, precision, best, base, template)
        run, data = make(
            opened,
            asked,
            judge,
            params,
            settings,
            root,
            named=prompts.name,
            resume=resume,
            force=force,
            listener=screen.progress,
        )
    finally:
        judge.close()
    if data["dropped"]:
        named = "; ".join(data["dropped_first"])
        screen.warn(f"{data['dropped']:,} prompts have no room in the context and are left out, such as: {named}")
    written = run.path / BEST
    if out is not None:
        write_text(out, written.read_bytes().decode())
        written = out
    note = "unbiased, over all subsets of n; KL: the most that the best of n is away from the policy, in nats"
    table = Table(
        ["n", "reward", "±", "KL at most"],
        [[point["n"], point["reward"], point["interval"], point["kl"]] for point in data["curve"]],
        f"Best of n over {count(data['prompts'])} prompts",
        note,
    )
    said = f"{count(data['kept'])} of {count(data['prompts'])} prompts in {written}"
    return Result({**data, "out": str(written)}, [table, said, f"run: {run.path}"], run.path)


def _rule(text: str) -> WithoutEnd:
    """`--without-end`: a rule by its name, or a number."""
    import math

    rules: dict[str, WithoutEnd] = {"lowest": "lowest", "reward": "reward"}
    if text in rules:
        return rules[text]
    try:
        if math.isfinite(value := float(text)):
            return value
    except ValueError:
        pass
    raise UserError(f"--without-end is no score: {text}", hint="lowest, reward, or a number")
