"""Making one rollout: prompts chosen, answered by the policy, judged, measured by the trainer's own forward pass, and
given advantages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
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
from train.preferences.rows import Responses, collate, grouped
from train.rewards.cut import WithoutEnd, without_end
from train.rewards.types import Reward, checked
from train.rl.credit import Credit, Paid
from train.rl.critic import ActorCritic
from train.rl.prompts import Asked, Prompts, shown
from train.rl.responses import arrow, order_of, sequenced
from train.sampler import Params
from train.step import autocast
from train.tokenizer.tokenizer import Tokenizer
from workbench.errors import UserError

_NAMED = 5
AGREEMENT = 1e-5
"""By so much, in fp32, may sampler and trainer differ in the log-probability of a token (relative above 1): the root of
the mean square over a rollout's tokens."""
FURTHEST = 1e-4
"""And by so much in any one: rounding grows with the logits, and of thousands of tokens some few are past AGREEMENT."""


@dataclass(frozen=True)
class Plan:
    """How rollouts are made and used.

    prompts: of a rollout, `n` responses each. longest: tokens of a response. epochs: how often a rollout is read, in
    so many minibatches (optimizer steps) each. without_end: the score of a response that did not come to an end.
    width, micro_tokens: of the rows of a forward pass.
    """

    rollouts: int
    prompts: int
    n: int
    longest: int
    epochs: int
    minibatches: int
    temperature: float
    without_end: WithoutEnd
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


