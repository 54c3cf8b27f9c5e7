"""`train dpo`: a policy from preferences, and how much better it tells answers apart than before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from train.cli.stages import (
    Device,
    Epochs,
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
    sets_of,
    where_to,
    with_blocks,
)
from workbench.console import Result, Screen
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, Seed, Sets
from workbench.render import Table

_SHOWN = ("accuracy", "likelier", "likelier_mean", "margin", "reward_chosen", "reward_rejected", "loss")


def dpo(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE", help="Pairs, rankings, scores, thumbs or votes; may be repeated."),
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", metavar="NAME", help="sigmoid (DPO), ipo, hinge, simpo, orpo, kto ...")
    ] = None,
    beta: Annotated[
        float | None, typer.Option("--beta", metavar="X", help="How dear it is to leave the reference.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="MODEL", help="Default: the checkpoint that it begins from.")
    ] = None,
    template: Template = None,
    epochs: Epochs = None,
    lora: Lora = False,
    qlora: Qlora = False,
    only: Only = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A checkpoint taught to prefer the answers that people prefer."""
    from train.stages.dpo import dpo as stage
    from train.stages.settings import Dpo

    flags = {
        "--data": sets_of(data),
        "--loss": ("loss.name", loss),
        "--beta": ("loss.beta", beta),
        "--reference": ("reference", reference),
        "--epochs": ("epochs", epochs),
        **adapted(model, template, lora, qlora, only),
        **common(device, precision, seed),
    }
    resolved = resolve(Dpo, recipe, flags, sets)
    where = where_to(root, out, resume, force, None)
    base = folder_of(recipe)
    result = run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, where, screen, base=base))
    return with_blocks(result, _compared(result.data) if result.data.get("measured") else [])


def _compared(data: Mapping[str, Any]) -> list[Table]:
    """Held-out figures before and after."""
    before = {row["part"]: row for row in data.get("measured_before", [])}
    rows = [
        [row["part"] or "all", name, before.get(row["part"], {}).get(name), row[name]]
        for row in data["measured"]
        for name in _SHOWN
        if name in row
    ]
    note = (
        "better answers with the higher reward, beta (log p - log reference), and with the higher log p; mean: a token"
    )
    return [Table(["part", "what", "before", "after"], rows, "Held-out answers", note)]
