"""`evalkit grade`: a judge grades a model's answers, turn by turn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.judging import Cached, JudgeEndpoint, JudgeModel, RecipeFile, member_of, settings_of
from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, Seed, Sets
from workbench.render import Block, Facts, Table


@command("evalkit.grade/1")
def grade(
    screen: Screen,
    questions: Annotated[
        Path, typer.Option("--questions", metavar="FILE", help="JSONL: question_id, category, turns (a list of texts).")
    ],
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Who answers, as in `evalkit run`.")],
    recipe: RecipeFile = None,
    judge: JudgeModel = None,
    endpoint: JudgeEndpoint = None,
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="NAME", help="score, or a YAML file of your own.")
    ] = "score",
    max_new: Annotated[int, typer.Option("--max-new", min=1, metavar="N", help="Tokens of an answer at most.")] = 1024,
    sets: Sets = None,
    seed: Seed = 0,
    dry_run: DryRun = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
    cache: Cached = True,
) -> Result:
    """Let a judge grade answers from 1 to 10: MT-bench's conversations of two turns, or any others."""
    import json

    from evalkit.judge import settings as judges
    from evalkit.judge.grade import SUMMARY, Grading, forecast, read_questions
    from evalkit.judge.grade import grade as make
    from evalkit.judge.mask import Mask
    from evalkit.judge.prompt import open_prompt
    from evalkit.models.open import open_model
    from evalkit.models.types import Decoding

    chosen = settings_of(recipe, member_of(judge, endpoint, None, None, prompt), sets, seed)
    member = chosen.judges[0]
    if len(chosen.judges) != 1 or member.voice is None:
        raise UserError("grades are given by one judge that reads", hint="--judge MODEL or --endpoint URL#NAME")
    asked = read_questions(questions)
    opened = open_model(model, root=root, cache=cache)
    try:
        voice = judges.open_voice(member.voice, root, cache=cache)
        try:
            # A server's model is named behind the #, a checkpoint by its folder.
            mask = Mask([opened.name, re.split("[#/]", opened.name)[-1]], active=chosen.mask)
            decoding = Decoding(max_new=max_new)
            grading = Grading(asked, questions, opened, voice, open_prompt(member.prompt), mask, decoding, chosen.seed)
            if dry_run:
                planned = forecast(grading)
                facts = [("answers", planned["answers"]), ("cost", planned["cost"])]
                asks = [(who, planned[who]["requests"]) for who in ("model", "judge")]
                return Result(planned, [Facts([*facts, *((f"requests to the {who}", many) for who, many in asks)])])
            run = make(grading, root, out=out, force=force, cache=cache)
        finally:
            voice.close()
    finally:
        opened.close()
    summary = json.loads((run.path / SUMMARY).read_bytes())
    errors = []
    if summary["failed"]:
        hint = "--force asks again for what failed, and for nothing else"
        errors.append(UserError(f"{summary['failed']:,} answers have no grade", hint=hint, code=Exit.PARTIAL))
    code = Exit.PARTIAL if errors else Exit.OK
    return Result(summary, [*_shown(summary), f"run: {run.path}"], run.path, code=code, errors=errors)


def _shown(summary: dict[str, Any]) -> list[Block]:
    turns = list(summary["turns"])
    rows = [
        (name or "all", *(_told(part["turns"][turn]) for turn in turns), _told(part["all"]), part["all"]["n"])
        for name, part in summary["categories"].items()
    ]
    rows.append(("all", *(_told(summary["turns"][turn]) for turn in turns), _told(summary["all"]), summary["all"]["n"]))
    facts = [("model", summary["model"]), ("judge", summary["judge"]["name"])]
    header = ("category", *(f"turn {turn}" for turn in turns), "mean, 95 %", "answers")
    return [Facts(facts), Table(header, rows), *([Facts(list(summary["errors"].items()))] if summary["errors"] else [])]


def _told(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "unknown"
    between = "" if estimate["low"] is None else f" [{estimate['low']:.2f}, {estimate['high']:.2f}]"
    return f"{estimate['value']:.2f}{between}"
