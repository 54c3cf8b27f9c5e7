"""Going on from prompts: batches of sequences through one cache, the same sequence in whatever batch it stands.

sampler = Sampler(opened.model, opened.tokenizer)
sampler.generate([ids], Params(max_new=64, temperature=0.7), seed=1, n=4)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import PADDING
from train.model.decode import Decoder
from train.sampler import Drawn, Params, draw, sequence_seed, uniforms
from train.textstream import TextStream
from workbench.errors import UserError

_CROWDED = 0.9  # rows are compacted when fewer than this share of them still runs
_CHUNK = 2048  # positions of a prompt whose logits are held at once

Likeliest = list[tuple[int, float]]


class Coder(Protocol):
    """What the sampler asks of a tokenizer."""

    @property
    def eos(self) -> int | None:
        """The token that ends a text."""
        ...

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of tokens."""
        ...


class Scored(NamedTuple):
    """Log-probabilities of a prompt's tokens after its first, and for each place the likeliest tokens, best first."""

    logprobs: list[float]
    alternatives: list[Likeliest]


@dataclass(frozen=True, slots=True)
class Completion:
    """How one sequence went on.

    ids: the new tokens, with the end token and those of a stop text. text: what they say, without the stop text.
    reason: `eos` for an end token, `stop` for a stop text, `length` where max_new or the context was used up.
    logprobs: of each token under the whole softmax at the temperature (at temperature 0: at 1), as `token_logprobs`
    of a full forward pass gives them. drawn: under what it was drawn from, which top-k, top-p and min-p make narrower;
    0 where the likeliest was taken. alternatives: the likeliest tokens of each step. prompt: where asked for.
    """

    ids: list[int]
    logprobs: list[float]
    drawn: list[float]
    text: str
    reason: str
    alternatives: list[Likeliest]
    prompt: Scored | None = None


class Piece(NamedTuple):
    """What one step brought to one sequence: a token, and the text that became certain with it.

    offset: characters of the completion before the token. `completion` is set in a sequence's last piece, `prompt` in
    its first where asked for. token is None only where no token was wanted.
    """

    sequence: int
    token: int | None
    logprob: float
    alternatives: Likeliest
    offset: int
    text: str
    prompt: Scored | None
    completion: Completion | None


