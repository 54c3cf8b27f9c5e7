"""Comparisons as rows of tokens: all responses of a prompt stand in one batch, each a document of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from train.data.batch import IGNORED, PADDING, Batch
from train.data.packing import Ints, plan
from train.data.rows import permutation
from train.preferences.types import Pair
from workbench.errors import UserError

Floats = npt.NDArray[np.float64]
Count = Literal["prompts", "pairs", "responses"]
"""What a batch's weight counts: what the loss of a step is divided by."""


class Sequenced(NamedTuple):
    """A prompt and one response as ids; the first `prompt` of them are the prompt, the rest is the response and the
    token that ends it."""

    ids: Sequence[int]
    prompt: int


class Responses:
    """The responses of many comparisons as ids, with their pairs.

    Comparison c has the responses first[c]:first[c+1] and the pairs pair_first[c]:pair_first[c+1]; `pairs` holds
    numbers of responses, winner before loser. wanted: the share of thumbs up, NaN where there are none.
    """

    def __init__(
        self,
        names: Sequence[str],
        responses: Sequence[Sequence[Sequenced]],
        pairs: Sequence[Sequence[Pair]],
        wanted: Sequence[Sequence[float | None]] | None = None,
    ) -> None:
        flat = [each for group in responses for each in group]
        self.names = list(names)
        self.first = _firsts([len(group) for group in responses])
        self.lengths: Ints = np.array([len(each.ids) for each in flat], np.int64)
        self.prompts: Ints = np.array([each.prompt for each in flat], np.int64)
        self._starts = _firsts(self.lengths)
        self._ids = np.concatenate([np.zeros(0, np.int32), *(np.array(each.ids, np.int32) for each in flat)])
        self.pair_first = _firsts([len(group) for group in pairs])
        found = [(pair, int(begin)) for begin, group in zip(self.first, pairs, strict=False) for pair in group]
        self.pairs: Ints = np.array([[begin + pair.winner, begin + pair.loser] for pair, begin in found], np.int64)
        self.pairs = self.pairs.reshape(-1, 2)
        self.probability: Floats = np.array([pair.probability for pair, _ in found], np.float64)
        self.margin: Floats = np.array([pair.margin for pair, _ in found], np.float64)
        thumbs = wanted if wanted is not None else [[None] * len(group) for group in responses]
        self.wanted: Floats = np.array([np.nan if up is None else up for group in thumbs for up in group], np.float64)

    def __len__(self) -> int:
        return len(self.names)

    def ids(self, response: int) -> Ints:
        """The ids of a prompt and a response."""
        return self._ids[self._starts[response] : self._starts[response + 1]].astype(np.int64)

    def tokens(self, comparisons: Ints) -> Ints:
        """The tokens of all responses of comparisons. [comparisons]"""
        return np.asarray(self._starts[self.first[comparisons + 1]] - self._starts[self.first[comparisons]], np.int64)

    def with_pairs(self) -> Ints:
        """The comparisons that have a pair."""
        return np.flatnonzero(np.diff(self.pair_first)).astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """Names all ids, pairs and thumbs: 32 hex digits."""
        found = blake2b(digest_size=16)
        for array in (
            *(self.first, self.lengths, self.prompts, self._ids),
            *(self.pair_first, self.pairs, self.probability, self.margin, self.wanted),
        ):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def collate(table: Responses, comparisons: Ints, width: int, count: Count = "prompts") -> Batch:
    """All responses of some comparisons as one batch: packed whole into rows of at most `width` positions.

    labels: the response's tokens. extras, where S responses stand in the batch, numbered comparison by comparison:
    `sequence` int64 [rows, width], the number of the response at each position, PADDING where there is none;
    `responses` int64 [S], their numbers in the table; `wanted` float [S]; `pairs` int64 [P, 2], winner and loser as
    numbers in the batch; `probability` and `margin` float [P]; `share` float [P], 1 / pairs of the pair's prompt.
    """
    numbers = np.concatenate([np.arange(*table.first[each : each + 2]) for each in comparisons.tolist()])
    planned = plan(table.lengths[numbers], width, whole=True)
    assert not len(planned.too_long), "responses are made to fit before they are rows"
    filled = int(planned.tokens().max())
    shape = (planned.rows, filled)
    tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    labels, docs, sequence = np.full(shape, IGNORED), np.full(shape, PADDING), np.full(shape, PADDING)
    for row in range(planned.rows):
        begin = 0
        for document, place in enumerate(planned.doc[planned.first[row] : planned.first[row + 1]].tolist()):
            ids, before = table.ids(int(numbers[place])), int(table.prompts[numbers[place]])
            part = slice(begin, begin + len(ids))
            tokens[row, part], positions[row, part] = ids, np.arange(len(ids))
            answer = np.arange(1, len(ids)) >= before
            labels[row, begin : part.stop - 1] = np.where(answer, ids[1:], IGNORED)
            docs[row, part], sequence[row, part] = document, place
            begin = part.stop
    place_of = dict(zip(numbers.tolist(), range(len(numbers)), strict=True))
    found = np.concatenate([np.arange(*table.pair_first[each : each + 2]) for each in comparisons.tolist()])
    counts = np.diff(table.pair_first)[comparisons]
    pairs = np.array([[place_of[one] for one in pair] for pair in table.pairs[found].tolist()], np.int64)
    weights = {"prompts": len(comparisons), "pairs": len(found), "responses": len(numbers)}
    extras = {
        "sequence": sequence,
        "responses": numbers,
        "wanted": table.wanted[numbers].astype(np.float32),
        "pairs": pairs.reshape(-1, 2),
        "probability": table.probability[found].astype(np.float32),
        "margin": table.margin[found].astype(np.float32),
        "share": np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32),
    }
    return Batch(
        tokens=torch.from_numpy(tokens),
        labels=torch.from_numpy(labels),
        positions=torch.from_numpy(positions),
        docs=torch.from_numpy(docs),
        weight=float(weights[count]),
        names=tuple(table.names[each] for each in comparisons.tolist()),
        extras={name: torch.from_numpy(value) for name, value in extras.items()},
    )


