"""Models of `train` and Llamas of Hugging Face, computed here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from evalkit.likelihood.encode import Coder, Encoded, encode_pairs
from evalkit.likelihood.engine import Engine, Scored
from evalkit.likelihood.plan import Sought
from evalkit.likelihood.windows import windows as windows_of
from evalkit.models.types import (
    Asking,
    Decoding,
    Floats,
    Forecast,
    Generated,
    Likelihood,
    Listener,
    Pair,
    Prompt,
    Rolled,
    Windows,
)
from train.data.chat import Format, Template
from train.data.foreign import Foreign
from train.generate import Sampler
from train.open import Opened
from train.sampler import Params
from workbench.errors import Exit, UserError
from workbench.events import Event

_ROWS = 64
_TOGETHER = 1 << 16  # tokens of texts that are planned at a time
BOS = ("context", "scored", "none")


class _Cut(NamedTuple):
    """A text as it is read. starts: of the tokens that count. begins: scored tokens that stand before them."""

    sought: list[Sought]
    starts: list[int]
    begins: int


class Local:
    """A model on this machine. See `evalkit.models.types.Model`.

    bos: whether texts begin with the begin-of-text token (None: as the tokenizer's own files say, see `Coder`).
    batch: sequences at a time.
    """

    def __init__(
        self, name: str, opened: Opened, *, precision: str, bos: bool | None = None, batch: int | None = None
    ) -> None:
        self.name = name
        self.opened = opened
        self.context: int | None = opened.config.max_positions
        self.can = frozenset({"loglikelihood", "rolling", "moments", "generate"} | ({"chat"} if opened.form else set()))
        self._coder = Coder(opened.tokenizer, bos)
        self._engine = Engine(opened.model, batch=batch)
        self._rows = batch or _ROWS
        self._read = self._written = 0
        tokenizer = opened.tokenizer
        named = {
            "backend": "winnow/1",
            "weights": opened.digest,
            "tokenizer": tokenizer.digest,
            "precision": precision,
            "device": torch.device(self._engine.head.device).type,
            "frame": [self._coder.before, self._coder.after],
            "ends": sorted(opened.end_ids),
            "template": _described(opened.form),
            "context": self.context,
        }
        self.digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]:
        """A pair's answer as soon as all that it shares its beginning with is there."""
        encoded = encode_pairs(self._coder, [(pair.context, pair.continuation) for pair in pairs], self.context)
        good: list[tuple[int, Encoded]] = []
        for number, one in enumerate(encoded):
            if isinstance(one, str):
                yield number, Likelihood(float("nan"), 0, False, error=one)
            else:
                good.append((number, one))
        sought = [_sought(one) for _, one in good]
        for done, (at, scored) in enumerate(self._engine.score(sought), 1):
            number, one = good[at]
            yield number, Likelihood(_sum(scored), len(scored.logprobs), bool(scored.greedy.all()), one.cut)
            _tell(listener, "scoring", done, len(good))

    def rolling(
        self, texts: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]:
        """Text by text, in order."""
        positions = self._positions(windows)
        done, group, size = 0, [], 0
        for number, text in enumerate(texts):
            group.append(self._cut(text, windows, positions))
            size += sum(len(each.ids) for each in group[-1].sought)
            if size < _TOGETHER and number + 1 < len(texts):
                continue
            yield from enumerate(self._rolled(group, moments), done)
            done, group, size = number + 1, [], 0
            _tell(listener, "scoring", done, len(texts))

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        """Prompts of like length together. What is too long is cut at its beginning: `max_new` tokens have room, or
        half of the context where that is less."""
        ids = [self._prompt(prompt) for prompt in prompts]
        chats = any(not isinstance(prompt.said, str) for prompt in prompts)
        ends = self.opened.chat_ends() if chats else ()
        params = Params(
            decoding.max_new, decoding.temperature, top_p=decoding.top_p, stop=decoding.stop, stop_ids=tuple(ends)
        )
        sampler = Sampler(self.opened.model, self.opened.tokenizer, end_ids=self.opened.end_ids, rows=self._rows)
        room = max(sampler.context - decoding.max_new, sampler.context // 2)
        done = 0
        for number in [number for number in range(len(prompts)) if not ids[number]]:
            yield number, [Generated("", "", 0, error="the prompt is empty")] * decoding.n
        order = sorted((number for number in range(len(prompts)) if ids[number]), key=lambda number: len(ids[number]))
        step = max(self._rows // decoding.n, 1)
        for some in (order[begin : begin + step] for begin in range(0, len(order), step)):
            fitted = [ids[number][-room:] for number in some]
            found = sampler.generate(fitted, params, seed=seed, n=decoding.n)
            self._read += sum(map(len, fitted))
            self._written += sum(len(one.ids) for one in found)
            done += len(some)
            for place, number in enumerate(some):
                answers = found[place * decoding.n : (place + 1) * decoding.n]
                cut = max(len(ids[number]) - room, 0)
                yield number, [Generated(one.text, one.reason, len(one.ids), cut) for one in answers]
            _tell(listener, "generating", done, len(order))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any that begins or ends it."""
        return [len(ids) for ids in self.opened.tokenizer.encode_batch(texts)]

    def forecast(self, asking: Asking) -> Forecast:
        """Exact for log-likelihoods and rolling texts; of prompts every distinct one is counted once."""
        pairs = [(pair.context, pair.continuation) for pair in asking.pairs]
        encoded = encode_pairs(self._coder, pairs, self.context)
        computed = self._engine.plan([_sought(one) for one in encoded if not isinstance(one, str)]).computed
        positions = self._positions(asking.windows)
        for text in asking.texts:
            computed += self._engine.plan(self._cut(text, asking.windows, positions).sought).computed
        prompts = [self._prompt(prompt) for prompt in asking.prompts]
        computed += sum(map(len, set(map(tuple, prompts))))
        new = asking.decoding.max_new * asking.decoding.n * len(prompts)
        return Forecast(computed, new, len(pairs) + len(asking.texts) + len(prompts))

    def account(self) -> Mapping[str, Any]:
        """Tokens read (each that was computed) and written."""
        return {"tokens_computed": self._engine.computed + self._read, "tokens_written": self._written}

    def close(self) -> None:
        """Nothing is open."""

    def _prompt(self, prompt: Prompt) -> list[int]:
        if isinstance(prompt.said, str):
            return self._coder.encode([prompt.said])[0]
        return self.opened.chat_prompt(prompt.said)

    def _positions(self, windows: Windows) -> int:
        assert self.context is not None
        positions = windows.context or self.context
        if not 1 <= positions <= self.context:
            raise UserError(f"windows of {positions:,} positions; the model's context is {self.context:,}")
        if windows.stride is not None and not 1 <= windows.stride <= positions:
            raise UserError(f"the stride must be between 1 and the window's {positions:,} positions")
        if windows.bos not in BOS:
            raise UserError(f"bos is one of {', '.join(BOS)}, not '{windows.bos}'")
        if windows.bos != "none" and self._coder.prefix is None:
            hint = "leave the first token of each text out (bos none)"
            raise UserError("the tokenizer has no token that begins or ends a text", hint=hint, code=Exit.INPUT)
        return positions

    def _cut(self, text: str, windows: Windows, positions: int) -> _Cut:
        ids, starts = self.opened.tokenizer.encode_starts(text)
        before, after = (self._coder.before, self._coder.after) if windows.bos == "scored" else ([], [])
        first = [] if windows.bos == "none" or self._coder.prefix is None else [self._coder.prefix]
        whole = first + before + ids + after
        starts = (starts + [len(text)] * len(after))[0 if first else 1 :]
        return _Cut(windows_of(whole, positions, windows.stride), starts, len(before))

    def _rolled(self, group: Sequence[_Cut], moments: bool) -> Iterator[Rolled]:
        answers = dict(self._engine.score([each for cut in group for each in cut.sought], moments=moments))
        begin = 0
        for cut in group:
            found = [answers[number] for number in range(begin, begin + len(cut.sought))]
            begin += len(cut.sought)
            logprobs = _joined([one.logprobs for one in found])
            means = _joined([one.means for one in found if one.means is not None])
            deviations = _joined([one.deviations for one in found if one.deviations is not None])
            yield Rolled(
                logprobs[cut.begins :],
                np.array(cut.starts, dtype=np.int64),
                means[cut.begins :] if moments else None,
                deviations[cut.begins :] if moments else None,
                begin=float(logprobs[: cut.begins].sum()) if cut.begins else None,
                summed=sum(map(_sum, found)),
            )


def _described(form: Format | None) -> Any:
    if isinstance(form, Template):
        return form.model_dump(mode="json")
    return form.source if isinstance(form, Foreign) else None


def _sought(one: Encoded) -> Sought:
    return Sought(one.context + one.continuation, len(one.continuation))


def _joined(parts: Sequence[np.ndarray]) -> Floats:
    return np.concatenate([np.zeros(0), *parts])


def _sum(scored: Scored) -> float:
    """As lm-eval adds up: in fp32, so that equal log-probabilities have equal sums."""
    return float(torch.from_numpy(scored.logprobs)[None].sum())


def _tell(listener: Listener | None, step: str, done: int, total: int) -> None:
    if listener is not None:
        listener(Event("progress", step, counts={"requests": done}, fraction=done / total))
