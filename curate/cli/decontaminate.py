"""`curate decontaminate`: which documents of a run hold benchmark items, and the run without them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, Force, Jobs, Out, Root, RunName
from workbench.processes import cores
from workbench.render import Block, Facts, Table, percent

if TYPE_CHECKING:
    from curate.contamination.child import Decontaminated


class Remove(StrEnum):
    """What goes: the whole document, or only the matching spans."""

    document = "document"
    span = "span"


Against = Annotated[
    list[Path],
    typer.Option("--against", metavar="PATH", help="Benchmark file (JSONL, Parquet) or folder; may be repeated."),
]
VariantName = Annotated[
    str, typer.Option("--variant", metavar="NAME", help="winnow, gpt3, llama3, longest, or a YAML file of your own.")
]
RemoveOption = Annotated[
    Remove | None, typer.Option("--remove", help="Write the run without it, too; default: the report only.")
]
ReportOnly = Annotated[bool, typer.Option("--report-only", help="Only report, which is the default.")]
Limit = Annotated[
    float | None,
    typer.Option(
        "--limit", min=0, max=1, metavar="SHARE", help="Exit 1 where a larger share of a suite's items is found."
    ),
]
Question = Annotated[str | None, typer.Option("--question", metavar="FIELD", help="Field that holds the question.")]
Answer = Annotated[str | None, typer.Option("--answer", metavar="FIELD", help="Field that holds the answer.")]
_ROWS = 20


@command("curate.decontaminate/1")
def decontaminate(
    screen: Screen,
    run: RunName,
    against: Against,
    variant: VariantName = "winnow",
    remove: RemoveOption = None,
    report_only: ReportOnly = False,
    limit: Limit = None,
    question: Question = None,
    answer: Answer = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    force: Force = False,
) -> Result:
    """Which documents hold benchmark items, by a published rule or our own: the report, then the run without them."""
    from curate.ask.finished import FinishedRun
    from curate.contamination import child
    from curate.contamination.variants import load_variant

    if report_only and remove is not None:
        raise UserError("--report-only and --remove say the opposite", hint="give one of the two")
    done = child.decontaminate(
        FinishedRun.open(run, root),
        against,
        load_variant(variant),
        remove=None if remove is None else remove.value,
        question=question,
        answer=answer,
        out=out,
        root=root,
        jobs=jobs or cores(),
        force=force,
        listener=screen.progress,
        attach=screen.attach,
    )
    return _result(done, variant, limit)


def _result(done: Decontaminated, variant: str, limit: float | None) -> Result:
    from curate.contamination.tables import over_limit

    suites = done.suites.to_dicts()
    hint = f"see {done.run.path}/items, or take them out with --remove document"
    errors = [UserError(sentence, hint=hint, code=Exit.GATE) for sentence in over_limit(done.suites, limit)]
    data: dict[str, Any] = {
        "variant": variant,
        "documents": done.documents,
        "documents_contaminated": done.found["id"].n_unique(),
        "suites": suites,
        "was_done": done.was_done,
    }
    facts: list[tuple[str, Any]] = [
        ("documents searched", done.documents),
        ("documents with an item", data["documents_contaminated"]),
    ]
    if done.funnel is not None:
        data |= {"kept": done.funnel.kept, "dropped": done.funnel.dropped, "tokens_kept": done.funnel.tokens_kept}
        facts.append(("kept now", f"{done.funnel.kept:,} documents, {done.funnel.tokens_kept:,} tokens"))
    blocks: list[Block] = [_suites(done, variant), _best(done), Facts(facts)]
    return Result(data, blocks, done.run.path, Exit.GATE if errors else Exit.OK, errors)


def _suites(done: Decontaminated, variant: str) -> Table:
    rows = [
        [
            suite["suite"],
            suite["items"],
            suite["testable"],
            suite["contaminated"],
            percent(suite["share"]),
            suite["common"],
        ]
        for suite in done.suites.to_dicts()
    ]
    title = f"{done.run.path}: done before, nothing to do" if done.was_done else f"{done.run.path}"
    note = "testable: long enough for the rule; too common: half of the n-grams are in too many documents to count"
    return Table(["suite", "items", "testable", "found", "share", "too common"], rows, f"{title} ({variant})", note)


def _best(done: Decontaminated) -> Table:
    found = done.items.filter("contaminated").sort(["best_score", "suite", "item"], descending=[True, False, False])
    columns = ["suite", "item", "documents", "best_document", "best_score", "answer_best_score"]
    rows = [
        [*row[:4], *(None if score is None else f"{score:.2f}" for score in row[4:])]
        for row in found.select(columns).head(_ROWS).iter_rows()
    ]
    note = f"{found.height - _ROWS} more in the table items" if found.height > _ROWS else ""
    return Table(["suite", "item", "documents", "best", "question", "answer"], rows, "Items found", note)
