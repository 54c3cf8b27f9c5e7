"""What a stage will cost, before anything starts: `train plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import torch

from train import plan
from train.data.batch import PADDING, Batch
from train.distributed import World
from train.lora import LoraSettings
from train.optim import Optimizers
from train.schedule import share_at
from train.stages.run import Stage
from train.step import Term, autocast
from workbench.render import Block, Facts, Table, duration, size

PROBE_S = 10.0


def forecast(stage: Stage, world: World, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Parameters, arithmetic, memory by part, what is read by part, and time from ten seconds of real steps.

    say: is told what takes long, before it does.
    """
    recipe, process = stage.recipe, plan.resident()  # before any model is there
    lora: LoraSettings | None = getattr(recipe, "lora", None)
    say(f"timing {stage.rehearsed or 'steps'} for {PROBE_S:g} s, or one where it takes longer")
    terms = [term for term in stage.rehearsal or stage.terms if term.coefficient]
    first = [term.source.batches(0, world.rank, world.size) for term in terms]
    batches = first[0]
    rows, width = batches[0].tokens.shape
    setup = plan.Setup(
        rows=rows,
        width=width,
        micro_batches=len(batches),
        optimizer=recipe.optim.optimizer,
        lora=lora,
        bf16=recipe.precision == "bf16",
        checkpointing=recipe.checkpointing,
    )
    seen = {name: dict(part) for name, part in stage.seen(stage.steps).items()}
    tokens = sum(part["tokens"] for part in seen.values())
    per_token = plan.flops(stage.config, width, lora)
    memory = plan.memory(stage.config, setup, process=process)
    memory |= {**stage.beside, "total": memory["total"] + sum(stage.beside.values())}
    pace = plan.probe(_step(stage, world, terms, first), PROBE_S)
    return {
        "kind": stage.kind,
        "steps": stage.steps,
        "tokens": tokens,
        "parameters": plan.parameters(stage.config, lora),
        "flops_per_token": per_token,
        "flops": per_token["total"] * tokens * stage.effort,
        "memory": memory,
        "seen": seen,
        "tokens_per_s": pace.tokens_per_s * world.size,
        "seconds": pace.seconds(tokens) / world.size,
        "spread": pace.spread,
    }


def _step(stage: Stage, world: World, terms: Sequence[Term], first: list[list[Batch]]) -> Callable[[], int]:
    """One optimizer step after another on the rows of these terms (those of step 0 were read before), of which it tells
    the tokens of the first; its model is thrown away afterwards."""
    recipe = stage.recipe
    torch.manual_seed(recipe.seed)
    model = stage.model().to(world.device).train()
    if recipe.checkpointing and hasattr(model, "checkpointing"):
        model.checkpointing = True  # type: ignore[assignment]
    optimizers = Optimizers(model, recipe.optim)
    steps = count()

    def step() -> int:
        number = next(steps)
        at = number % stage.steps
        read = [term.source.batches(at, world.rank, world.size) for term in terms] if number else first
        for term, batches in zip(terms, read, strict=True):
            factor = term.coefficient / sum(batch.weight for batch in batches)
            for batch in batches:
                with autocast(world.device, recipe.precision):
                    loss = term.objective(model, batch.to(world.device)).loss
                (loss * factor).backward()
        optimizers.step(share_at(at, stage.steps, recipe.optim.schedule))
        optimizers.zero()
        return sum(int((batch.docs != PADDING).sum()) for batch in read[0])

    return step


def blocks(data: dict[str, Any]) -> list[Block]:
    """The forecast as people read it."""
    parts = data["seen"].items()
    return [
        Facts(
            [
                ("steps", data["steps"]),
                ("tokens", int(data["tokens"])),
                ("arithmetic", f"{data['flops']:.3g} floating-point operations"),
                ("speed", f"{data['tokens_per_s']:,.0f} tokens/s (spread {data['spread']:.0%})"),
                ("time", duration(data["seconds"])),
            ],
            data["kind"],
        ),
        Table(["parameters", "number"], [[name, number] for name, number in data["parameters"].items()]),
        Table(["memory", "size"], [[name, size(number)] for name, number in data["memory"].items()]),
        Table(["part", "tokens", "epochs"], [[name, int(part["tokens"]), part["epochs"]] for name, part in parts]),
    ]
