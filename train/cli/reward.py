"""`train reward`: a reward model from preferences, and what is known of it."""

from __future__ import annotations

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
from workbench.render import Block, Facts, Table


def reward(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE", help="Rankings, pairs, scores, thumbs or votes; may be repeated."),
    ] = None,
    template: Template = None,
    epochs: Epochs = None,
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
        "--data": sets_of(data),
        "--epochs": ("epochs", epochs),
        "--heads": ("heads", heads),
        **adapted(model, template, lora, qlora, only),
        **common(device, precision, seed),
    }
    resolved = resolve(Reward, recipe, flags, sets)
    where = where_to(root, out, resume, force, None)
    base = folder_of(recipe)
    result = run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, where, screen, base=base))
    return with_blocks(result, _blocks(result.data["report"]) if result.data.get("report") else [])


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