class Comparisons:
    """A `Source` of whole comparisons, each read once an epoch in an order of its own.

    prompts: of one step, over all ranks. micro_tokens: a forward pass takes consecutive prompts up to so many tokens
    (at least one prompt, whatever it has). sets: a set's name for each comparison, for `seen`. Comparison n of all is
    a function of (seed, n); a rank reads every world-th one of a step.
    """

    def __init__(
        self,
        table: Responses,
        comparisons: Ints,
        *,
        prompts: int,
        micro_tokens: int,
        width: int,
        seed: int,
        epochs: float = 1.0,
        sets: Mapping[str, Ints] | None = None,
        count: Count = "prompts",
    ) -> None:
        if not len(comparisons):
            raise UserError("there is nothing to compare", hint="give prompts with two responses that were judged")
        self.table, self.comparisons, self.prompts = table, np.asarray(comparisons, np.int64), prompts
        self.micro_tokens, self.width, self.seed, self.count = micro_tokens, width, seed, count
        self.steps = max(1, int(np.ceil(epochs * len(comparisons) / prompts - 1e-9)))
        self._sets = sets if sets is not None else {"": self.comparisons}
        self._orders: dict[int, Ints] = {}

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The micro-batches of one rank in one step."""
        if self.prompts % world:
            message = f"{self.prompts} prompts a step cannot be shared equally by {world} processes"
            raise UserError(message, hint="choose a multiple of the number of processes")
        return [
            collate(self.table, group, self.width, self.count)
            for group in grouped(self.table, self._step(step)[rank::world], self.micro_tokens)
        ]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """What the first so many steps read, by set: rows (prompts), pairs, tokens, epochs."""
        cycles, rest = divmod(steps * self.prompts, len(self.comparisons))
        some = self._order(cycles)[:rest]
        found = {}
        for name, members in self._sets.items():
            own = members[np.isin(members, self.comparisons)]
            partly = some[np.isin(some, own)]
            read = cycles * len(own) + len(partly)
            pairs = np.diff(self.table.pair_first)
            found[name] = {
                "rows": float(read),
                "pairs": float(cycles * pairs[own].sum() + pairs[partly].sum()),
                "tokens": float(cycles * self.table.tokens(own).sum() + self.table.tokens(partly).sum()),
                "epochs": read / len(own) if len(own) else 0.0,
            }
        return found

    def _step(self, step: int) -> Ints:
        places = np.arange(step * self.prompts, (step + 1) * self.prompts)
        epochs, rest = np.divmod(places, len(self.comparisons))
        return np.array([self._order(int(epoch))[at] for epoch, at in zip(epochs, rest, strict=True)], np.int64)

    def _order(self, epoch: int) -> Ints:
        """The comparisons in the order of an epoch."""
        if epoch not in self._orders:
            if len(self._orders) > 1:  # the epoch that is read, and the next where a step reaches over its end
                del self._orders[min(self._orders)]
            self._orders[epoch] = self.comparisons[permutation(len(self.comparisons), f"{self.seed}:{epoch}")]
        return self._orders[epoch]


def grouped(table: Responses, comparisons: Ints, micro_tokens: int) -> Iterator[Ints]:
    """Consecutive comparisons of at most so many tokens together, never fewer than one."""
    begin, sizes = 0, table.tokens(comparisons)
    while begin < len(comparisons):
        end = begin + 1
        while end < len(comparisons) and sizes[begin : end + 1].sum() <= micro_tokens:
            end += 1
        yield comparisons[begin:end]
        begin = end


def read_once(
    table: Responses, comparisons: Ints, *, width: int, micro_tokens: int, count: Count = "prompts"
) -> Iterator[Batch]:
    """Every comparison once, in its order: for evaluation."""
    for group in grouped(table, np.asarray(comparisons, np.int64), micro_tokens):
        yield collate(table, group, width, count)


def _firsts(counts: npt.ArrayLike) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)
