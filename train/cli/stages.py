"""The commands that train: `pretrain`, `anneal`, `extend` and `sft`. Under torchrun every process runs the command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from workbench.console import Result, Screen
from workbench.options import DEFAULT_ROOT, DryRun, Force, Jobs, Out, Resume, Root, Seed, Sets
from workbench.processes import cores
from workbench.render import Block, Facts, Table

Kind = TypeVar("Kind", bound="Section")

if TYPE_CHECKING:
    from train.distributed import World
    from train.stages.run import Stage, Trained, Where
    from train.stages.settings import Training
    from workbench.recipes import Section
    from workbench.yamltree import Node

RecipeFile = Annotated[
    Path | None, typer.Argument(metavar="[RECIPE]", help="A recipe in YAML; without one, flags and defaults decide.")
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DATA", help="A run of curate, a mix, an export, tokens, a file, a folder."),
]
Tokens = Annotated[
    str | None, typer.Option("--tokens", metavar="N", help="How many to read: 3000000, 3M, or 20x the parameters.")
]
From = Annotated[
    str | None, typer.Option("--from", metavar="MODEL", help="A train run, a checkpoint, a Hugging Face directory.")
]
Lora = Annotated[bool, typer.Option("--lora", help="Train adapters beside the frozen model.")]
Qlora = Annotated[bool, typer.Option("--qlora", help="Adapters beside a model frozen in four bits (NF4).")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAMES", help="Train these weights alone: attention, mlp, norms, a pattern."),
]
Template = Annotated[
    str | None, typer.Option("--template", metavar="NAME", help="How conversations are written: chatml, oasst ...")
]
Epochs = Annotated[float | None, typer.Option("--epochs", metavar="N", help="How often each is read.")]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="auto, cpu or cuda.")]
Precision = Annotated[str | None, typer.Option("--precision", metavar="NAME", help="fp32, or bf16 by autocast.")]


def pretrain(
    screen: Screen,
    recipe: RecipeFile = None,
    data: Data = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", metavar="DIR", help="Default: one is trained on the data.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", min=1, metavar="N", help="The model's size in one number: its layers.")
    ] = None,
    context: Annotated[int | None, typer.Option("--context", min=2, metavar="N", help="Tokens of a row.")] = None,
    tokens: Tokens = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A new model, trained on text to foretell the next token."""
    from train.stages.pretrain import pretrain as stage
    from train.stages.settings import Pretrain

    flags = {
        "--data": ("text.source", data),
        "--tokenizer": ("tokenizer", tokenizer),
        "--depth": ("model.depth", depth),
        "--context": ("model.context", context),
        "--tokens": ("length", tokens),
        **common(device, precision, seed),
    }
    resolved = resolve(Pretrain, recipe, flags, sets)
    where = where_to(root, out, resume, force, jobs)
    return run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, world, where, screen))


def anneal(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Data = None,
    tokens: Tokens = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A checkpoint trained on, on the best text, its learning rate falling to nothing."""
    from train.stages.pretrain import anneal as stage
    from train.stages.settings import Anneal

    flags = {
        "--from": ("checkpoint", model),
        "--data": ("text.source", data),
        "--tokens": ("length", tokens),
        **common(device, precision, seed),
    }
    resolved = resolve(Anneal, recipe, flags, sets)
    where = where_to(root, out, resume, force, jobs)
    return run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, world, where, screen))


def extend(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Data = None,
    context: Annotated[int | None, typer.Option("--context", min=2, metavar="N", help="The new length.")] = None,
    tokens: Tokens = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A checkpoint made for longer texts: positions stretched, trained on long documents."""
    from train.stages.pretrain import extend as stage
    from train.stages.settings import Extend

    flags = {
        "--from": ("checkpoint", model),
        "--data": ("text.source", data),
        "--context": ("context", context),
        "--tokens": ("length", tokens),
        **common(device, precision, seed),
    }
    resolved = resolve(Extend, recipe, flags, sets)
    where = where_to(root, out, resume, force, jobs)
    return run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, world, where, screen))


def sft(
    screen: Screen,
    recipe: RecipeFile = None,
    model: From = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE", help="Conversations or prompts with answers; may be repeated."),
    ] = None,
    template: Template = None,
    epochs: Epochs = None,
    lora: Lora = False,
    qlora: Qlora = False,
    only: Only = None,
    device: Device = None,
    precision: Precision = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """A checkpoint taught to answer: conversations, of which only the answers are learned."""
    from train.stages.settings import Sft
    from train.stages.sft import sft as stage

    flags = {
        "--data": sets_of(data),
        "--epochs": ("epochs", epochs),
        **adapted(model, template, lora, qlora, only),
        **common(device, precision, seed),
    }
    resolved = resolve(Sft, recipe, flags, sets)
    where = where_to(root, out, resume, force, None)
    base = folder_of(recipe)
    return run_stage(screen, resolved, where, dry_run, lambda world: stage(resolved, where, screen, base=base))


