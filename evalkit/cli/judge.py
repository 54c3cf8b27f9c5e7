"""`evalkit judge`: one model's answers against a baseline's, by a judge."""

from __future__ import annotations

from pathlib import Path
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
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, Seed, Sets
from workbench.render import Facts

_Answers = "JSON, JSONL or Parquet with instruction, output, generator."


@command("evalkit.judge/1")
def judge(
    screen: Screen,
    outputs: Annotated[Path, typer.Option("--outputs", metavar="FILE", help=f"The model's answers: {_Answers}")],
    baseline: Annotated[Path, typer.Option("--baseline", metavar="FILE", help=f"The baseline's answers: {_Answers}")],
    recipe: RecipeFile = None,
    model: JudgeModel = None,
    endpoint: JudgeEndpoint = None,
    reward: JudgeReward = None,
    recorded: Annotated[
        Path | None, typer.Option("--recorded", metavar="FILE", help="Verdicts given before: AlpacaEval's annotations.")
    ] = None,
    prompt: Prompt = "pair",
    difficulty: Annotated[
        Path | None, typer.Option("--difficulty", metavar="FILE", help="CSV: index, instruction_difficulty.")
    ] = None,
    gamed: Annotated[
        list[Path] | None,
        typer.Option("--gamed", metavar="FILE", help="Judged verbose or concise answers of the baseline; repeatable."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only so many instructions, drawn by the seed.")
    ] = None,
    sets: Sets = None,
    seed: Seed = 0,
    dry_run: DryRun = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    resume: Resume = True,
    force: Force = False,
    cache: Cached = True,
) -> Result:
    """How often a judge prefers the model's answers to the baseline's, and how often it would at equal length."""
    from evalkit.judge import make
    from evalkit.judge.gameability import version
    from evalkit.judge.outputs import draw, match, read_difficulty, read_outputs, read_recorded
    from evalkit.judge.settings import open_judge

    settings = settings_of(recipe, member_of(model, endpoint, reward, recorded, prompt), sets, seed)
    base = read_outputs(baseline)
    matched = match(read_outputs(outputs), base)
    if limit is not None:
        matched = draw(matched, limit, settings.seed)
    hard = None if difficulty is None else read_difficulty(difficulty, list(base.answers))
    versions = [version(*_recorded_pairs(path, read_recorded(path)), hard) for path in gamed or []]
    judges = open_judge(settings, root, [matched.model, matched.baseline], cache=cache)
    try:
        read = [path for path in (outputs, baseline, difficulty, recorded, *(gamed or [])) if path is not None]
        comparison = make.Comparison(settings, judges, matched, read, hard, versions)
        if dry_run:
            planned = judges.forecast(comparison.asked().questions())
            facts = {"judge": judges.name, "pairs": len(matched.duels), **planned.data()}
            return Result(facts, [Facts(list(facts.items()))])
        run = make.compare(comparison, root, out=out, resume=resume, force=force, cache=cache, listener=screen.progress)
    finally:
        judges.close()
    return _told(run.path)


def _recorded_pairs(path: Path, shares: dict[Any, float]) -> tuple[Any, list[float]]:
    from evalkit.judge.outputs import Matched

    return Matched(path.name, "baseline", list(shares), [""] * len(shares)), list(shares.values())


def _told(run: Path) -> Result:
    import json

    from evalkit.judge.make import SUMMARY

    summary = json.loads((run / SUMMARY).read_bytes())
    length, place = summary["controlled"], summary["position"]
    facts: dict[str, Any] = {
        "model": f"{summary['model']} against {summary['baseline']}",
        "judge": summary["judge"]["name"],
        "win rate": _rate(summary["win_rate"], summary["low"], summary["high"]),
        "wins, ties, losses": f"{summary['wins']:,}, {summary['ties']:,}, {summary['losses']:,}",
    }
    if length is not None:
        facts["at equal length"] = _rate(length["rate"], length["low"], length["high"])
    gaming = summary["gameability"]
    if gaming is not None:
        for name, when in (("before", "longest less shortest"), ("after", "at equal length")):
            spread = gaming[name]
            facts[f"gamed: {when}"] = _rate(spread["value"], spread["low"], spread["high"], "points", "+")
    facts["characters"] = f"{summary['average_length']:,.0f} (baseline {summary['baseline_length']:,.0f})"
    if place is not None:
        first, same = place["first"], place["consistent"]
        facts["shown first"] = _rate(100 * first["value"], 100 * first["low"], 100 * first["high"], "points", "+")
        facts["orders agree"] = _rate(100 * same["value"], 100 * same["low"], 100 * same["high"])
    if summary["unscored"] or summary["missing"]:
        facts["without a verdict"] = f"{summary['unscored']:,}, and {summary['missing']:,} not answered"
    for error, count in summary["errors"].items():
        facts[f"{count:,} times"] = error
    errors = []
    if summary["failed"]:
        message = f"{summary['failed']:,} of {summary['total'] + summary['unscored']:,} pairs could not be judged"
        hint = "--force asks again for what failed, and for nothing else"
        errors.append(UserError(message, hint=hint, code=Exit.PARTIAL))
    code = Exit.PARTIAL if errors else Exit.OK
    return Result(summary, [Facts(list(facts.items())), f"run: {run}"], run, code=code, errors=errors)


def _rate(value: float | None, low: float | None, high: float | None, unit: str = "%", sign: str = "") -> str:
    if value is None:
        return "unknown"
    between = "" if low is None or high is None else f"  [{low:{sign}.2f}, {high:{sign}.2f}]"
    return f"{value:{sign}.2f} {unit}{between}"
