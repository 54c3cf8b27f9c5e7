"""`curate index-text` and `curate search`: the words of a run's texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.console import Result, Screen, command
from workbench.errors import UserError, did_you_mean
from workbench.options import DEFAULT_ROOT, Root, RunName
from workbench.render import Block, Facts, size
from workbench.visible import one_line


@command("curate.index-text/1")
def index_text(
    screen: Screen,
    run: RunName,
    everything: Annotated[bool, typer.Option("--all", help="Every text that the run stored.")] = False,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="N texts, by a seeded hash (default: 100,000).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Another seed takes others.")] = 0,
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Where to (default: beside the run).")] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Index the words of a run's texts, kept and dropped, in a file beside it."""
    from curate.ask.finished import FinishedRun
    from curate.search.index import SAMPLE, build
    from curate.search.place import index_path

    if everything and sample is not None:
        raise UserError("--all and --sample exclude each other", hint="give one of them")
    found = FinishedRun.open(run, root)
    wanted = None if everything else sample or SAMPLE
    built = build(found, index_path(found.path, to), sample=wanted, seed=seed, listener=screen.progress)
    about = built.about
    data = {
        "index": str(built.path),
        "indexed": about.indexed,
        "texts": about.texts,
        "bytes": built.bytes,
        "was_done": built.was_done,
    }
    facts = Facts(
        [
            ("index", f"{built.path}{' (done before, nothing to do)' if built.was_done else ''}"),
            ("indexed", f"{about.indexed:,} of {about.texts:,} texts{_more(about.indexed, about.texts)}"),
            ("size", size(built.bytes)),
        ]
    )
    return Result(data, [facts], found.path)


@command("curate.search/1")
def search(
    screen: Screen,
    run: RunName,
    query: Annotated[
        str,
        typer.Argument(metavar="QUERY", help='Words that must all occur; "a phrase", -not. Quote it for the shell.'),
    ],
    state: Annotated[str | None, typer.Option(help="kept or dropped.")] = None,
    rule: Annotated[str | None, typer.Option(help="Dropped by this rule.")] = None,
    lang: Annotated[str | None, typer.Option(help="In this language.")] = None,
    host: Annotated[str | None, typer.Option(help="From this host.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, max=1000, metavar="N", help="How many are shown.")] = 10,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="After the first N.")] = 0,
    any_word: Annotated[bool, typer.Option("--any", help="Any of the words will do.")] = False,
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Where the index lies, if elsewhere.")] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Find documents by their words, best first; needs the index that `index-text` makes."""
    from dataclasses import asdict

    from curate.ask.finished import FinishedRun
    from curate.search import query as queries
    from curate.search.place import locate
    from curate.search.snippet import pieces

    found = FinishedRun.open(run, root)
    path = locate(found.path, to)
    if state is not None and state not in queries.STATES:
        raise UserError(f"no state with a text is named '{state}'", hint=did_you_mean(state, queries.STATES))
    for column, value in (("rule", rule), ("lang", lang)):
        if value is not None and value not in (known := queries.known(path)[column]):
            raise UserError(f"no indexed document has the {column} '{value}'", hint=did_you_mean(value, known))
    filters = queries.Filters(state, host, lang, rule)
    hits = queries.search(path, query, filters, number, offset, any_word=any_word)
    blocks: list[Block] = []
    for place, hit in enumerate(hits.hits, offset + 1):
        why = f"{hit.state} by {hit.rule}" if hit.rule else hit.state
        head = " · ".join(filter(None, [hit.title, hit.url or hit.id]))
        text = "".join(f"«{piece}»" if marked else piece for piece, marked in pieces(hit.snippet, hit.marks))
        blocks.append(
            f"{place}. {one_line(head)}\n   {hit.id[:12]}  {hit.lang or 'und'}  {why}  {hit.score:.2f}\n   {text}"
        )
    last = offset + len(hits.hits)
    shown = f"{offset + 1:,} to {last:,} of " if 0 < len(hits.hits) < hits.total else ""
    documents = f"{hits.indexed:,} of {hits.texts:,} texts{_more(hits.indexed, hits.texts)}"
    blocks.append(f"{shown}{hits.total:,} documents found, among {documents}")
    return Result(asdict(hits), blocks, found.path)


def _more(indexed: int, texts: int) -> str:
    return "" if indexed == texts else " (a sample; all: index-text --all)"
