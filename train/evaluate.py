"""Held-out loss by part, in nats a token and in bits a byte of the text itself."""

from __future__ import annotations

import functools
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from train.data.batch import Batch
from train.data.packing import Ints
from train.data.pretraining import Texts
from train.data.rows import read_once
from train.data.tokens import Tokens
from train.distributed import Parallel
from train.objective import Objective
from train.step import autocast


@dataclass(frozen=True)
class HeldOut:
    """Documents that are never trained on.

    bytes: of their text in UTF-8, special tokens not counted (0: unknown, then there are no bits per byte). batches:
    makes all their rows, anew on each call; each token but a document's first is a label once.
    """

    part: str
    bytes: int
    batches: Callable[[], Iterable[Batch]]


@dataclass(frozen=True)
class Evaluation:
    """What is measured beside the training, and by which objective; its weight must count labels."""

    objective: Objective
    held_out: Sequence[HeldOut]


def evaluate(parallel: Parallel, evaluation: Evaluation, precision: str) -> list[dict[str, Any]]:
    """One row a part, and one with part "" for all: loss (nats a label), tokens (labels), bytes, bits_per_byte, and the
    objective's own metrics. All ranks must call; each takes every world-th batch, and all return the same.

    bits_per_byte = sum of nats / (ln 2 * bytes): the bytes are those of the whole documents, so tokenizers of any
    kind can be compared; that the document ends is part of what is predicted.
    """
    model = parallel.model
    was_training = model.training
    model.eval()
    try:
        own = parallel.inside(_sums, evaluation, parallel, precision)
    finally:
        model.train(was_training)
    everyone = parallel.world.gather(own)
    rows = []
    whole: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for index, part in enumerate(evaluation.held_out):
        totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for rank in everyone:
            for name, (value, weight) in rank[index].items():
                for each in (totals, whole):
                    each[name][0] += value
                    each[name][1] += weight
        rows.append(_row(part.part, part.bytes, totals))
    known = all(part.bytes for part in evaluation.held_out)
    return [*rows, _row("", sum(part.bytes for part in evaluation.held_out) if known else 0, whole)]


def _sums(
    model: nn.Module, evaluation: Evaluation, parallel: Parallel, precision: str
) -> list[dict[str, tuple[float, float]]]:
    """This rank's sums and weights by part; ranks call the model equally often, as FSDP2 asks."""
    world = parallel.world
    found = []
    for part in evaluation.held_out:
        totals: dict[str, tuple[float, float]] = {}
        batches = iter(part.batches())
        while group := list(itertools.islice(batches, world.size)):
            batch = group[min(world.rank, len(group) - 1)]
            with autocast(world.device, precision):
                sums = evaluation.objective(model, batch.to(world.device))
            if world.rank < len(group):
                for name, (value, weight) in {**sums.metrics, "": (sums.loss, sums.weight)}.items():
                    before = totals.get(name, (0.0, 0.0))
                    value = float(value.detach().double()) if isinstance(value, torch.Tensor) else value
                    totals[name] = (before[0] + value, before[1] + weight)
        found.append(totals)
    return found


def _row(part: str, size: int, totals: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    means = {name: value / weight for name, (value, weight) in totals.items() if weight}
    nats, labels = totals.get("", (0.0, 0.0))
    loss = means.pop("", math.nan)
    bits = nats / (math.log(2) * size) if size else None
    return means | {"part": part, "loss": loss, "weight": labels, "bytes": float(size), "bits_per_byte": bits}


HELD_OUT_TOKENS = 200_000
"""So many held-out tokens of a part are measured, unless said otherwise."""


def measured_documents(tokens: Tokens, part: str, at_most: int = HELD_OUT_TOKENS) -> Ints:
    """The first held-out documents of a part that reach `at_most` tokens together; those of one token predict none."""
    documents = tokens.split("held_out", part)
    documents = documents[tokens.lengths[documents] > 1]
    before = np.cumsum(tokens.lengths[documents]) - tokens.lengths[documents]
    return documents[before < at_most]


def held_out(tokens: Tokens, *, width: int, micro: int, at_most: int = HELD_OUT_TOKENS) -> list[HeldOut]:
    """The held-out documents of token shards by part, each read once in rows of `width`, `micro` rows at a time.

    A document longer than a row is cut, and the model sees nothing from before the cut.
    """
    content = Texts(tokens)
    found = []
    for name in tokens.parts:
        documents = measured_documents(tokens, name, at_most)
        if len(documents):
            batches = functools.partial(read_once, content, documents, width=width, micro=micro)
            found.append(HeldOut(name, int(tokens.bytes[documents].sum()), batches))
    return found
