"""The gradients of one optimizer step: every term's sums over micro-batches and ranks, divided once."""

from __future__ import annotations

import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import xxhash
from torch import Tensor

from train.data.batch import PADDING, Batch, Source
from train.distributed import Parallel
from train.objective import Objective
from workbench.errors import Exit, UserError


@dataclass(frozen=True)
class Term:
    """One part of what a step optimises: coefficient * (sum of the objective over the rows) / (their weight).

    name: prefix of its columns in the metrics, needed where there are several terms.
    """

    objective: Objective
    source: Source
    coefficient: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class Gathered:
    """What one step found, the same on every rank; the gradients lie in the model.

    loss: the sum of the terms' losses times their coefficients. metrics: every (sum / weight) by column.
    """

    loss: float
    weight: float
    tokens: int
    wait_s: float
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The rows of a step on this rank: by term its batches, their number on the rank that has most, the weight of all.

    signal: of a process that was asked to end, 0 for none. tokens: of all ranks.
    """

    batches: list[list[Batch]]
    rounds: list[int]
    weights: list[float]
    tokens: int
    signal: int
    wait_s: float

    @property
    def is_empty(self) -> bool:
        """Whether no term has rows any more: the data have ended."""
        return not any(self.rounds)


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of torch's generators in one step of one rank, so that no generator's state is ever saved."""
    return xxhash.xxh3_64_intdigest(f"{seed}/{step}/{rank}".encode()) >> 1


def plan(terms: Sequence[Term], step: int, parallel: Parallel, signal: int = 0) -> Plan:
    """Ask every source for its rows of a step and add up the weights of all ranks.

    Raises UserError when a rank has no rows of a term of which others have some, and when the rows of a term have no
    weight at all (every label masked): it names them.
    """
    world = parallel.world
    began = time.perf_counter()
    batches = [term.source.batches(step, world.rank, world.size) for term in terms]
    wait_s = time.perf_counter() - began
    tokens = sum(int((batch.docs != PADDING).sum()) for rows in batches for batch in rows)
    own = [[len(rows), math.fsum(batch.weight for batch in rows)] for rows in batches]
    everyone = world.gather([own, tokens, signal])
    rounds = [max(rank[0][term][0] for rank in everyone) for term in range(len(terms))]
    weights = [math.fsum(rank[0][term][1] for rank in everyone) for term in range(len(terms))]
    for index, most in enumerate(rounds):
        if most and min(rank[0][index][0] for rank in everyone) == 0:
            hint = "take more rows a step, or fewer processes"
            raise UserError(f"step {step} has fewer micro-batches than there are processes", hint=hint)
        if most and not weights[index] > 0:
            _no_weight(step, [name for batch in batches[index] for name in batch.names])
    total = sum(rank[1] for rank in everyone)
    return Plan(batches, rounds, weights, total, max(rank[2] for rank in everyone), wait_s)


def _no_weight(step: int, names: Sequence[str]) -> None:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    raise UserError(
        f"step {step} has nothing to learn from: every label is masked in {shown or 'its rows'}",
        hint="check the rows' responses, the chat template and the context length",
        code=Exit.INPUT,
    )


def gradients(terms: Sequence[Term], step: int, rows: Plan, parallel: Parallel, precision: str) -> Gathered:
    """Leave the gradients of a step in the model, on every rank the same (or its shard), and say what was found.

    DDP and FSDP2 average over ranks, so each backpropagates its sums times world / weight (torchtitan,
    `trainer.train_step`). A rank with fewer micro-batches than another repeats its last one with factor 0.
    """
    world = parallel.world
    final = max(index for index, rounds in enumerate(rows.rounds) if rounds)
    found: list[tuple[str, Tensor | float, float]] = []
    for index, term in enumerate(terms):
        prefix = f"{term.name}." if term.name else ""
        for turn in range(rows.rounds[index]):
            real = turn < len(rows.batches[index])
            batch = rows.batches[index][turn if real else -1].to(world.device)
            factor = term.coefficient * world.size / rows.weights[index] if real else 0.0
            last = index == final and turn == rows.rounds[index] - 1
            with parallel.pending(last=last):
                with autocast(world.device, precision):
                    loss, sums = parallel.loss(term.objective, batch)
                scaled = loss * factor
                if last and len(terms) > 1:
                    scaled = scaled + parallel.touch()
                scaled.backward()
            if real:
                assert math.isclose(sums.weight, batch.weight), "an objective divides by the weight of its batch"
                found.append((f"{index}", loss.detach(), 0.0))
                found += [(prefix + name, value, weight) for name, (value, weight) in sums.metrics.items()]
    totals = _add(found, parallel)
    losses = [
        totals.pop(f"{index}", (0.0, 0.0))[0] / rows.weights[index] for index in range(len(terms)) if rows.rounds[index]
    ]
    active = [term for index, term in enumerate(terms) if rows.rounds[index]]
    metrics = {name: value / weight if weight else math.nan for name, (value, weight) in totals.items()}
    if len(terms) > 1:
        metrics |= {f"{term.name}.loss": loss for term, loss in zip(active, losses, strict=True)}
    loss_sum = math.fsum(term.coefficient * loss for term, loss in zip(active, losses, strict=True))
    return Gathered(loss_sum, math.fsum(rows.weights), rows.tokens, rows.wait_s, metrics)


def _add(found: list[tuple[str, Tensor | float, float]], parallel: Parallel) -> dict[str, tuple[float, float]]:
    """Sums and weights by name, over micro-batches and ranks; one transfer from the device."""
    tensors = [value.detach().double() for _, value, _ in found if isinstance(value, Tensor)]
    numbers = iter(torch.stack(tensors).tolist() if tensors else [])
    own: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for name, value, weight in found:
        own[name][0] += next(numbers) if isinstance(value, Tensor) else value
        own[name][1] += weight
    everyone = parallel.world.gather(own)
    names = sorted({name for rank in everyone for name in rank})
    return {
        name: (
            sum(rank[name][0] for rank in everyone if name in rank),
            sum(rank[name][1] for rank in everyone if name in rank),
        )
        for name in names
    }


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[None]:
    """bf16 matrix products over fp32 weights where the precision says so."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()
