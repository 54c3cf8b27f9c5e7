"""Where the rows of reinforcement learning come from: the policy itself, asked again every few optimizer steps.

Optimizer step s belongs to rollout s // (epochs * minibatches). A rollout is sampled before its first step, by the
weights of that moment, and is written to the run before anything is learned from it. It is a function of the recipe
and those weights, so a run that was killed and goes on reads what is stored, or samples the same again. A stored one
that other weights sampled (the training went back and took another way) is sampled anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xxhash
from torch import Tensor, nn

from train.data.batch import IGNORED, Batch
from train.data.chat import Format
from train.data.packing import Ints
from train.data.rows import permutation
from train.distributed import World
from train.generate import Sampler
from train.lora import adapters_off
from train.losses import token_logprobs
from train.objective import Objective, Sums
from train.preferences.rows import collate, grouped
from train.rewards.types import Reward, checked
from train.rl.credit import Credit, Paid
from train.rl.critic import ActorCritic
from train.rl.kl import KlSettings, coefficient
from train.rl.prompts import Asked, Prompts, shown
from train.rl.responses import TOLD, Rollout, arrow, file_of, meta_of, order_of, sequenced
from train.sampler import Params
from train.step import autocast
from train.tokenizer.tokenizer import Tokenizer
from workbench.errors import UserError
from workbench.files import leftovers, remove
from workbench.tables import write_table

ROLLOUTS = "rollouts"
_NAMED = 5
AGREEMENT = 1e-5
"""By so much, in fp32, may sampler and trainer differ in the log-probability of a token (relative above 1)."""


@dataclass(frozen=True)
class Plan:
    """How rollouts are made and used.

    prompts: of a rollout, `n` responses each. longest: tokens of a response. epochs: how often a rollout is read, in
    so many minibatches (optimizer steps) each. without_end: the score of a response that did not come to an end, none:
    what the reward says. width, micro_tokens: of the rows of a forward pass.
    """

    rollouts: int
    prompts: int
    n: int
    longest: int
    epochs: int
    minibatches: int
    temperature: float
    without_end: float | None
    width: int
    micro_tokens: int
    precision: str
    seed: int

    @property
    def steps_each(self) -> int:
        """Optimizer steps of a rollout."""
        return self.epochs * self.minibatches

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.rollouts * self.steps_each


class _Said(NamedTuple):
    """A response as it travels between processes. place: the number of its prompt in the rollout."""

    place: int
    sample: int
    ids: list[int]
    text: str
    reason: str
    logprobs: list[float]


class Rollouts:
    """A `Source` of what the policy says, with rewards and advantages.

    policy: makes the model that samples (with its critic, where there is one); `attach` hands over the one that is
    trained, whose weights every rollout is sampled with. reference: makes the model that KL is measured to; none: the
    policy with its adapters off. `open` says where rollouts are stored; without it they are not.
    """

    def __init__(
        self,
        plan: Plan,
        prompts: Prompts,
        tokenizer: Tokenizer,
        form: Format,
        reward: Reward,
        credit: Credit,
        kl: KlSettings,
        *,
        policy: Callable[[], nn.Module],
        reference: Callable[[], nn.Module] | None,
    ) -> None:
        self.plan, self.prompts, self.reward = plan, prompts, reward
        self._tokenizer, self._form, self._credit, self._kl = tokenizer, form, credit, kl
        self._policy, self._make_reference = policy, reference
        self._model: nn.Module | None = None
        self._reference: nn.Module | None = None
        self._folder: Path | None = None
        self._world = World()
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
        usual = rows * (sum(map(len, self.prompts.ids)) / len(self.prompts) + self.plan.longest)
        tokens = [self._figures(number).get("tokens", usual) for number in range(len(shares))]
        return {
            "rollouts": {
                "rows": self.plan.epochs * rows * sum(shares),
                "tokens": self.plan.epochs * sum(share * each for share, each in zip(shares, tokens, strict=True)),
                "epochs": len(shares) * self.plan.prompts / len(self.prompts),
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
        with torch.no_grad(), _evaluating(self._ready()):
            table = self._table(number)
        if self._folder is None:
            return Rollout(None, table)
        path = file_of(self._folder, number * self.plan.steps_each)

        def store() -> None:
            for old in leftovers(path.parent):
                remove(old)
            write_table(path, table)

        self._world.once(store)
        return Rollout(path)

    def _table(self, number: int) -> Any:
        plan, world = self.plan, self._world
        chosen = self._chosen(number)
        mine = self._sampled(number, chosen, range(len(chosen))[world.rank :: world.size])
        said = sorted(
            (_Said(*each) for rank in world.gather(mine) for each in rank), key=lambda one: (one.place, one.sample)
        )
        names = [self.prompts.names[chosen[one.place]] for one in said]
        asked = [self.prompts.asked[chosen[one.place]] for one in said]
        texts = [one.text for one in said]
        judged = world.once(lambda: self._judged(asked, texts, names))
        scores = torch.tensor(judged[""], dtype=torch.float64)
        parts = {name: values for name, values in judged.items() if name}
        ended = torch.tensor([one.reason != "length" for one in said])
        if plan.without_end is not None:
            scores = torch.where(ended, scores, plan.without_end)
        prompt_ids = [self.prompts.ids[chosen[one.place]] for one in said]
        found = self._measured(names, prompt_ids, said)
        mask = torch.arange(plan.longest) < torch.tensor([len(one.ids) for one in said])[:, None]
        drift = torch.where(mask, found["old_logps"] - found["ref_logps"], 0.0).double().sum(-1)
        beta = coefficient(self._kl, [self._known(before) for before in range(number)])
        paid = Paid(scores, found["old_logps"], found["ref_logps"], found.get("old_values"), mask, plan.n, beta)
        earned = self._credit(paid)
        found["advantages"] = earned.advantages
        if earned.returns is not None:
            found["returns"] = earned.returns
        lengths = mask.sum(-1)
        groups = scores.view(-1, plan.n)
        told = {
            "reward": float(scores.mean()),
            **{f"reward.{name}": float(np.mean(values)) for name, values in parts.items()},
            "response_kl": float(drift.mean()),
            "token_kl": float(drift.sum() / lengths.sum()),
            "beta": beta,
            "length": float(lengths.double().mean()),
            "ended": float(ended.double().mean()),
            "dead_groups": float((groups.amax(-1) == groups.amin(-1)).double().mean()) if plan.n > 1 else 0.0,
            "sampler_gap": found.pop("gap"),
        }
        columns = {
            "prompt_id": names,
            "sample": [one.sample for one in said],
            "prompt": [shown(each) for each in asked],
            "response": texts,
            "reason": [one.reason for one in said],
            "score": scores.tolist(),
            **{f"part.{name}": values for name, values in parts.items()},
            "kl": drift.tolist(),
            "advantage": (found["advantages"].double().sum(-1) / lengths).tolist(),
            "prompt_ids": prompt_ids,
            "ids": [one.ids for one in said],
            **{
                name: [row[: len(one.ids)].tolist() for row, one in zip(found[name], said, strict=True)]
                for name in found
            },
        }
        tokens = sum(map(len, prompt_ids)) + int(lengths.sum())
        meta = {"told": told, "responses": len(said), "tokens": tokens, "policy": fingerprint(self._ready())}
        return arrow(columns, meta)

    def _judged(self, asked: list[Asked], texts: list[str], names: list[str]) -> dict[str, list[float]]:
        """The scores under the name "", and their parts; UserError names the rows that were being judged."""
        try:
            found = checked(self.reward, asked, texts)
        except UserError as error:
            rows = list(dict.fromkeys(names))
            some = ", ".join(rows[:_NAMED]) + (f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else "")
            message = f"{error.message}; the rows were {some}"
            raise UserError(message, hint=error.hint, code=error.code, file=error.file) from error
        return {"": found.total.tolist(), **{name: values.tolist() for name, values in found.parts.items()}}

    def _chosen(self, number: int) -> list[int]:
        """The prompts of a rollout: all are asked once, in an order of the epoch's own, before any is again."""
        places = np.arange(number * self.plan.prompts, (number + 1) * self.plan.prompts)
        epochs, rest = np.divmod(places, len(self.prompts))
        orders = {int(each): permutation(len(self.prompts), f"{self.plan.seed}:prompts:{each}") for each in set(epochs)}
        return [int(orders[int(epoch)][at]) for epoch, at in zip(epochs, rest, strict=True)]

    def _sampled(self, number: int, chosen: list[int], places: range) -> list[_Said]:
        """This process's responses. A prompt that is there twice is asked with another seed, or it would be answered
        in the same words."""
        plan, found = self.plan, []
        params = Params(max_new=plan.longest, temperature=plan.temperature)
        sampler = Sampler(_policy(self._ready()), self._tokenizer, end_ids=self._form.stops(self._tokenizer))
        turns: dict[int, list[int]] = {}
        seen: dict[tuple[int, ...], int] = {}
        for place, prompt in enumerate(chosen):  # of all processes, so that the seeds do not depend on their number
            ids = tuple(self.prompts.ids[prompt])
            turn = seen[ids] = seen.get(ids, -1) + 1
            if place in places:
                turns.setdefault(turn, []).append(place)
        for turn, some in sorted(turns.items()):
            key = f"{plan.seed}/rollout/{number}/{turn}"
            asked = [self.prompts.ids[chosen[place]] for place in some]
            written = sampler.generate(asked, params, seed=xxhash.xxh3_64_intdigest(key.encode()), n=plan.n)
            for index, one in enumerate(written):
                place, sample = some[index // plan.n], index % plan.n
                found.append(_Said(place, sample, one.ids, one.text, one.reason, one.logprobs))
        return found

    def _measured(self, names: list[str], prompt_ids: list[list[int]], said: list[_Said]) -> dict[str, Any]:
        """By token [responses, longest], what the trainer's own forward pass says of them: log-probabilities of policy
        and reference, and the critic's values; and the largest gap to what the sampler said."""
        model = self._ready()
        table = sequenced([f"{name} ({one.sample})" for name, one in zip(names, said, strict=True)], prompt_ids,
                          [one.ids for one in said])  # fmt: skip
        mine = np.arange(len(said), dtype=np.int64)[self._world.rank :: self._world.size]
        policy = _policy(model)
        found = {"old_logps": self._spread(table, mine, lambda batch: self._logps(policy, batch))}
        if self._make_reference is None:
            with adapters_off(policy):
                found["ref_logps"] = self._spread(table, mine, lambda batch: self._logps(policy, batch))
        else:
            if self._reference is None:
                made = self._make_reference().to(self._world.device)
                self._reference = made.eval().requires_grad_(False)
            reference = self._reference
            found["ref_logps"] = self._spread(table, mine, lambda batch: self._logps(reference, batch))
        if isinstance(model, ActorCritic):
            critic = model.critic
            found["old_values"] = self._spread(
                table,
                mine,
                lambda batch: critic(batch.tokens, batch.positions, batch.docs)[batch.labels != IGNORED],
            )
        sampled = torch.zeros_like(found["old_logps"])
        for row, one in enumerate(said):
            sampled[row, : len(one.ids)] = torch.tensor(one.logprobs)
        gap = float(((sampled - found["old_logps"]).abs() / sampled.abs().clamp(min=1)).max())
        if self.plan.precision == "fp32" and not gap <= AGREEMENT:
            raise RuntimeError(
                f"sampler and trainer disagree by {gap:.3g} about the log-probability of a token; the bound is"
                f" {AGREEMENT:g}"
            )
        return {**found, "gap": gap}

    def _logps(self, model: nn.Module, batch: Batch) -> Tensor:
        hidden = model(batch.tokens, batch.positions, batch.docs)
        found = token_logprobs(hidden, model.head, batch.labels, self.plan.temperature)
        return found[batch.labels != IGNORED]

    def _spread(self, table: Any, mine: Ints, measure: Callable[[Batch], Tensor]) -> Tensor:
        """What `measure` says of every labelled token, as fp32 [responses, longest], from all processes."""
        found: list[tuple[int, list[float]]] = []
        counts = table.lengths - table.prompts
        device = self._world.device
        for group in grouped(table, mine, self.plan.micro_tokens):
            batch = collate(table, group, self.plan.width)
            with autocast(device, self.plan.precision):
                values = measure(batch.to(device)).float().cpu()
            order = order_of(batch)
            parts = values.split([int(counts[one]) for one in order])
            found += [(one, part.tolist()) for one, part in zip(order, parts, strict=True)]
        whole = torch.zeros(len(table), self.plan.longest)
        for rank in self._world.gather(found):
            for one, values in rank:
                whole[one, : len(values)] = torch.tensor(values)
        return whole

    def _known(self, number: int) -> tuple[float, int]:
        """Of a rollout before this one, the mean KL of a response and the number of responses."""
        if number not in self._told and self._folder is not None:
            self._told[number] = meta_of(file_of(self._folder, number * self.plan.steps_each))
        told = self._told[number]
        return told["told"]["response_kl"], told["responses"]

    def _ready(self) -> nn.Module:
        """The model that is trained; before there is one, as in a forecast, the one that training begins with."""
        if self._model is None:
            self._model = self._policy()
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


def _policy(model: nn.Module) -> nn.Module:
    return model.policy if isinstance(model, ActorCritic) else model


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
