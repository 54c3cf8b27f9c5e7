"""`evalkit arena`: pairs of answers, votes on them, and the board that follows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, RunName, Seed
from workbench.render import Block, Facts, Table

if TYPE_CHECKING:
    from evalkit.arena.ballots import Ballot
    from evalkit.arena.pairs import Pair

_Votes = Annotated[
    list[Path] | None,
    typer.Option("--votes", metavar="FILE", help="Votes from files too: JSONL with pair (or models) and vote."),
]


@command("evalkit.arena.pairs/1")
def pairs(
    screen: Screen,
    outputs: Annotated[
        list[Path],
        typer.Option("--outputs", metavar="FILE", help="One model's answers: instruction, output, generator."),
    ],
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Pairs to draw.")] = 100,
    uncertain: Annotated[
        str | None,
        typer.Option("--uncertain", metavar="RUN", help="Draw where the board of this arena is least certain."),
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option("--gold", metavar="FILE", help="Pairs to check raters by: instruction, better, worse."),
    ] = None,
    seed: Seed = 0,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
) -> Result:
    """Draw pairs of answers to vote on, the same for everybody."""
    from evalkit.arena.pairs import draw_pairs, gold_pairs, write_pairs
    from evalkit.judge.outputs import read_outputs

    read = [read_outputs(path) for path in outputs]
    weights = None if uncertain is None else _weights(uncertain, [one.model for one in read], root)
    drawn = draw_pairs(read, number, seed, weights)
    settings = {"number": number, "seed": seed, "uncertain": uncertain}
    known = [] if gold is None else gold_pairs(gold)
    run = write_pairs(read, drawn, settings, root, gold=known, out=out, force=force)
    if len(drawn) < number:
        screen.warn(f"there are only {len(drawn):,} pairs to draw from")
    facts = {"pairs": len(drawn), "gold": len(known), "models": [one.model for one in read]}
    shown = [("pairs", f"{len(drawn):,}"), ("models", ", ".join(one.model for one in read))]
    if known:
        shown.append(("pairs to check raters by", f"{len(known):,}"))
    return Result(facts, [Facts(shown), f"run: {run.path}"], run.path)


def _weights(name: str, models: list[str], root: Path) -> Any:
    """What a vote on each pair of `models` is worth by the board of an arena."""
    import numpy as np

    from evalkit.arena.board import uncertain_pairs
    from evalkit.arena.ratings import components, fit
    from evalkit.arena.result import arena

    ballots, _ = _ballots(name, None, root)
    found = arena(ballots)
    if len(set(components(found.battles, len(found.players)).tolist())) > 1:
        return None  # as long as some cannot be compared, every pair is worth the same
    worth = uncertain_pairs(fit(found.battles, found.players))
    place = {player: number for number, player in enumerate(found.players)}
    new = [model for model in models if model not in place]
    if new:
        raise UserError(f"{name} has no votes on {', '.join(new)}", hint="draw uniformly first: leave --uncertain out")
    order = [place[model] for model in models]
    return np.asarray(worth)[np.ix_(order, order)]


@command("evalkit.arena.judge/1")
def judge(
    screen: Screen,
    run: RunName,
    recipe: RecipeFile = None,
    model: JudgeModel = None,
    endpoint: JudgeEndpoint = None,
    reward: JudgeReward = None,
    prompt: Prompt = "pair",
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Votes are written here, as JSONL.")] = Path(
        "votes.jsonl"
    ),
    seed: Seed = 0,
    dry_run: DryRun = False,
    root: Root = DEFAULT_ROOT,
    cache: Cached = True,
) -> Result:
    """Let a judge vote on an arena's pairs, each in both orders; the board takes the file with --votes."""
    import json
    from tempfile import TemporaryDirectory

    from evalkit.arena.pairs import read_pairs
    from evalkit.judge.duels import VERDICTS, Asked, judge_all
    from evalkit.judge.settings import open_judge
    from evalkit.judge.types import Duel
    from workbench import registry
    from workbench.files import write_text

    settings = settings_of(recipe, member_of(model, endpoint, reward, None, prompt), None, seed)
    drawn = read_pairs(registry.find(run, root))
    models = sorted({name for pair in drawn for name in (pair.model_a, pair.model_b)})
    judges = open_judge(settings, root, models, cache=cache)
    try:
        asked = Asked.of([Duel(pair.prompt, pair.output_a, pair.output_b) for pair in drawn], judges, settings.order)
        if dry_run:
            planned = judges.forecast(asked.questions())
            told = {"judge": judges.name, "pairs": len(drawn), **planned.data()}
            return Result(told, [Facts(list(told.items()))])
        with TemporaryDirectory() as scratch:
            found = judge_all(asked, judges, (root if cache else Path(scratch)) / VERDICTS)
    finally:
        judges.close()
    lines, failed = [], 0
    for pair, one in zip(drawn, found, strict=True):
        if one.error is not None:
            failed += 1
            continue
        # A judge that turns with the order has no opinion: both orders together must lean to one side.
        vote = "tie" if abs(one.share - 0.5) < 0.05 else "b" if one.share > 0.5 else "a"
        lines.append(json.dumps({"pair": pair.id, "vote": vote, "rater": f"judge:{judges.name}", "share": one.share}))
    write_text(out, "".join(f"{line}\n" for line in lines))
    facts = {"votes": len(lines), "failed": failed, "file": str(out), "judge": judges.name}
    errors = []
    if failed:
        hint = "run the same command again: what was judged is kept"
        errors.append(UserError(f"{failed:,} of {len(drawn):,} pairs have no vote", hint=hint, code=Exit.PARTIAL))
    code = Exit.PARTIAL if errors else Exit.OK
    return Result(facts, [Facts(list(facts.items()))], code=code, errors=errors)


