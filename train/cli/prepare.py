"""`train prepare`: a dataset as token shards, the form in which every stage reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from train.cli.tokenizer import Data, TextField
from workbench.console import Result, Screen, command
from workbench.errors import UserError, did_you_mean
from workbench.options import DEFAULT_ROOT, DryRun, Force, Jobs, Out, Resume, Root, Seed
from workbench.processes import cores
from workbench.render import Facts, Table, size

if TYPE_CHECKING:
    from train.data.tokens import Tokens

PARTS = ("auto", "none", "lang", "domain", "source", "url-host")


@command("train.prepare/1")
def prepare(
    screen: Screen,
    data: Data,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="DIR", help="A tokenizer.json, a directory with one, or a run.")
    ],
    out: Out = None,
    part: Annotated[
        str,
        typer.Option(
            "--part", metavar="BY", help="Parts to mix: lang, domain, source, url-host, none (auto: domain if known)."
        ),
    ] = "auto",
    held_out: Annotated[
        float, typer.Option("--held-out", min=0, max=0.99, metavar="SHARE", help="Documents that are not trained on.")
    ] = 0.01,
    text_field: TextField = None,
    whole: Annotated[
        bool | None,
        typer.Option("--whole/--blocks", help="A text file is one document (in a folder), or cut at blank lines."),
    ] = None,
    seed: Seed = 0,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """Encode a dataset once, for every training run that reads it."""
    from train.data.blocks import Fields
    from train.data.prepare import Options, ensure
    from train.data.texts import read_documents
    from train.tokenizer.tokenizer import Tokenizer

    if part not in PARTS:
        raise UserError(f"--part {part}: there is no such division", hint=did_you_mean(part, PARTS))
    opened = Tokenizer.find(tokenizer, root)
    options = Options(part=part, held_out=held_out, seed=seed, whole=whole, fields=Fields(text=text_field))  # type: ignore[arg-type]
    if dry_run:
        found = read_documents(data, root, fields=options.fields, whole=whole)
        files = {block.file for block in found.blocks}
        said = {
            "files": len(files),
            "blocks": len(found.blocks),
            "phases": list(found.phases),
            "skipped": found.skipped,
        }
        return Result(said)
    tokens = ensure(
        data,
        opened,
        root,
        options,
        out=out,
        jobs=jobs or cores(),
        resume=resume,
        force=force,
        listener=screen.progress,
        attach=screen.attach,
    )
    _warn(screen, tokens, held_out)
    manifest = tokens.run.manifest
    assert manifest is not None
    rows = _rows(tokens)
    told = {
        "counts": manifest.counts,
        "parts": [dict(zip(_HEADS, row, strict=True)) for row in rows],
        "phases": list(tokens.phases),
        "tokenizer": tokens.tokenizer_digest,
        "dtype": tokens.header.dtype,
    }
    facts = Facts(
        [
            ("tokens", f"{manifest.counts['tokens']:,} as {tokens.header.dtype}"),
            ("text", size(manifest.counts["bytes"])),
            ("phases", ", ".join(tokens.phases)),
        ],
        str(tokens.run.path),
    )
    return Result(told, [facts, Table(_HEADS, rows)], tokens.run.path)


_HEADS = ["part", "split", "documents", "bytes", "tokens", "bytes/token"]


def _rows(tokens: Tokens) -> list[list[Any]]:
    found: list[list[Any]] = []
    for part in tokens.parts:
        for split in ("train", "held_out"):
            docs = tokens.split(split, part)
            count, length = int(tokens.lengths[docs].sum()), int(tokens.bytes[docs].sum())
            if len(docs):
                found.append([part, split, len(docs), length, count, length / count])
    return found


def _warn(screen: Screen, tokens: Tokens, held_out: float) -> None:
    manifest = tokens.run.manifest
    assert manifest is not None
    counts, header = manifest.counts, tokens.header
    if counts["without_text"]:
        named = ", ".join(header.without_text)
        screen.warn(f"{counts['without_text']:,} rows hold no text and were left out, such as {named}")
    if counts["duplicate_ids"]:
        named = ", ".join(header.duplicate_ids)
        screen.warn(f"{counts['duplicate_ids']:,} documents have the id of another, such as {named}; all are kept")
    if held_out and not counts["documents_held_out"]:
        screen.warn(f"no document is held out: {counts['documents']:,} are few for a share of {held_out:g}")
    if counts["documents_held_out"] == counts["documents"]:
        screen.warn("every document is held out: there is nothing to train on")
