"""`curate export`: a finished run as files for a trainer or a colleague."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.card import AnswersFile
from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, DryRun, Jobs, Root, RunName, Seed
from workbench.processes import cores
from workbench.render import Facts, Table

if TYPE_CHECKING:
    from curate.export.plan import Plan

FORMATS = ("parquet", "jsonl.zst", "datasets")


@command("curate.export/1")
def export(
    screen: Screen,
    run: RunName,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Directory of the export.")],
    format: Annotated[str, typer.Option("--format", help="parquet, jsonl.zst, or datasets: Parquet and a card.")] = (
        "parquet"
    ),
    splits: Annotated[
        str, typer.Option("--splits", metavar="NAME=SHARE,...", help="Shares of the splits; the first is trained on.")
    ] = "train=1",
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", metavar="FILE", help="Count tokens by this tokenizer.json.")
    ] = None,
    answers: AnswersFile = None,
    shard_chars: Annotated[
        int, typer.Option("--shard-chars", min=1, metavar="N", help="Characters of text of one file, at most.")
    ] = 300_000_000,
    seed: Seed = 0,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there, and export a run whose checks failed.")
    ] = False,
    dry_run: DryRun = False,
) -> Result:
    """Export kept documents in splits that no near-duplicate straddles; every row names its source record."""
    from curate.ask.finished import FinishedRun
    from curate.ask.lineage import lineage
    from curate.card.answers import load
    from curate.card.facts import DataFile, HandedOn, in_order
    from curate.card.write import ANSWERS, beside, card
    from curate.export import plan as plans
    from curate.export import splits as shares
    from curate.export import write
    from curate.tokens import Counter

    if format not in FORMATS:
        raise UserError(f"no format '{format}'", hint=f"one of {', '.join(FORMATS)}")
    wanted = shares.parse(splits)
    if tokenizer is not None:
        Counter(tokenizer)  # before anything starts
    own = beside(to, ANSWERS)
    said = load(answers or (own if own.is_file() else None))
    runs = lineage(FinishedRun.open(run, root), root)
    plan = plans.make(runs, wanted, seed, shard_chars, format)
    gates = failed_checks(plan)
    if gates and not force:
        errors = [UserError(gate, hint=_GATED, code=Exit.GATE) for gate in gates]
        return Result({"gates": gates}, [], code=Exit.GATE, errors=errors)
    for gate in gates:
        screen.warn(f"exported all the same: {gate}")
    _warn(screen, plan, wanted)
    if dry_run:
        table = _table(plan.splits, "", plan.counted_by(tokenizer))
        return Result({"splits": plan.splits, "clusters": plan.clusters}, [table])
    people = said.model_dump(mode="json", exclude_unset=True) if format == "datasets" else None
    options = write.Options(format, wanted, seed, shard_chars, tokenizer, people)

    def describe(done: write.Exported) -> dict[str, str]:
        counter = plan.counted_by(tokenizer)
        files = in_order([DataFile(file.path, file.bytes, file.sha256) for file in done.files], done.splits)
        return card(runs, said, HandedOn(done.run.id, files, done.splits, counter, gates, done.counts))

    done = write.write(
        plan,
        options,
        to=to,
        root=root,
        jobs=min(jobs or cores(), len(plan.shards)),
        force=force,
        gates=gates,
        listener=screen.progress,
        attach=screen.attach,
        describe=describe if format == "datasets" else lambda done: {},
    )
    manifest = done.run.manifest
    assert manifest is not None
    data: dict[str, Any] = {
        "splits": done.splits,
        "clusters": plan.clusters,
        "counts": manifest.counts,
        "was_done": done.was_done,
    }
    title = f"{done.run.path}: done before, nothing to do" if done.was_done else str(done.run.path)
    return Result(data, [_table(done.splits, title, plan.counted_by(tokenizer)), Facts(_facts(plan))], done.run.path)


_GATED = "look at it with 'curate duplicates', make the run again, or export it all the same with --force"


def failed_checks(plan: Plan) -> list[str]:
    """The checks that failed in the run or in the one that holds its texts."""
    gates: list[str] = []
    for run in (plan.source, plan.documents):
        assert run.run.manifest is not None
        gates += [gate for gate in run.run.manifest.gates if gate not in gates]
    return gates


def _warn(screen: Screen, plan: Plan, shares: dict[str, float]) -> None:
    if len(shares) > 1 and plan.clusters is None:
        screen.warn("the run looked for no duplicates: near-duplicates may stand in different splits")
    largest = (plan.clusters or {}).get("largest_cluster", 0)
    if len(shares) > 1 and largest > max(10, plan.rows.height // 20):
        screen.warn(f"one cluster holds {largest:,} documents, which all fall into one split")
    for split in plan.splits:
        if not split["rows"]:
            screen.warn(f"the split {split['split']} is empty: {plan.rows.height:,} documents are few for its share")


def _table(splits: list[dict[str, Any]], title: str, tokenizer: str | None) -> Table:
    from curate.tokens import label

    names = [name for name in ("phase", "split", "documents", "rows", "files", "tokens") if name in splits[0]]
    return Table(
        names, [[split[name] for name in names] for split in splits], title, label(tokenizer) * ("tokens" in names)
    )


def _facts(plan: Plan) -> list[tuple[str, Any]]:
    found = [("rows trace back to", f"{plan.documents.path} (curate explain {plan.documents.path} ID)")]
    if plan.clusters is not None:
        count = f"{plan.clusters['documents_in_clusters']:,} documents in {plan.clusters['clusters']:,} clusters"
        found.append(("kept together", count))
    return found