class Sampler:
    """Goes on from prompts with a model and its tokenizer, at most `rows` sequences at a time.

    end_ids: tokens that end a sequence (default: the tokenizer's). A result depends on the weights, the prompt, the
    parameters and the sequence's own seed, and not on what else is in the batch: floating point aside, which can
    move a draw where it falls on the edge between two tokens to the last few bits.
    """

    def __init__(self, model: nn.Module, tokenizer: Coder, *, end_ids: Iterable[int] = (), rows: int = 64) -> None:
        self.model = cast(Any, model)  # modules type their attributes as tensors or modules
        self.tokenizer = tokenizer
        self.context: int = self.model.config.max_positions
        self.vocabulary: int = self.model.head.shape[0]
        self.end_ids = frozenset(end_ids) or frozenset([] if tokenizer.eos is None else [tokenizer.eos])
        self.rows = rows
        self._decoder: Decoder | None = None

    def decoder(self) -> Decoder | None:
        """What reads single tokens faster than the model, made at the first use and when weights have changed since;
        None where the model has to be asked itself."""
        autocast = torch.is_autocast_enabled(self.model.head.device.type)
        if autocast or not Decoder.suits(self.model):
            return None
        if self._decoder is None or not self._decoder.current():
            self._decoder = Decoder(self.model)
        return self._decoder

    def generate(
        self, prompts: Sequence[Sequence[int]], params: Params, *, seed: int = 0, n: int = 1, echo: bool = False
    ) -> list[Completion]:
        """`n` completions of every prompt, those of the first prompt first.

        The i-th sequence of a prompt is seeded by (seed, prompt, i), so equal prompts have equal completions. echo:
        tell the prompts' own log-probabilities too. Raises UserError as `check` does.
        """
        found: dict[int, Completion] = {}
        for pieces in self._pieces(prompts, params, seed, n, echo, every=False):
            found |= {piece.sequence: piece.completion for piece in pieces if piece.completion is not None}
        return [found[number] for number in range(len(prompts) * n)]

    def stream(
        self, prompts: Sequence[Sequence[int]], params: Params, *, seed: int = 0, n: int = 1, echo: bool = False
    ) -> Iterator[list[Piece]]:
        """The same step by step: every item of the iterator took one pass of the model."""
        return self._pieces(prompts, params, seed, n, echo, every=True)

    def check(self, prompt: Sequence[int], params: Params) -> None:
        """UserError for a prompt that is empty, is no tokens of this vocabulary, or leaves no room in the context."""
        if not prompt:
            raise UserError("the prompt is empty", hint="give at least one token")
        if min(prompt) < 0 or max(prompt) >= self.vocabulary:
            wrong = next(token for token in prompt if not 0 <= token < self.vocabulary)
            raise UserError(f"the prompt's token {wrong} is not one of the model's {self.vocabulary:,}")
        if len(prompt) + min(params.max_new, 1) > self.context:
            room = " and the completion needs one" if params.max_new else ""
            raise UserError(
                f"the prompt has {len(prompt):,} tokens{room}, the model's context is {self.context:,}",
                hint="shorten the prompt",
            )

    def _pieces(
        self, prompts: Sequence[Sequence[int]], params: Params, seed: int, n: int, echo: bool, *, every: bool
    ) -> Iterator[list[Piece]]:
        for prompt in prompts:
            self.check(prompt, params)
        # Prompts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
        sequences = [number * n + index for number in order for index in range(n)]
        for begin in range(0, len(sequences), self.rows):
            chosen = sequences[begin : begin + self.rows]
            seeds = [sequence_seed(seed, prompts[number // n], number % n) for number in chosen]
            batch = _Batch(self, [prompts[number // n] for number in chosen], seeds, params, echo, every)
            while not batch.done:
                yield [piece._replace(sequence=chosen[piece.sequence]) for piece in batch.step()]


class _Batch:
    """Sequences that go on together. The rows of the cache, and the columns of what is held of each step, are those
    that are still read; `order` has the number of the sequence of each, `runs` whether it goes on."""

    def __init__(
        self, sampler: Sampler, prompts: list[Sequence[int]], seeds: list[int], params: Params, echo: bool, every: bool
    ) -> None:
        self.sampler, self.params, self.every = sampler, params, every
        self.device: torch.device = sampler.model.head.device
        self.rooms = np.array([min(params.max_new, sampler.context - len(prompt)) for prompt in prompts])
        self.positions = torch.tensor([len(prompt) for prompt in prompts], device=self.device)
        self.steps = 0
        self.order = np.arange(len(prompts))
        self.runs = np.ones(len(prompts), dtype=bool)
        ends = [] if params.ignore_eos else sampler.end_ids
        self.is_end = torch.zeros(sampler.vocabulary, dtype=torch.bool, device=self.device)
        self.is_end[[token for token in {*ends, *params.stop_ids} if 0 <= token < sampler.vocabulary]] = True
        longest = max(self.rooms)
        self.numbers = uniforms(seeds, longest).T.contiguous().to(self.device)
        self.tokens = torch.zeros((longest, len(prompts)), dtype=torch.int64, device=self.device)
        self.logprobs = torch.zeros((longest, len(prompts)), device=self.device)
        self.drawn = torch.zeros_like(self.logprobs)
        self.alternatives: list[list[Likeliest]] = [[] for _ in prompts]
        watched = every or params.stop
        self.texts = [TextStream(sampler.tokenizer, params.stop) for _ in prompts] if watched else []
        self.said = [""] * len(prompts)
        self.scored: list[Scored] | None = None
        self.decoder: Decoder | None = None
        with torch.inference_mode():
            self._read(prompts, longest, echo)

    @property
    def done(self) -> bool:
        """Whether every sequence has ended."""
        return not self.runs.any()

    def _read(self, prompts: list[Sequence[int]], longest: int, echo: bool) -> None:
        """Fill the cache with the prompts, each distinct one read once, and find the first logits."""
        distinct = list(dict.fromkeys(map(tuple, prompts)))
        place = {prompt: number for number, prompt in enumerate(distinct)}
        which = torch.tensor([place[tuple(prompt)] for prompt in prompts], device=self.device)
        width = max(map(len, distinct))
        tokens = torch.zeros((len(distinct), width), dtype=torch.int64)
        docs = torch.full_like(tokens, PADDING)
        for row, prompt in enumerate(distinct):
            tokens[row, width - len(prompt) :] = torch.tensor(prompt)
            docs[row, width - len(prompt) :] = 0
        padding = width - torch.tensor([len(prompt) for prompt in distinct])
        positions = (torch.arange(width) - padding[:, None]).clamp_(min=0)
        model, device = self.sampler.model, self.device
        cache = model.new_cache(len(distinct), width)
        self.padded = bool(padding.any())
        whole = docs.to(device) if self.padded else None
        hidden = model(tokens.to(device), positions.to(device), whole, cache)
        if echo:
            by_prompt = [
                _score(hidden[row, width - len(prompt) :], model.head, prompt, self.params)
                for row, prompt in enumerate(distinct)
            ]
            self.scored = [by_prompt[number] for number in which.tolist()]
        if longest > 1:
            self.cache = cache.branch(which, longest - 1)
        self.hidden = hidden[which, -1]

    @torch.inference_mode()
    def step(self) -> list[Piece]:
        """Draw a token for every sequence; what the caller is to know of it."""
        if not self.params.max_new:
            self.runs[:] = False
            return [self._end(place, None, "length") for place in range(len(self.order))]
        if self.steps:
            self._advance()
        if self.decoder is None:
            logits = F.linear(self.hidden, self.sampler.model.head)
        else:
            logits = self.decoder.logits(self.hidden)
        found = draw(logits.float(), self.numbers[self.steps], self.params)
        self.tokens[self.steps] = found.tokens
        self.logprobs[self.steps] = found.logprobs
        self.drawn[self.steps] = found.drawn
        self.last = found.tokens
        self.steps += 1
        is_end = self.is_end[found.tokens].cpu().numpy()
        over = (is_end | (self.steps >= self.rooms)) & self.runs
        if not (self.texts or self.params.alternatives or over.any()):
            return []
        return self._tell(found, is_end, over)

    def _advance(self) -> None:
        """Read the tokens drawn last, with the rows that have ended left out once they are many."""
        if self.steps == 1:
            self.decoder = self.sampler.decoder()
        if (count := int(self.runs.sum())) <= _CROWDED * len(self.runs):
            self._leave_out(count)
        if self.decoder is not None:
            self.hidden = self.decoder.step(self.last, self.positions, self.cache)
        else:
            docs = torch.zeros_like(self.last[:, None]) if self.padded else None
            self.hidden = self.sampler.model(self.last[:, None], self.positions[:, None], docs, self.cache)[:, -1]
        self.positions += 1

    def _leave_out(self, count: int) -> None:
        """Put the last rows that go on in the place of the first that have ended, so that few have to move."""
        kept = np.arange(count)
        kept[~self.runs[:count]] = count + self.runs[count:].nonzero()[0]
        rows = torch.from_numpy(kept).to(self.device)
        self.cache.select(rows)
        self.last, self.positions = self.last[rows], self.positions[rows]
        self.numbers, self.tokens = self.numbers[:, rows], self.tokens[:, rows]
        self.logprobs, self.drawn = self.logprobs[:, rows], self.drawn[:, rows]
        self.order, self.rooms, self.runs = self.order[kept], self.rooms[kept], self.runs[kept]

    def _tell(self, found: Drawn, is_end: np.ndarray, over: np.ndarray) -> list[Piece]:
        pieces = []
        tokens, logprobs = found.tokens.tolist(), found.logprobs.tolist()
        likeliest = _likeliest(*found.alternatives) if found.alternatives else None
        for place in self.order.argsort().tolist():
            if not self.runs[place]:
                continue
            row = int(self.order[place])
            alternatives = likeliest[place] if likeliest else []
            if likeliest:
                self.alternatives[row].append(alternatives)
            text, offset = "", 0
            if self.texts:
                offset = self.texts[row].length
                text = "" if is_end[place] else self.texts[row].feed(tokens[place])
                stopped = self.texts[row].stopped
                if over[place] and not stopped:
                    text += self.texts[row].end()
                    stopped = self.texts[row].stopped
                over[place] |= stopped
                self.said[row] += text
            piece = Piece(row, tokens[place], logprobs[place], alternatives, offset, text, None, None)
            if self.steps == 1 and self.scored is not None:
                piece = piece._replace(prompt=self.scored[row])
            if over[place]:
                stopped = bool(self.texts) and self.texts[row].stopped
                reason = "stop" if stopped else "eos" if is_end[place] else "length"
                piece = self._end(place, piece, reason)
            if self.every or over[place]:
                pieces.append(piece)
        self.runs &= ~over
        return pieces

    def _end(self, place: int, piece: Piece | None, reason: str) -> Piece:
        """The last piece of a sequence."""
        row = int(self.order[place])
        ids, logprobs, drawn = (
            values[: self.steps, place].tolist() for values in (self.tokens, self.logprobs, self.drawn)
        )
        if self.texts:
            text = self.said[row]
        else:
            text = self.sampler.tokenizer.decode(ids[:-1] if reason == "eos" else ids)
        prompt = self.scored[row] if self.scored is not None else None
        completion = Completion(ids, logprobs, drawn, text, reason, self.alternatives[row], prompt)
        piece = piece or Piece(row, None, 0.0, [], 0, "", prompt, None)
        return piece._replace(completion=completion)


def _likeliest(ids: Tensor, values: Tensor) -> list[Likeliest]:
    return [list(zip(*row, strict=True)) for row in zip(ids.tolist(), values.tolist(), strict=True)]


def _score(hidden: Tensor, head: Tensor, prompt: Sequence[int], params: Params) -> Scored:
    """Log-probabilities of a prompt's tokens from its hidden states [tokens, hidden], by the arithmetic of `draw`."""
    targets = torch.tensor(prompt, device=hidden.device)[1:]
    logprobs: list[float] = []
    alternatives: list[Likeliest] = []
    for begin in range(0, len(targets), _CHUNK):
        wanted = targets[begin : begin + _CHUNK]
        logits = F.linear(hidden[begin : begin + len(wanted)], head).float()
        if params.temperature not in (0, 1):
            logits /= params.temperature
        best = logits.amax(-1, keepdim=True)
        level = best + torch.exp(logits - best).sum(-1, keepdim=True, dtype=torch.float64).log()
        logprobs += (logits.gather(-1, wanted[:, None]) - level).float().flatten().tolist()
        if params.alternatives:
            values, ids = logits.topk(min(params.alternatives, logits.shape[-1]))
            alternatives += _likeliest(ids, (values - level).float())
    return Scored(logprobs, alternatives)
