"""`curate mix`: from a finished run to how often each of its documents is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, RunName, Seed, Sets
from workbench.render import Block, Facts, Table, percent

if TYPE_CHECKING:
    from curate.mix.methods import Phase
    from curate.mix.plan import Plan
    from curate.mix.regression import Answer

MixFile = Annotated[
    Path | None, typer.Argument(metavar="[MIX.yaml]", help="Groups, weights and phases; default: natural, by language.")
]
_ROWS = 40


@command("curate.mix/1")
def mix(
    screen: Screen,
    run: RunName,
    file: MixFile = None,
    out: Out = None,
    seed: Seed | None = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """How much of each group: weights by a method, the plan to the document, and the sample as a child run."""
    from curate.ask.finished import FinishedRun
    from curate.mix import plan as plans
    from curate.mix import recipe, write
    from curate.mix.groups import read_documents
    from curate.mix.trials import inputs

    parent = FinishedRun.open(run, root)
    mixing = recipe.load(file, sets or [], seed)
    plan = plans.make(read_documents(parent, mixing))
    for phase in plan.phases:
        for note in phase.notes:
            screen.warn(f"phase {phase.name}: {note}")
    data = {"counts": write.counts(plan), "phases": [_data(phase) for phase in plan.phases]}
    if dry_run:
        return Result(data, _blocks(plan, parent.tokenizer))
    done = write.write(parent, plan, inputs(mixing), out=out, root=root, force=force, attach=screen.attach)
    return Result(
        {**data, "was_done": done.was_done},
        [*_blocks(plan, parent.tokenizer), f"written to {done.run.path}"],
        done.run.path,
    )


def _data(phase: Phase) -> dict[str, Any]:
    taken = int(phase.groups["tokens_taken"].sum())
    found: dict[str, Any] = {
        "phase": phase.name,
        "method": phase.mixture.method,
        "tokens_wanted": phase.budget,
        "tokens_taken": taken,
        "groups": phase.groups.to_dicts(),
    }
    if phase.answer is not None:
        answer = phase.answer
        found["regression"] = {
            "predicted": answer.predicted,
            "predicted_interval": [answer.predicted_low, answer.predicted_high],
            "best_trial": answer.best_trial,
            "models": [
                {"name": one.name, "r2": one.r2, "rank_correlation": one.rank_correlation} for one in answer.qualities
            ],
            "at_edge": answer.at_edge,
            "weights": [
                {"group": group, "weight": weight, "interval": [low, high]}
                for group, weight, low, high in zip(
                    answer.groups, answer.weights.tolist(), answer.low.tolist(), answer.high.tolist(), strict=True
                )
            ],
        }
    return found


def _blocks(plan: Plan, tokenizer: str | None) -> list[Block]:
    blocks: list[Block] = []
    for phase in plan.phases:
        blocks.append(_table(phase, tokenizer))
        if phase.answer is not None:
            blocks += _regression(phase.answer)
    if len(plan.phases) > 1:
        blocks.append(Facts([("most copies of one document, all phases", plan.most_copies)]))
    return blocks


def _table(phase: Phase, tokenizer: str | None) -> Table:
    import polars as pl

    from curate.tokens import label

    shown = phase.groups.sort("tokens_wanted", "group", descending=[True, False])
    told = shown.head(_ROWS).with_columns(
        pl.col("weight").map_elements(percent, pl.String), pl.col("tokens_wanted").round().cast(pl.Int64)
    )
    rows = told.select(
        "group",
        "documents_available",
        "tokens_available",
        "weight",
        "tokens_wanted",
        "epochs",
        "documents_taken",
        "copies",
        "tokens_taken",
    ).rows()
    taken = int(phase.groups["tokens_taken"].sum())
    more = f"; {shown.height - _ROWS} smaller groups not shown" if shown.height > _ROWS else ""
    share = percent(taken / phase.budget)
    note = f"{phase.budget:,.0f} {label(tokenizer)} wanted, {taken:,} taken ({share}), all counted{more}"
    heads = ["group", "documents", "tokens", "weight", "wanted", "epochs", "taken", "copies", "tokens taken"]
    return Table(heads, rows, f"phase {phase.name}: {phase.mixture.method}", note)


def _regression(answer: Answer) -> list[Block]:
    chosen = answer.qualities[0]
    facts: list[tuple[str, Any]] = [
        ("model", chosen.name),
        ("cross-validated", f"R2 {chosen.r2:.3f}, rank correlation {chosen.rank_correlation:.3f}"),
        ("predicted", f"{answer.predicted:.4f} (90 %: {answer.predicted_low:.4f} to {answer.predicted_high:.4f})"),
        ("best trial", f"{answer.best_trial:.4f}"),
    ]
    if answer.at_edge:
        facts.append(("at the edge of what was tried", ", ".join(answer.at_edge)))
    rows = [
        [group, percent(weight), percent(low), percent(high)]
        for group, weight, low, high in zip(answer.groups, answer.weights, answer.low, answer.high, strict=True)
    ]
    return [Facts(facts), Table(["group", "weight", "low", "high"], rows, "Weights, with 90 % interval")]