def planning(stage: Callable[..., Result]) -> Callable[..., Result]:
    """A stage's command that only says what it would cost: the same options but those that concern its run."""
    signature = inspect.signature(stage, eval_str=True)
    kept = [each for name, each in signature.parameters.items() if name not in _OF_A_RUN]

    @functools.wraps(stage)
    def plan(screen: Screen, **options: Any) -> Result:
        return stage(screen, **options, dry_run=True)

    plan.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return plan


_OF_A_RUN = ("out", "resume", "force", "dry_run")


def common(device: str | None, precision: str | None, seed: int | None) -> dict[str, tuple[str, Any]]:
    return {"--device": ("device", device), "--precision": ("precision", precision), "--seed": ("seed", seed)}


def adapted(
    model: str | None, template: str | None, lora: bool, qlora: bool, only: list[str] | None
) -> dict[str, tuple[str, Any]]:
    """The flags of every stage that begins from a checkpoint and reads conversations."""
    return {
        "--from": ("checkpoint", model),
        "--template": ("data.template", template),
        "--only": ("only", only or None),
        "--lora": ("lora", {} if lora or qlora else None),
        "--qlora": ("lora.quantise", True if qlora else None),
    }


def sets_of(data: list[str] | None) -> tuple[str, Any]:
    """What `--data` with files means, whose paths are relative to where the command runs."""
    return "data.sets", [{"path": str(Path(path).resolve())} for path in data] if data else None


def folder_of(recipe: Path | None) -> Path:
    """What paths in a recipe are relative to."""
    return Path() if recipe is None else recipe.parent


def with_blocks(result: Result, blocks: Sequence[Block]) -> Result:
    """A stage's result with more to show, before the line that says where it was written."""
    told = list(result.blocks or [])
    return Result(result.data, [*told[:-1], *blocks, *told[-1:]], result.run, result.code, result.errors)


def resolve(
    kind: type[Kind], recipe: Path | None, flags: Mapping[str, tuple[str, Any]], sets: list[str] | None
) -> Kind:
    """The recipe of a stage: file, then flags, then --set."""
    from workbench import recipes

    layers = [_layer(recipe, kind.__name__.lower())] if recipe is not None else []
    for flag, (path, value) in flags.items():
        if value is not None:
            for name in reversed(path.split(".")):
                value = {name: value}
            layers.append(recipes.from_values(value, flag))
    return recipes.resolve(kind, [*layers, *map(recipes.from_set, sets or [])]).recipe


def _layer(path: Path, stage: str) -> Node:
    """A recipe file; of a file for several stages the section of this one; of a run's own recipe.yaml, which names the
    data's digests too, the recipe alone."""
    from workbench import recipes
    from workbench.errors import UserError

    node = recipes.from_file(path)
    if not isinstance(node.value, dict):
        return node
    if set(node.value) == {"recipe", "sources"}:
        return node.value["recipe"]
    if set(node.value) != {"stages"}:
        return node
    sections = node.value["stages"].value
    if not isinstance(sections, dict) or stage not in sections:
        named = ", ".join(sections) if isinstance(sections, dict) else "none"
        hint = f"it has {named}; add a section {stage}"
        raise UserError(f"{path} has nothing for this stage, '{stage}'", hint=hint, file=path)
    return sections[stage]


def where_to(root: Path, out: Path | None, resume: bool, force: bool, jobs: int | None) -> Where:
    from train.stages.run import Where

    return Where(root, out, resume, force, jobs or cores())


def run_stage(screen: Screen, recipe: Training, where: Where, dry_run: bool, make: Callable[[World], Stage]) -> Result:
    from train.distributed import open_world
    from train.stages.run import train

    with open_world(recipe.device, recipe.sharding) as world:
        if not world.first:
            screen.quiet = True
        stage = make(world)
        if dry_run:
            from train.stages.forecast import blocks, forecast

            data = forecast(stage, world, screen.say)
            return Result(data, blocks(data))
        trained = train(stage, world, where, screen)
        return _told(trained) if world.first else Result(blocks=[])


def _told(trained: Trained) -> Result:
    data = trained.data
    facts = [
        ("parameters", f"{data['parameters']['total']:,}"),
        ("steps", data["steps"]),
        ("tokens", data["tokens"]),
        ("checkpoint", data["checkpoint"]),
    ]
    if data["training_loss"] is not None:
        facts.append(("loss of the last steps", f"{data['training_loss']:.4f} nats a {data['unit']}"))
    whole = [row for row in data["measured"] if row["part"] == ""]
    if whole and whole[0]["bits_per_byte"] is not None:
        facts.append(("held-out bits per byte", f"{whole[0]['bits_per_byte']:.4f}"))
    elif whole:
        facts.append(("held-out loss", f"{whole[0]['loss']:.4f} nats a {data['unit']}"))
    for order, bits in data.get("baselines", {}).items():
        facts.append((f"a {order}-gram model of the same tokens", f"{bits:.4f}"))
    blocks: list[Block] = [Facts(facts, "was done before" if trained.was_done else "")]
    rows = [[name, int(part["rows"]), int(part["tokens"]), part["epochs"]] for name, part in data["seen"].items()]
    blocks.append(Table(["part", "rows", "tokens", "epochs"], rows, "What was read"))
    blocks.append(f"written to {trained.run.path}")
    return Result({**data, "was_done": trained.was_done}, blocks, trained.run.path)
