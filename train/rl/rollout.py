"""Where the rows of reinforcement learning come from: the policy itself, asked again every few optimizer steps.

Optimizer step s belongs to rollout s // (epochs * minibatches). A rollout is sampled before its first step, by the
weights of that moment, and is written to the run before anything is learned from it. It is a function of the recipe
and those weights, so a run that was killed and goes on reads what is stored, or samples the same again. A stored one
that other weights sampled (the training went back and took another way) is sampled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xxhash
from torch import nn

from train.data.batch import Batch
from train.data.rows import permutation
from train.distributed import World
from train.objective import Objective, Sums
from train.rl.kl import KlSettings, coefficient
from train.rl.making import Maker
from train.rl.responses import TOLD, Rollout, file_of, meta_of
from workbench.files import leftovers, remove
from workbench.tables import write_table

ROLLOUTS = "rollouts"


class Rollouts:
    """A `Source` of what the policy says, with rewards and advantages.

    policy: makes the model that training begins with; `attach` hands over the one that is trained, whose weights every
    rollout is sampled with. `open` says where rollouts are stored; without it they are not.
    """

    def __init__(self, maker: Maker, kl: KlSettings, policy: Callable[[], nn.Module], world: World) -> None:
        self.maker, self.plan, self._kl, self._policy = maker, maker.plan, kl, policy
        self._model: nn.Module | None = None
        self._folder: Path | None = None
        self._world = world
        self._held: tuple[int, Rollout] | None = None
        self._told: dict[int, dict[str, Any]] = {}

    def open(self, run: Path, world: World) -> None:
        """Store rollouts under a run from now on, and read those that are there."""
        self._folder, self._world = run / ROLLOUTS, world

    def attach(self, model: nn.Module) -> nn.Module:
        """The model that is trained; it is returned."""
        self._model = model
        return model

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The micro-batches of one rank in one step; weights count tokens. Every process must ask for its own."""
        if step >= self.plan.steps:
            return []
        number, within = divmod(step, self.plan.steps_each)
        rollout = self._rollout(number, is_first=within == 0)
        epoch, part = divmod(within, self.plan.minibatches)
        order = permutation(len(rollout), f"{self.plan.seed}:rollout {number}:{epoch}")
        mine = np.array_split(order, self.plan.minibatches)[part][rank::world]
        fresh = within == 0 and self._folder is not None  # a forecast goes through the same steps again
        return rollout.batches(mine, width=self.plan.width, micro_tokens=self.plan.micro_tokens, fresh=fresh)

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """What the first so many steps read: responses, their tokens with those of the prompts, epochs over prompts."""
        done, rest = divmod(steps, self.plan.steps_each)
        shares = [1.0] * done + ([rest / self.plan.steps_each] if rest else [])
        rows = self.plan.prompts * self.plan.n
        prompts = self.maker.prompts
        usual = rows * (sum(map(len, prompts.ids)) / len(prompts) + self.plan.longest)
        tokens = [self._figures(number).get("tokens", usual) for number in range(len(shares))]
        return {
            "rollouts": {
                "rows": self.plan.epochs * rows * sum(shares),
                "tokens": self.plan.epochs * sum(share * each for share, each in zip(shares, tokens, strict=True)),
                "epochs": len(shares) * self.plan.prompts / len(prompts),
            }
        }

    def figures(self) -> list[dict[str, Any]]:
        """What is told of every rollout that is stored, in order."""
        found = []
        for number in range(self.plan.rollouts):
            told = self._figures(number)
            if not told:
                break
            found.append({"step": number * self.plan.steps_each, **told["told"]})
        return found

    def _figures(self, number: int) -> dict[str, Any]:
        if number not in self._told and self._folder is not None:
            path = file_of(self._folder, number * self.plan.steps_each)
            if path.is_file():
                self._told[number] = meta_of(path)
        return self._told.get(number, {})

    def _rollout(self, number: int, *, is_first: bool) -> Rollout:
        """The rollout that is held, stored, or has to be made now."""
        if self._held is None or self._held[0] != number:
            self._held = None
            rollout = self._stored(number, is_first)
            if rollout is None:
                assert is_first or self._folder is not None
                rollout = self._made(number)
            self._held, self._told[number] = (number, rollout), rollout.meta
        return self._held[1]

    def _stored(self, number: int, is_first: bool) -> Rollout | None:
        """What lies in the run; None where it is still to be made."""
        if self._folder is None:
            return None
        path = file_of(self._folder, number * self.plan.steps_each)
        if is_first:
            made_by = fingerprint(self._ready())
            known = self._world.once(lambda: path.is_file() and meta_of(path)["policy"] == made_by)
            if not known:
                return None
        return Rollout(path)

    def _made(self, number: int) -> Rollout:
        """Sample, judge and store a rollout with the weights as they are."""
        model = self._ready()
        beta = coefficient(self._kl, [self._known(before) for before in range(number)])
        table = self.maker.table(number, model, beta, self._world, {"policy": fingerprint(model)})
        if self._folder is None:
            return Rollout(None, table)
        path = file_of(self._folder, number * self.plan.steps_each)

        def store() -> None:
            for old in leftovers(path.parent):
                remove(old)
            write_table(path, table)

        self._world.once(store)
        return Rollout(path)

    def unjudged(self, number: int) -> Rollout:
        """A rollout that nobody judges or keeps."""
        model = self._ready()
        return Rollout(None, self.maker.table(number, model, 0.0, self._world, {}, judge=False))

    def _known(self, number: int) -> tuple[float, int]:
        """Of a rollout before this one, the mean KL of a response and the number of responses."""
        if number not in self._told and self._folder is not None:
            self._told[number] = meta_of(file_of(self._folder, number * self.plan.steps_each))
        told = self._told[number]
        return told["told"]["response_kl"], told["responses"]

    def _ready(self) -> nn.Module:
        """The model that is trained; before there is one, as in a forecast, the one that training begins with."""
        if self._model is None:
            self._model = self._policy().to(self._world.device)
        return self._model


class Telling:
    """An objective that also tells the figures of the rollout which its rows are from."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of the objective, and more metrics."""
        found = self._objective(model, batch)
        told = {
            name.removeprefix(TOLD): (value.sum(), 1.0) for name, value in batch.extras.items() if name.startswith(TOLD)
        }
        return Sums(found.loss, found.weight, {**told, **found.metrics})


def fingerprint(model: nn.Module) -> str:
    """Names the weights that are trained, bit for bit."""
    hasher = xxhash.xxh3_128()
    for name, value in model.named_parameters():
        if value.requires_grad:
            hasher.update(name.encode())
            hasher.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()