@command("evalkit.arena.board/1")
def board(
    screen: Screen,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="An arena whose votes count.")] = None,
    votes: _Votes = None,
    ties: Annotated[
        str, typer.Option("--ties", metavar="FORM", help="half, or davidson: a chance of their own.")
    ] = "half",
    style: Annotated[
        bool, typer.Option("--style", help="What would be if answers looked alike and were as long.")
    ] = False,
    raters: Annotated[str, typer.Option("--raters", metavar="WHO", help="all, people or judges.")] = "all",
    draws: Annotated[int, typer.Option("--draws", min=0, metavar="N", help="Resamples of the bootstrap.")] = 200,
    seed: Seed = 0,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Rank models by votes: strengths with intervals, possible ranks, agreement, and the votes still needed."""
    from evalkit.arena.result import arena, result
    from workbench.errors import did_you_mean

    for value, known in ((ties, ("half", "davidson")), (raters, ("all", "people", "judges"))):
        if value not in known:
            raise UserError(f"'{value}' is not one of {', '.join(known)}", hint=did_you_mean(value, known))
    ballots, drawn = _ballots(run, votes, root)
    if raters != "all":
        ballots = [ballot for ballot in ballots if ballot.judge == (raters == "judges")]
    found = result(arena(ballots, drawn, control_style=style), ties=ties, draws=draws, seed=seed)  # type: ignore[arg-type]
    return Result(found, list(_shown(found)))


@command("evalkit.arena.export/1")
def export(
    screen: Screen,
    run: RunName,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Preferences are written here, as JSONL.")],
    votes: _Votes = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Write an arena's votes as preferences that `train reward` and `train dpo` read."""
    import json

    from evalkit.arena.ballots import preferences
    from workbench.files import write_text

    ballots, drawn = _ballots(run, votes, root)
    rows, without = preferences(ballots, drawn)
    if not rows:
        counted = f"{without:,} votes, all on pairs that it does not have" if without else "no votes"
        hint = "vote on its pairs in the dashboard, or name files with --votes"
        raise UserError(f"{run} has {counted}: there is nothing to export", hint=hint, code=Exit.INPUT)
    write_text(out, "".join(json.dumps(row) + "\n" for row in rows))
    facts = {"preferences": len(rows), "votes without answers": without, "file": str(out)}
    return Result(facts, [Facts(list(facts.items()))])


def _ballots(run: str | None, files: list[Path] | None, root: Path) -> tuple[list[Ballot], list[Pair]]:
    """All ballots of an arena and of files, and the arena's pairs."""
    from evalkit.arena.ballots import of_people, read_ballots
    from evalkit.arena.pairs import read_pairs
    from workbench.people import FILE, People
    from workbench.runs import Run

    if run is None and not files:
        raise UserError("no votes", hint="name an arena's run, or --votes FILE")
    found: list[Ballot] = []
    drawn: list[Pair] = []
    if run is not None:
        opened = Run.open(run, root)
        drawn = read_pairs(opened.path)
        if (root / FILE).is_file():
            with People(root) as people:
                found, _ = of_people(people.votes(opened.id), drawn)
    for path in files or []:
        found += read_ballots(path, drawn)
    return found, drawn


def _shown(found: dict[str, Any]) -> list[Block]:
    """The board for people."""
    blocks: list[Block] = []
    for one in found["boards"]:
        rows = [
            (
                f"{line['best']}" if line["best"] == line["worst"] else f"{line['best']}-{line['worst']}",
                line["player"],
                f"{line['rating']:.0f}",
                f"{line['low']:.0f} to {line['high']:.0f}",
                f"{line['elo']:.0f}",
                f"{line['votes']:,}",
            )
            for line in one["lines"]
        ]
        blocks.append(Table(("rank", "model", "rating", "95 %", "Elo", "votes"), rows))
        neighbours = [
            (
                f"{pair['above']} over {pair['below']}",
                f"{100 * pair['chance']:.0f} %",
                "told apart" if pair["votes_needed"] == 0 else _votes(pair["votes_needed"]),
            )
            for pair in one["neighbours"]
        ]
        if neighbours:
            blocks.append(Table(("neighbours", "wins", "votes to tell apart"), neighbours))
        if one.get("style"):
            effects = [(each["name"], f"{each['effect']:+.3f}", f"{each['error']:.3f}") for each in one["style"]]
            blocks.append(Table(("style", "effect", "error"), effects))
    facts: list[tuple[str, Any]] = [
        ("votes", f"{found['votes']:,} ({found['ties']:,} ties)"),
        ("prompts", found["prompts"]),
    ]
    if not found["connected"]:
        facts.append(
            ("not comparable", "some models never lost to the others, or never met them: a board for each group")
        )
    alpha = found["agreement"]["alpha"]
    if alpha is not None:
        facts.append(("raters agree", f"alpha {alpha['value']:.2f} [{alpha['low']:.2f}, {alpha['high']:.2f}]"))
    for name, said in found["agreement"]["judges"].items():
        kappa = said["kappa"]
        told = (
            f"kappa {kappa['value']:.2f} [{kappa['low']:.2f}, {kappa['high']:.2f}], {100 * said['same']['value']:.0f} %"
        )
        facts.append((f"{name} with people", f"{told} of {kappa['n']:,}"))
    left = found["left"]
    if left is not None:
        facts.append(("left wins", f"{100 * left['value']:.1f} % [{100 * left['low']:.1f}, {100 * left['high']:.1f}]"))
    return [*blocks, Facts(facts)]


def _votes(needed: int | None) -> str:
    return "more than there will be" if needed is None else f"{needed:,}"
