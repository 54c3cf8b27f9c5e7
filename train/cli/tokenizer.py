"""`train tokenizer`: a byte-level BPE tokenizer from a dataset, and a report on what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, Force, Out, Root, Seed
from workbench.render import Block, Facts, Table, percent, size

Data = Annotated[
    str,
    typer.Option("--data", metavar="DATA", help="A run of curate, a mix, an export, Parquet, JSONL, text, a folder."),
]
TextField = Annotated[
    str | None, typer.Option("--text-field", metavar="NAME", help="Column that holds the text (default: text).")
]
_ROWS = 30


@command("train.tokenizer/1")
def tokenizer(
    screen: Screen,
    data: Data,
    vocab_size: Annotated[int, typer.Option("--vocab-size", min=1, metavar="N", help="Tokens in all.")] = 16_384,
    out: Out = None,
    digits: Annotated[
        bool,
        typer.Option("--digits/--no-digits", help="Every digit is a token of its own, or up to three go together."),
    ] = True,
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="Chat template that goes with it, or a YAML of your own.")
    ] = "chatml",
    special: Annotated[
        list[str] | None, typer.Option("--special", metavar="TEXT", help="A further special token; may be repeated.")
    ] = None,
    sample_mb: Annotated[
        int, typer.Option("--sample-mb", min=1, metavar="N", help="Learn from about so many MiB of the text at most.")
    ] = 128,
    text_field: TextField = None,
    seed: Seed = 0,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
) -> Result:
    """Learn a tokenizer from a dataset; the directory opens in transformers as it is."""
    from train.data.blocks import Fields
    from train.tokenizer.write import Options, make

    options = Options(
        vocab_size=vocab_size,
        digits=digits,
        specials=tuple(special or ()),
        template=template,
        sample_bytes=sample_mb << 20,
        seed=seed,
        fields=Fields(text=text_field),
    )
    made = make(data, options, root=root, out=out, force=force, listener=screen.progress, attach=screen.attach)
    report = made.report
    if report["vocabulary"] < vocab_size:
        screen.warn(f"the text gave {report['vocabulary']:,} tokens and no more: it is little for {vocab_size:,}")
    manifest = made.run.manifest
    assert manifest is not None
    failed = [UserError(gate, hint="report this: it is a bug", code=Exit.GATE) for gate in manifest.gates]
    blocks = _blocks(report, made.run.path, manifest.timings.get("train"))
    code = Exit.GATE if failed else Exit.OK
    return Result({**report, "was_done": made.was_done}, blocks, made.run.path, code, failed)


def _blocks(report: dict[str, Any], path: Path, train_s: float | None) -> list[Block]:
    facts: list[tuple[str, Any]] = [
        ("tokens", f"{report['vocabulary']:,}, {report['special']} of them special"),
        ("learnt from", f"{size(report['bytes_learnt'])} of {size(report['bytes'])}, in {train_s:.1f} s"),
        ("not used in what was measured", percent(report["unused"] / report["vocabulary"])),
        ("longest", "  ".join(repr(one["text"]) for one in report["longest_tokens"][:6])),
        ("round trip", "; ".join(report["round_trip_failed"]) or "exact"),
    ]
    found: list[Block] = [Facts(facts, str(path))]
    heads = ["documents", "bytes", "tokens", "bytes/token", "chars/token", "tokens/word"]
    for by, title in (("lang", "language"), ("domain", "domain")):
        groups = [one for one in report["groups"] if one["by"] == by]
        rows = [_row(one) for one in groups[:_ROWS]]
        if rows:
            more = f"{len(groups) - _ROWS} smaller ones not shown; " if len(groups) > _ROWS else ""
            note = f"{more}words are what blanks part" if by == "lang" else more.rstrip("; ")
            found.append(Table([title, *heads], rows, f"Compression by {title}", note))
    everything = [_row(one) for one in report["groups"] if one["by"] == "all"]
    return [*found, Table(["", *heads], everything)]


def _row(one: dict[str, Any]) -> list[Any]:
    ratios = [one["bytes_per_token"], one["chars_per_token"], one["tokens_per_word"]]
    return [one["value"], one["documents"], one["bytes"], one["tokens"], *ratios]
