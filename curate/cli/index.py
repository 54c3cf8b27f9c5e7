"""`curate index`: a persistent directory of what earlier runs hold, that can be asked and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import console
from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, DryRun, Jobs, Root
from workbench.render import Block, Facts, Table, size

app = console.group("index", "An index of earlier runs: add a crawl, trace a match, delete a page for good.")


IndexPath = Annotated[Path, typer.Argument(metavar="INDEX", help="The directory of the index.")]


@app.command("add")
@command("curate.index.add/1")
def add(
    screen: Screen,
    index: IndexPath,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Finished runs: ids under --root, or paths.")],
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", min=0.1, metavar="N", help="Memory of all workers together.")
    ] = 2.0,
    jobs: Jobs = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Add what runs kept and what they dropped as duplicates; makes the index where there is none.

    Documents of earlier runs stay as they are. Each run is added whole or not at all.
    """
    from curate.ask.finished import FinishedRun
    from curate.duplicates.index import add as adding
    from curate.duplicates.index.state import writer
    from workbench.processes import cores

    opened = [FinishedRun.open(run, root) for run in runs]
    rows: list[dict[str, Any]] = []
    with writer(index, create=True) as own:
        screen.attach(index)
        for run in opened:
            done = adding.add(
                own, run, memory_bytes=int(memory_gb * 1e9), jobs=jobs or cores(), on_event=screen.progress
            )
            rows.append({**done.run.model_dump(), "done": done.done, "by_method": done.by_method})
    table = Table(
        ["run", "added", "survivors", "duplicates", "known", "deleted before", ""],
        [
            [
                row["id"],
                row["documents"],
                row["documents"] - row["duplicates"],
                row["duplicates"],
                row["known"],
                row["deleted"],
                ", ".join(f"{name} {many:,}" for name, many in row["by_method"].items()),
            ]
            for row in rows
            if not row["done"]
        ],
    )
    blocks: list[Block] = [table] if table.rows else []
    blocks += [
        f"The run {row['id']} is in the index since {row['added']}: nothing was added." for row in rows if row["done"]
    ]
    return Result({"index": str(index), "runs": rows}, blocks, index)


@app.command("status")
@command("curate.index.status/1")
def status(screen: Screen, index: IndexPath) -> Result:
    """What an index holds: runs, documents, deletions, and by what it compares."""
    from curate.duplicates.index.state import Index, ask, damaged
    from curate.duplicates.index.tombstones import Tombstone, read_tombstones

    def read(found: Index) -> tuple[Index, list[Tombstone]]:
        for wrong in found.differences(contents=False):
            raise damaged(found, wrong)
        return found, read_tombstones(found)

    found, tombstones = ask(index, read)
    state = found.state
    near = state.settings.near
    kinds = [name for name in ("text", "url") if getattr(state.settings, name)]
    if near.enabled:
        kinds.append(f"near ({near.ngram} {near.shingle}s, {near.banding}, from {near.threshold})")
    kinds += ["lines"] if state.settings.lines.enabled else []
    data: dict[str, Any] = {
        "index": str(index),
        "generation": state.generation,
        "documents": sum(segment.documents for segment in state.segments),
        "survivors": sum(segment.survivors for segment in state.segments),
        "segments": len(state.segments),
        "bytes": sum(file.bytes for segment in state.segments for file in segment.files),
        "deletions": state.tombstones.count,
        "compares": kinds,
    }
    shown = {**data, "bytes": size(data["bytes"]), "compares": ", ".join(kinds)}
    runs = [run.model_dump() for run in state.runs]
    deletions = [one.model_dump() for one in tombstones]
    blocks: list[Block] = [
        Facts(list(shown.items())),
        Table(
            ["run", "added on", "documents", "duplicates", "known", "deleted before"],
            [
                [run["id"], run["added"], *(run[name] for name in ("documents", "duplicates", "known", "deleted"))]
                for run in runs
            ],
            "Runs",
        ),
    ]
    if deletions:
        rows = [
            [one["time"], one["counts"]["documents"], one["counts"]["promoted"], one["reason"]] for one in deletions
        ]
        blocks.append(Table(["on", "documents", "promoted", "reason"], rows, "Deletions"))
    return Result({**data, "settings": state.settings, "runs": runs, "deleted": deletions}, blocks, index)


@app.command("trace")
@command("curate.index.trace/1")
def trace(
    screen: Screen,
    index: IndexPath,
    key: Annotated[
        str | None, typer.Argument(metavar="[ID|URL]", help="A document: its id, first digits of it, or its URL.")
    ] = None,
    text: Annotated[Path | None, typer.Option("--text", metavar="FILE", help="Match this text instead.")] = None,
) -> Result:
    """What a document matches, by each kind and how closely, and which document stays for it."""
    from curate.duplicates.index import trace as tracing
    from curate.duplicates.index.state import ask

    if (key is None) == (text is None):
        raise UserError("name one document", hint="give an id or a URL, or --text FILE")
    wanted = "" if text is None else tracing.read_text(text)
    answer = ask(index, lambda found: tracing.trace_text(found, wanted) if key is None else tracing.trace(found, key))
    names = ("id", "url", "host", "date", "state", "kept_id", "run", "file", "row")
    blocks: list[Block] = []
    if answer["document"] is not None:
        blocks.append(Facts([(name, answer["document"][name]) for name in names]))
    blocks.append(
        Table(
            ["by", "jaccard", "containment", "lines", "id", "state", "page"],
            [
                [
                    *(match[name] for name in ("kind", "jaccard", "containment", "lines")),
                    match["id"][:12],
                    match["state"],
                    match["url"] or f"{match['file']}:{match['row']}",
                ]
                for match in answer["matches"]
            ],
            "Matches",
        )
    )
    if answer["cluster"] is not None:
        blocks.append(
            Table(
                ["", "by", "jaccard", "id", "page"],
                [
                    [
                        "stays" if one["id"] == answer["cluster"]["survivor"] else "removed",
                        one["method"],
                        one["jaccard"],
                        one["id"][:12],
                        one["url"],
                    ]
                    for one in answer["cluster"]["documents"]
                ],
                "Cluster",
            )
        )
    return Result(answer, blocks, index)


