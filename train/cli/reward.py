"""`train reward`: a reward model from preferences, and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from train.cli.stages import (
    Device,
    From,
    Lora,
    Only,
    Precision,
    Qlora,
    RecipeFile,
    common,
    resolve,
    run_stage,
    where_to,
)
from workbench.console import Result, Screen
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, Seed, Sets
from workbench.render import Block, Facts, Table


def reward(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE", help="Rankings, pairs, scores, thumbs or votes; may be repeated."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="NAME", help="How conversations are written: chatml, oasst ..."),
    ] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", metavar="N", help="How often each is read.")] = None,
    heads: Annotated[int | None, typer.Option("--heads", min=1, metavar="N", help="Heads of an ensemble.")] = None,
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
    """A checkpoint taught to say which answer people prefer."""
    from train.stages.reward import reward as stage
    from train.stages.settings import Reward

    flags = {
        "--from": ("checkpoint", model),
        "--data": ("data.sets", [{"path": str(Path(path).resolve())} for path in data] if data else None),
        "--template": ("data.template", template),
        "--epochs": ("epochs", epochs),
        "--heads": ("heads", heads),
        "--only": ("only", only or None),
        "--lora": ("lora", {} if lora or qlora else None),
        "--qlora": ("lora.quantise", True if qlora else None),
        **common(device, precision, seed),
    }
    resolved = resolve(Reward, recipe, flags, sets)
    where = where_to(root, out, resume, force, None)
    base = recipe.parent if recipe is not None else Path()
    result = run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, where, screen, base=base))
    told = list(result.blocks or [])
    blocks = _blocks(result.data["report"]) if result.data.get("report") else []
    return Result(result.data, [*told[:-1], *blocks, *told[-1:]], result.run, result.code, result.errors)


def _blocks(report: dict[str, Any]) -> list[Block]:
    found = report["held_out"]
    length, again = found["length"], found["repetition"]
    low, high = found["accuracy_interval"]
    facts: list[tuple[str, Any]] = [
        ("accuracy", f"{found['accuracy']:.3f} ({low:.3f} to {high:.3f}), {found['pairs']:,} pairs"),
        ("loss", f"{found['loss']:.4f} nats a pair (0.6931 without knowing anything)"),
        ("calibration error", found["calibration"]["error"]),
        ("score with length, within prompts", length["correlation_within_prompts"]),
        ("prefers the longer: model, raters", f"{_share(length, 'model')}, {_share(length, 'raters')}"),
        ("score with repetition, within prompts", again["correlation_within_prompts"]),
        ("said twice beats said once", report["doubled_wins"]),
    ]
    if found["head_spread"] is not None:
        facts.append(("spread of the heads", found["head_spread"]))
    bins = [each for each in found["calibration"]["bins"] if each["pairs"]]
    rows = [[f"{each['from']:.2f} to {each['to']:.2f}", each["pairs"], each["said"], each["right"]] for each in bins]
    note = "how sure the model says it is of the better one, and how often raters agree"
    return [Facts(facts, "Held-out pairs"), Table(["P(a > b)", "pairs", "said", "right"], rows, "Calibration", note)]


def _share(length: dict[str, Any], who: str) -> str:
    value = length[f"{who}_prefer{'s' if who == 'model' else ''}_longer"]
    return "-" if value is None else f"{value:.3f}"
