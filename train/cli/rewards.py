"""`train bestofn`: the best of n responses by any reward, and what more of them would bring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from workbench.options import DEFAULT_ROOT, Root, Seed, Sets
from workbench.render import Table, count


@command("train.bestofn/1")
def bestofn(
    screen: Screen,
    model: Model,
    prompts: Annotated[
        Path, typer.Option("--prompts", metavar="FILE", help="Rows with `prompt`, or as for train sft.")
    ],
    reward: Annotated[Path, typer.Option("--reward", metavar="FILE", help="YAML with the parts of the reward.")],
    number: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Responses to each prompt.")] = 8,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write JSONL: the best, and all with scores.")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option("--at-least", metavar="X", help="Write only prompts whose best scores as much.")
    ] = None,
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
) -> Result:
    """The best of n responses to each prompt by a reward; --set changes the reward's settings."""
    import json
    import math

    from train.rewards.bestofn import curve, draw
    from train.rewards.files import prompts_of
    from train.rewards.open import open_reward, read_settings
    from train.sampler import Params
    from workbench.files import write_text

    params = Params(max_new, temperature, top_k, top_p, min_p, tuple(stop or ()))
    judge = open_reward(read_settings(reward, sets or []), root, base=reward.parent, name=reward.stem)
    try:
        asked = prompts_of(prompts)
        opened = _open(model, root, device, precision, best, base, template)
        found = draw(opened, asked, judge, params, n=number, seed=seed, chat=not text, rows=rows)
    finally:
        judge.close()
    if found.dropped:
        named = "; ".join(found.dropped[:3])
        screen.warn(f"{len(found.dropped):,} prompts have no room in the context and are left out, such as: {named}")
    written = found.rows(-math.inf if at_least is None else at_least)
    if out is not None:
        write_text(out, "".join(json.dumps(row, ensure_ascii=False, default=list) + "\n" for row in written))
    points = curve(found.scores)
    data = {
        "model": str(opened.directory),
        "digest": opened.digest,
        "reward": judge.digest,
        "prompts": len(found.prompts),
        "dropped": len(found.dropped),
        "kept": len(written),
        "tokens": found.tokens,
        "curve": [point._asdict() for point in points],
        "parts": {name: float(values.mean()) for name, values in found.parts.items()},
        "out": None if out is None else str(out),
    }
    note = "unbiased, over all subsets of n; KL: the most that the best of n is away from the policy, in nats"
    table = Table(
        ["n", "reward", "±", "KL at most"],
        [[point.n, point.reward, point.interval, point.kl] for point in points],
        f"Best of n over {count(len(found.prompts))} prompts",
        note,
    )
    said = [] if out is None else [f"{count(len(written))} of {count(len(found.prompts))} prompts in {out}"]
    return Result(data, [table, *said])
