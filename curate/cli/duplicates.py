"""The command that shows what a run removed as duplicates."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.options import DEFAULT_ROOT, Root, RunName
from workbench.render import Block, Facts, Table, cell, percent
from workbench.visible import one_line


@command("curate.duplicates/1")
def duplicates(
    screen: Screen,
    run: RunName,
    largest: Annotated[int, typer.Option("--largest", min=0, metavar="N", help="Clusters shown.")] = 20,
    method: Annotated[
        str | None, typer.Option(help="Removed by this method only: text, near, url or remainder.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Removed from this host, or one below it, only.")] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """What a run removed as duplicates: totals, the largest clusters, and the guards that tripped."""
    from curate.ask.duplicates import duplicates as ask
    from curate.ask.finished import FinishedRun

    found = FinishedRun.open(run, root)
    answer = ask(found, largest=largest, method=method, host=host)
    guards = answer["guards"]
    blocks: list[Block] = [totals_table(answer)]
    if answer["cut"]:
        blocks.append(cut_table(answer["cut"]))
    blocks.append(clusters_text(answer["largest"], answer["clusters"]))
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


def cut_table(cut: dict[str, dict[str, int]]) -> Table:
    """What was cut from texts because other documents say it too."""
    columns = ["documents", "stretches", "characters"]
    rows = [[kind, *(counts[name] for name in columns)] for kind, counts in cut.items()]
    return Table(["cut from texts", *columns], rows, "Repeated passages")


def clusters_text(clusters: list[dict[str, Any]], number: int) -> str:
    """The largest clusters, each by the page that comes first in the declared order.

    Its id and its address have lines of their own: columns of a narrow terminal would break them.
    """
    if not number:
        return "No clusters"
    if not clusters:
        return f"{_counted(number, 'cluster')}; --largest N shows the largest"
    room = len(str(len(clusters)))
    lines = [f"The {len(clusters):,} largest of {_counted(number, 'cluster')}, each with the id of its best page"]
    for place, cluster in enumerate(clusters, 1):
        similar = [
            f"{name} {cell(cluster[f'jaccard_{name}'])}"
            for name in ("lowest", "median")
            if cluster[f"jaccard_{name}"] is not None
        ]
        facts = [_counted(cluster["documents"], "document"), f"{cluster['kept']:,} kept"]
        facts += [_counted(cluster["hosts"], "host"), f"{cluster['tokens_removed']:,} tokens removed"]
        lines.append(f"{place:>{room}}  {', '.join(facts)}")
        if similar:
            lines.append(f"{'':{room}}  similarity to what was kept: {', '.join(similar)}")
        lines.append(f"{'':{room}}  {cluster['cluster']}")
        lines.append(f"{'':{room}}  {one_line(cluster['url'] or cluster['snippet'] or '')}".rstrip())
    return "\n".join(lines)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