Many = list[str] | None


@app.command("delete")
@command("curate.index.delete/1")
def delete(
    screen: Screen,
    index: IndexPath,
    ids: Annotated[Many, typer.Option("--id", metavar="ID", help="The document of this id; may be repeated.")] = None,
    urls: Annotated[Many, typer.Option("--url", metavar="URL", help="Every document of this address.")] = None,
    hosts: Annotated[
        Many, typer.Option("--host", metavar="HOST", help="Every page of this host and of the hosts below it.")
    ] = None,
    regexes: Annotated[
        Many, typer.Option("--regex", metavar="REGEX", help="Every document in whose URL this is found.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Ids and URLs, one a line; # begins a comment.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the log of deletions.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Delete even where that is more than half of the documents.")
    ] = False,
    dry_run: DryRun = False,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Delete documents for good: no later run brings them back, and a report says which files still hold them."""
    from curate.duplicates.index import delete as deleting
    from curate.duplicates.index.requests import read_requests
    from curate.duplicates.index.state import ask, proof_path, writer
    from curate.duplicates.index.tombstones import Request

    more_ids, more_urls = read_requests(file) if file is not None else ([], [])
    request = Request.of([*(ids or []), *more_ids], [*(urls or []), *more_urls], hosts or [], regexes or [])
    if not request:
        raise UserError("nothing is to be deleted", hint="name it with --id, --url, --host, --regex or --from FILE")
    if dry_run:
        opened, found = ask(index, lambda opened: (opened, deleting.change(opened, request)))
        if much := deleting.most(opened, found):
            screen.warn(f"{much}: to delete them takes --force")
        rows = [[row["id"], row["state"], row["url"]] for row in found.gone.sort("id").head(20).iter_rows(named=True)]
        would = Table(["id", "state", "page"], rows, "Would be deleted (the first 20)")
        return Result({"counts": found.counts()}, [Facts(list(found.counts().items())), would], index)
    with writer(index) as own:
        screen.attach(index)
        report = deleting.delete(own, request, reason=reason, root=root, force=force, on_event=screen.progress)
    if report["number"] is None:
        return Result({**report, "proof": None}, ["Done before: nothing of this is in the index."], index)
    proof = proof_path(index, report["number"])
    if not report["deleted"]:
        screen.warn("no document of the index is meant; later runs leave out what the request names")
    for run in report["missing_runs"]:
        screen.warn(f"the run {run['run']} is not at {run['path']} any more: what it holds is not known")
    if request.ids and report["deleted"]:
        screen.warn("an id is one capture of a page: a later one comes in unless its URL is deleted too (--url)")
    return Result({**report, "proof": str(proof)}, _deletion_blocks(report, proof), index)


def _deletion_blocks(report: dict[str, Any], proof: Path) -> list[Block]:
    blocks: list[Block] = [Facts([*report["counts"].items(), ("proof", str(proof))])]
    if report["files"]:
        blocks.append(
            Table(
                ["run", "file", "column", "holds its", "rows", "first row"],
                [
                    [hit["run"], hit["file"], hit["column"], ", ".join(hit["holds"]), len(hit["rows"]), hit["rows"][0]]
                    for hit in report["files"]
                ],
                "Files that still name what was deleted",
                note="Runs are never changed: delete them, or run their recipes again with duplicates.index.",
            )
        )
    if report["promoted"]:
        rows = [[one["id"][:12], one["run"], one["file"], one["row"]] for one in report["promoted"][:20]]
        blocks.append(Table(["id", "run", "file", "row"], rows, "Copies that stay from now on (the first 20)"))
    return blocks


@app.command("verify")
@command("curate.index.verify/1")
def verify(screen: Screen, index: IndexPath) -> Result:
    """Is the index whole: files by checksum, nothing left of what was deleted, one survivor in every cluster."""
    from curate.duplicates.index.state import TOMBSTONES, ask
    from curate.duplicates.index.verify import BESIDE
    from curate.duplicates.index.verify import verify as checked

    checks = ask(index, checked)
    table = Table(
        ["check", "", "found"], [[check.name, "ok" if check.ok else "FAILED", check.found] for check in checks]
    )
    data = {"checks": [check._asdict() for check in checks]}
    wrong = [check for check in checks if not check.ok]
    if not wrong:
        return Result(data, [table], index)
    error = UserError(
        f"{index}: {len(wrong)} of {len(checks)} checks failed: {wrong[0].name}: {wrong[0].found}",
        hint="the index was changed by something else: put a copy of it back; made again from its runs it forgets its "
        f"deletions, so that those that {index / TOMBSTONES} lists have to be asked for again"
        if wrong[0].name != BESIDE
        else f"the next `curate index add` or `delete` cleans {index} up",
        code=Exit.GATE,
    )
    return Result(data, [table], index, Exit.GATE, [error])
