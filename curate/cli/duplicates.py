"""The command that shows what a run removed as duplicates."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.options import DEFAULT_ROOT, Root, RunName
from workbench.render import Block, Facts, Table, percent


@command("curate.duplicates/1")
def duplicates(
    screen: Screen,
    run: RunName,
    largest: Annotated[int, typer.Option("--largest", min=0, metavar="N", help="Clusters shown.")] = 20,
    method: Annotated[
        str | None, typer.Option(help="Removed by this method only: text, near, url or remainder.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Removed from this host only.")] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """What a run removed as duplicates: totals, the largest clusters, and the guards that tripped."""
    from curate.ask.duplicates import duplicates as ask
    from curate.ask.finished import FinishedRun

    found = FinishedRun.open(run, root)
    answer = ask(found, largest=largest, method=method, host=host)
    guards = answer["guards"]
    blocks: list[Block] = [totals_table(answer), clusters_table(answer["largest"], answer["clusters"])]
    blocks += [f"guard: {sentence}" for sentence in guards["sentences"]]
    if not guards["sentences"]:
        blocks.append(Facts([("guards", "none tripped")]))
    if answer["largest"]:
        blocks.append(
            f"To compare two pages: curate explain {found.path} {answer['largest'][0]['farthest']['dropped_id'][:12]}"
        )
    return Result(answer, blocks, found.path)


def totals_table(answer: dict[str, Any]) -> Table:
    """What each rule removed, of the documents that passed the document rules."""
    rows: list[list[Any]] = [
        [rule, counts["documents"], percent(_share(counts["documents"], answer["passed"])), counts["tokens"]]
        for rule, counts in answer["removed"].items()
    ]
    documents = sum(counts["documents"] for counts in answer["removed"].values())
    tokens = sum(counts["tokens"] for counts in answer["removed"].values())
    rows.append(["together", documents, percent(_share(documents, answer["passed"])), tokens])
    note = f"of {answer['passed']:,} documents that passed the document rules"
    return Table(["removed by", "documents", "share", "tokens"], rows, "Duplicates", note)


def clusters_table(clusters: list[dict[str, Any]], number: int) -> Table:
    """The largest clusters, each by the page that comes first in the declared order."""
    rows = [
        [
            cluster["documents"],
            cluster["kept"],
            cluster["url"] or cluster["snippet"],
            cluster["cluster"][:12],
            cluster["tokens_removed"],
            cluster["jaccard_lowest"],
            cluster["jaccard_median"],
        ]
        for cluster in clusters
    ]
    columns = ["documents", "kept", "best page", "its id", "tokens removed", "lowest", "median"]
    if not rows:
        return Table(columns, rows, "No clusters")
    note = "lowest, median: similarity of the removed pages to those that were kept for them"
    return Table(columns, rows, f"The {len(rows):,} largest of {number:,} clusters", note)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
