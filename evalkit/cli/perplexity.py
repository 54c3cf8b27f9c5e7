"""`evalkit perplexity`: how well models predict texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, Seed
from workbench.render import Table, duration

if TYPE_CHECKING:
    from evalkit.perplexity.make import Measuring


@command("evalkit.perplexity/1")
def perplexity(
    screen: Screen,
    model: Annotated[
        list[str],
        typer.Option("--model", "-m", help="A train run, checkpoint, adapter or Llama directory; several compare."),
    ],
    data: Annotated[
        str, typer.Option("--data", metavar="DATA", help="A file, a folder, a run with documents, or token shards.")
    ],
    split: Annotated[
        str, typer.Option("--split", metavar="WHAT", help="A text is one of documents, paragraphs or lines.")
    ] = "documents",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="FIELD", help="Group texts by domain, source or lang (default: domain, if any)."),
    ] = None,
    text_field: Annotated[
        str | None, typer.Option("--text-field", metavar="NAME", help="The column of texts (default: the usual names).")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only so many texts, drawn by the seed.")
    ] = None,
    seed: Seed = 0,
    bos: Annotated[
        str, typer.Option("--bos", metavar="HOW", help="The begin-of-text token: context, scored (lm-eval's) or none.")
    ] = "context",
    context: Annotated[
        int | None, typer.Option("--context", min=1, metavar="N", help="Positions of a window (default: the model's).")
    ] = None,
    stride: Annotated[
        int | None, typer.Option("--stride", min=1, metavar="N", help="New tokens of a window (default: a window's).")
    ] = None,
    precision: Annotated[str, typer.Option("--precision", metavar="NAME", help="fp32 or bf16.")] = "fp32",
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ...")] = "cpu",
    batch: Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Sequences at a time.")] = None,
    best: Annotated[bool, typer.Option("--best", help="Of runs, the best checkpoint instead of the last.")] = False,
    dry_run: DryRun = False,
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Perplexity a token, word and byte, and bits a byte, by domain and text; every number with its interval."""
    from evalkit.models.open import open_model
    from evalkit.models.types import Windows
    from evalkit.perplexity import show
    from evalkit.perplexity.make import Measuring, measure, read_summary
    from evalkit.perplexity.texts import open_texts, trained_on

    texts = open_texts(data, root, split=split, by=by or "domain", text_field=text_field)
    if limit is not None:
        texts.draw(limit, seed)
    if by is not None and all(text.group is None for text in texts):
        raise UserError(f"no text of {data} has a '{by}' to group by", hint="leave --by out, or name another field")
    opened = []
    try:
        for name in model:
            opened.append(open_model(name, root=root, precision=precision, device=device, best=best, batch=batch))
        asked = Measuring.of(opened, texts, Windows(context, stride, bos))
        if dry_run:
            return _forecast(asked)
        made = measure(asked, root, out=out, resume=resume, force=force, attach=screen.attach, listener=screen.progress)
    finally:
        for each in opened:
            each.close()
    for name in model:
        if trained_on(name, texts, root):
            screen.warn(
                f"{name} was trained on {data}, or on what it is made from: its perplexity says little of other text"
            )
    summary = read_summary(made.path)
    assert made.manifest is not None
    failed = made.manifest.counts["failed"]
    errors = []
    if failed:
        message = f"{failed:,} texts could not be scored; `state` and `reason` in items/ say which and why"
        errors.append(UserError(message, hint="put them right, then --force", code=Exit.PARTIAL))
    code = Exit.PARTIAL if errors else Exit.OK
    shown = [*show.blocks(summary), f"run: {made.path}"]
    return Result({**summary, "counts": made.manifest.counts}, shown, run=made.path, code=code, errors=errors)


def _forecast(asked: Measuring) -> Result:
    from evalkit.perplexity.make import forecast, seconds_a_token

    found = forecast(asked)
    speeds = [seconds_a_token(model, asked) for model in asked.models]
    seconds = [speed * one.tokens for speed, one in zip(speeds, found, strict=True)]
    rows = [
        (model.name, asked.count, one.requests, one.tokens, duration(time), one.cost or None)
        for model, one, time in zip(asked.models, found, seconds, strict=True)
    ]
    note = "times from a probe" + ("; tokens are estimated from characters" if any(o.estimated for o in found) else "")
    columns = ("model", asked.texts.split, "requests", "tokens to read", "time", "cost")
    data = {"texts": asked.count, "forecast": [one._asdict() for one in found], "seconds": seconds}
    return Result(data, [Table(columns, rows, "Forecast", note)])
