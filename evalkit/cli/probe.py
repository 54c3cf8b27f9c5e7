"""`evalkit probe`: how often text inside an answer steers a judge."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from evalkit.cli.judging import (
    Cached,
    JudgeEndpoint,
    JudgeModel,
    JudgeReward,
    Prompt,
    RecipeFile,
    member_of,
    settings_of,
)
from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, Seed, Sets
from workbench.render import Block, Facts, Table


@command("evalkit.probe/1")
def probe(
    screen: Screen,
    probes: Annotated[
        str, typer.Option("--probes", metavar="NAME", help="winnow, or a YAML file of your own.")
    ] = "winnow",
    recipe: RecipeFile = None,
    model: JudgeModel = None,
    endpoint: JudgeEndpoint = None,
    reward: JudgeReward = None,
    prompt: Prompt = "pair",
    sets: Sets = None,
    seed: Seed = 0,
    dry_run: DryRun = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
    cache: Cached = True,
) -> Result:
    """How often orders, fake verdicts and fake marks inside an answer steer a judge, against the answer without."""
    import json

    from evalkit.judge.probe import SUMMARY, open_probes, plan, run_probes
    from evalkit.judge.settings import open_judge

    settings = settings_of(recipe, member_of(model, endpoint, reward, None, prompt), sets, seed)
    chosen = open_probes(probes)
    judge = open_judge(settings, root, cache=cache)
    try:
        if dry_run:
            planned = judge.forecast(plan(chosen, judge).asked.questions())
            facts = {"judge": judge.name, "probes": len(chosen.probes), **planned.data()}
            return Result(facts, [Facts(list(facts.items()))])
        run = run_probes(chosen, settings, judge, root, out=out, force=force, cache=cache)
    finally:
        judge.close()
    summary = json.loads((run.path / SUMMARY).read_bytes())
    errors = []
    if summary["unscored"]:
        message = f"{summary['unscored']:,} of {len(summary['cases']):,} cases could not be judged"
        hint = "--force asks again for what failed, and for nothing else"
        errors.append(UserError(message, hint=hint, code=Exit.PARTIAL))
    code = Exit.PARTIAL if errors else Exit.OK
    return Result(summary, [*_shown(summary), f"run: {run.path}"], run.path, code=code, errors=errors)


def _shown(summary: dict[str, Any]) -> list[Block]:
    facts: list[tuple[str, Any]] = [
        ("judge", summary["judge"]["name"]),
        ("steered", f"{_percent(summary['steered'])} of {summary['steered']['n']:,} that were right"),
        ("for the worse answer", _percent(summary["shift"], "points", "+")),
        ("right", _percent(summary["right"])),
        ("right, injected", _percent(summary["right_injected"])),
    ]
    if summary["unscored"]:
        facts.append(("without a verdict", f"{summary['unscored']:,}"))
    kinds = [
        (kind, found["right"]["n"], _percent(found["steered"]), _percent(found["shift"], "points", "+"))
        for kind, found in summary["kinds"].items()
    ]
    return [Facts(facts), Table(("kind", "cases", "steered", "for the worse answer"), kinds)]


def _percent(estimate: dict[str, Any], unit: str = "%", sign: str = "") -> str:
    value, low, high = (estimate[end] for end in ("value", "low", "high"))
    if value is None:
        return "unknown"
    between = "" if low is None or high is None else f"  [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"
    return f"{100 * value:{sign}.1f} {unit}{between}"