class Maker:
    """Makes rollouts with whatever weights a model has.

    reference: makes the model that KL is measured to; none: the policy with its adapters off.
    """

    def __init__(
        self,
        plan: Plan,
        prompts: Prompts,
        tokenizer: Tokenizer,
        form: Format,
        reward: Reward,
        credit: Credit,
        reference: Callable[[], nn.Module] | None,
    ) -> None:
        self.plan, self.prompts, self.reward = plan, prompts, reward
        self._tokenizer, self._form, self._credit = tokenizer, form, credit
        self._make_reference = reference
        self._reference: nn.Module | None = None

    @property
    def is_own_reference(self) -> bool:
        """Whether the policy without its adapters is what KL is measured to."""
        return self._make_reference is None

    @torch.no_grad()
    def table(
        self,
        number: int,
        model: nn.Module,
        beta: float,
        world: World,
        meta: Mapping[str, Any],
        *,
        judge: bool = True,
    ) -> pa.Table:
        """Rollout `number`, sampled from a model that is told apart by `meta`; all processes call, and have it. Without
        `judge` every score is 0."""
        with _evaluating(model):
            return self._table(number, model, beta, world, meta, judge)

    def _table(
        self, number: int, model: nn.Module, beta: float, world: World, meta: Mapping[str, Any], judge: bool
    ) -> pa.Table:
        plan = self.plan
        chosen = self._chosen(number)
        mine = self._sampled(number, model, chosen, range(len(chosen))[world.rank :: world.size])
        said = sorted(
            (_Said(*each) for rank in world.gather(mine) for each in rank), key=lambda one: (one.place, one.sample)
        )
        names = [self.prompts.names[chosen[one.place]] for one in said]
        asked = [self.prompts.asked[chosen[one.place]] for one in said]
        texts = [one.text for one in said]
        judged = world.once(lambda: self._judged(asked, texts, names)) if judge else {"": [0.0] * len(said)}
        whole = [one.reason != "length" for one in said]
        scores = torch.from_numpy(without_end(np.array(judged[""], np.float64), whole, plan.without_end))
        parts = {name: values for name, values in judged.items() if name}
        prompt_ids = [self.prompts.ids[chosen[one.place]] for one in said]
        found = self._measured(model, world, names, prompt_ids, said)
        mask = torch.arange(plan.longest) < torch.tensor([len(one.ids) for one in said])[:, None]
        drift = torch.where(mask, found["old_logps"] - found["ref_logps"], 0.0).double().sum(-1)
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
            "ended": float(np.mean(whole)),
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
        return arrow(columns, {"told": told, "responses": len(said), "tokens": tokens, **meta})

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

    def _sampled(self, number: int, model: nn.Module, chosen: list[int], places: range) -> list[_Said]:
        """This process's responses. A prompt that is there twice is asked with another seed, or it would be answered
        in the same words."""
        plan, found = self.plan, []
        params = Params(max_new=plan.longest, temperature=plan.temperature)
        sampler = Sampler(_policy(model), self._tokenizer, end_ids=self._form.stops(self._tokenizer))
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

    def _measured(
        self, model: nn.Module, world: World, names: list[str], prompt_ids: list[list[int]], said: list[_Said]
    ) -> dict[str, Any]:
        """By token [responses, longest], what the trainer's own forward pass says of them: log-probabilities of policy
        and reference, and the critic's values; and the largest gap to what the sampler said."""
        table = sequenced([f"{name} ({one.sample})" for name, one in zip(names, said, strict=True)], prompt_ids,
                          [one.ids for one in said])  # fmt: skip
        mine = np.arange(len(said), dtype=np.int64)[world.rank :: world.size]
        policy, device = _policy(model), next(model.parameters()).device
        found = {"old_logps": self._spread(table, mine, world, device, lambda batch: self._logps(policy, batch))}
        if self._make_reference is None:
            with adapters_off(policy):
                found["ref_logps"] = self._spread(table, mine, world, device, lambda batch: self._logps(policy, batch))
        else:
            if self._reference is None:
                self._reference = self._make_reference().eval().requires_grad_(False)
            reference = self._reference = self._reference.to(device)
            found["ref_logps"] = self._spread(table, mine, world, device, lambda batch: self._logps(reference, batch))
        if isinstance(model, ActorCritic):
            critic = model.critic
            found["old_values"] = self._spread(
                table,
                mine,
                world,
                device,
                lambda batch: critic(batch.tokens, batch.positions, batch.docs)[batch.labels != IGNORED],
            )
        sampled = torch.zeros_like(found["old_logps"])
        for row, one in enumerate(said):
            sampled[row, : len(one.ids)] = torch.tensor(one.logprobs)
        tokens = sum(len(one.ids) for one in said)
        return {**found, "gap": gap(sampled, found["old_logps"], tokens, bounded=self.plan.precision == "fp32")}

    def _logps(self, model: nn.Module, batch: Batch) -> Tensor:
        hidden = model(batch.tokens, batch.positions, batch.docs)
        found = token_logprobs(hidden, model.head, batch.labels, self.plan.temperature)
        return found[batch.labels != IGNORED]

    def _spread(
        self, table: Responses, mine: Ints, world: World, device: torch.device, measure: Callable[[Batch], Tensor]
    ) -> Tensor:
        """What `measure` says of every labelled token, as fp32 [responses, longest], from all processes."""
        found: list[tuple[int, list[float]]] = []
        counts = table.lengths - table.prompts
        for group in grouped(table, mine, self.plan.micro_tokens):
            batch = collate(table, group, self.plan.width)
            with autocast(device, self.plan.precision):
                values = measure(batch.to(device)).float().cpu()
            order = order_of(batch)
            parts = values.split([int(counts[one]) for one in order])
            found += [(one, part.tolist()) for one, part in zip(order, parts, strict=True)]
        whole = torch.zeros(len(table), self.plan.longest)
        for rank in world.gather(found):
            for one, values in rank:
                whole[one, : len(values)] = torch.tensor(values)
        return whole


def gap(sampled: Tensor, trained: Tensor, tokens: int, *, bounded: bool) -> float:
    """The largest gap between two log-probabilities of a token [responses, longest], 0 past an end, of so many tokens.

    Raises RuntimeError where it is `bounded` and past AGREEMENT or FURTHEST.
    """
    gaps = (sampled - trained).abs() / sampled.abs().clamp(min=1)
    furthest, usual = float(gaps.max()), float(gaps.square().sum() / tokens) ** 0.5
    if bounded and not (usual <= AGREEMENT and furthest <= FURTHEST):
        raise RuntimeError(
            f"sampler and trainer disagree by {usual:.3g} about the log-probability of a usual token, by {furthest:.3g}"
            f" at most; the bounds are {AGREEMENT:g} and {FURTHEST:g}"
        )
    return furthest


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
