"""`train export`, `import`, `merge` and `status`: models in and out, and how a training stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, Force, Out, Root, RunName
from workbench.render import Block, Facts, Table, duration

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A train run, a checkpoint, an adapter, or a Hugging Face directory.")
]
Target = Annotated[Path, typer.Option("--out", metavar="DIR", help="The directory to write; it must not be there.")]


@command("train.export/1")
def export(
    screen: Screen,
    model: Model,
    out: Target,
    best: Annotated[bool, typer.Option("--best", help="The run's best checkpoint instead of its last.")] = False,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """A checkpoint as a directory that transformers and vLLM open: weights, configs, tokenizer, card; nothing else."""
    from train.convert import export as work

    written = work(model, out, root, best=best)
    return Result({"files": [path.name for path in written]}, [f"{len(written)} files in {out}"])


@command("train.merge/1")
def merge(
    screen: Screen,
    model: Annotated[str, typer.Argument(metavar="ADAPTER", help="A fine-tuning run with --lora, or an adapter.")],
    out: Target,
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help="The model it belongs to.")] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """An adapter and its model as one plain model, added up in fp32."""
    from train.convert import merge as work

    written = work(model, out, root, base=base)
    return Result({"files": [path.name for path in written]}, [f"{len(written)} files in {out}"])


def import_(
    screen: Screen,
    model: Annotated[Path, typer.Argument(metavar="DIR", help="A Llama (or Qwen3) directory of Hugging Face.")],
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
) -> Result:
    """A model from elsewhere as a run that stages begin from; its weights stay bit for bit what they are."""
    from train.convert import import_model

    run, config = import_model(model, out, root, force=force)
    total = config.parameters()["total"]
    data = {"parameters": config.parameters(), "kind": config.kind}
    return Result(
        data, [Facts([("parameters", f"{total:,}"), ("context", config.max_positions)], str(run.path))], run.path
    )


@command("train.status/1")
def status(screen: Screen, run: RunName, root: Root = DEFAULT_ROOT) -> Result:
    """How far a training is, how its loss went, and which checkpoints it has."""
    from train import checkpoint
    from workbench.runs import Run
    from workbench.tables import read_tables

    opened = Run.open(run, root)
    if not opened.started.kind.startswith("train.") or not (opened.path / "metrics").is_dir():
        hint = "name the run of a training stage"
        raise UserError(f"{opened.path} is no training with metrics", hint=hint, code=Exit.INPUT)
    import polars as pl

    table = read_tables(opened.path / "metrics").collect()
    steps = table.filter(pl.col("kind") == "train")
    last = steps.tail(1).to_dicts()
    measured = table.filter((pl.col("kind") == "eval") & (pl.col("part") == ""))
    kept = [
        {"name": path.name, "value": checkpoint.read_state(path).value} for path in checkpoint.all_complete(opened.path)
    ]
    data: dict[str, Any] = {
        "kind": opened.started.kind,
        "finished": opened.is_finished,
        "last": last[0] if last else None,
        "measured": measured.select("step", "loss", "bits_per_byte").to_dicts(),
        "checkpoints": kept,
        "skipped_steps": int(steps["skipped"].sum()),
    }
    facts: list[tuple[str, Any]] = [
        ("kind", data["kind"]),
        ("state", "finished" if opened.is_finished else "not finished"),
    ]
    if last:
        facts += [("steps", last[0]["step"]), ("loss", f"{last[0]['loss']:.4f}")]
        facts += [("tokens/s", f"{last[0]['tokens_per_s']:,.0f}"), ("time", duration(float(steps["seconds"].sum())))]
    blocks: list[Block] = [Facts(facts, str(opened.path))]
    if kept:
        blocks.append(Table(["checkpoint", "held-out value"], [[one["name"], one["value"]] for one in kept]))
    if measured.height:
        rows = measured.select("step", "loss", "bits_per_byte").rows()
        blocks.append(Table(["step", "loss", "bits a byte"], [list(row) for row in rows[-12:]], "Held out"))
    return Result(data, blocks, opened.path)
