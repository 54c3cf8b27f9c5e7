"""What all models that are computed on this machine have in common: log-likelihoods and texts, by the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from evalkit.likelihood.encode import Coder, Encoded, encode_pairs
from evalkit.likelihood.engine import Engine, Scored
from evalkit.likelihood.plan import Sought
from evalkit.likelihood.windows import windows as windows_of
from evalkit.models.types import Asking, Floats, Forecast, Likelihood, Listener, Pair, Prompt, Rolled, Windows
from workbench.errors import Exit, UserError
from workbench.events import Event

_TOGETHER = 1 << 16  # tokens of texts that are planned at a time
BOS = ("context", "scored", "none")


class _Cut(NamedTuple):
    """A text as it is read. starts: of the tokens that count. begins: scored tokens that stand before them."""

    sought: list[Sought]
    starts: list[int]
    begins: int


class Computed(ABC):
    """A part of `evalkit.models.types.Model`; who inherits it says how a prompt is encoded, and generates."""

    def __init__(self, coder: Coder, engine: Engine, context: int) -> None:
        self.context: int | None = context
        self._coder, self._engine = coder, engine
        self._read = self._written = 0

    @abstractmethod
    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt."""

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
            tell(listener, "scoring", done, len(good))

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
            tell(listener, "scoring", done, len(texts))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any that begins or ends it."""
        return [len(ids) for ids in self._coder.tokenizer.encode_batch(texts)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text alone, with what begins and ends a text."""
        return self._coder.encode(texts)

    def sequences(self, ids: Sequence[Sequence[int]], windows: Windows) -> Iterator[tuple[int, float]]:
        """The log-probability of each sequence of tokens but its first, the last window not filled up.

        windows: `bos` does not matter, the tokens are taken as they are.
        """
        positions = self._positions(Windows(windows.context, windows.stride, "none"))
        cuts = [windows_of(one, positions, windows.stride, fill=False) for one in ids]
        of = np.repeat(np.arange(len(ids)), [len(cut) for cut in cuts])
        left = np.bincount(of, minlength=len(ids))
        for number in np.flatnonzero(left == 0).tolist():
            yield number, 0.0
        flat = [sought for cut in cuts for sought in cut]
        parts: dict[int, float] = {}
        for number, scored in self._engine.score(flat):
            parts[number] = float(scored.logprobs.astype(np.float64).sum())
            whole = int(of[number])
            left[whole] -= 1
            if not left[whole]:
                # Added up in the order of the windows, not in that in which they became ready.
                begin, end = np.searchsorted(of, [whole, whole + 1])
                yield whole, sum(parts[place] for place in range(begin, end))

    def forecast(self, asking: Asking) -> Forecast:
        """Exact for log-likelihoods and rolling texts; of prompts every distinct one is counted once."""
        pairs = [(pair.context, pair.continuation) for pair in asking.pairs]
        encoded = encode_pairs(self._coder, pairs, self.context)
        computed = self._engine.plan([_sought(one) for one in encoded if not isinstance(one, str)]).computed
        positions = self._positions(asking.windows) if asking.texts else 0
        for text in asking.texts:
            computed += self._engine.plan(self._cut(text, asking.windows, positions).sought).computed
        prompts = [self.prompt_ids(prompt) for prompt in asking.prompts]
        computed += sum(map(len, set(map(tuple, prompts))))
        new = asking.decoding.max_new * asking.decoding.n * len(prompts)
        return Forecast(computed, new, len(pairs) + len(asking.texts) + len(prompts))

    def account(self) -> Mapping[str, Any]:
        """Tokens read (each that was computed) and written."""
        return {"tokens_computed": self._engine.computed + self._read, "tokens_written": self._written}

    def close(self) -> None:  # noqa: B027  (most have nothing open, which is no duty to say so)
        """Nothing is open."""

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
        ids, starts = self._coder.tokenizer.encode_starts(text)
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
                summed=float(sum(map(_sum, found))),
            )


def _sought(one: Encoded) -> Sought:
    return Sought(one.context + one.continuation, len(one.continuation))


def _joined(parts: Sequence[np.ndarray]) -> Floats:
    return np.concatenate([np.zeros(0), *parts])


def _sum(scored: Scored) -> float:
    """As lm-eval adds up: in fp32, so that equal log-probabilities have equal sums."""
    return float(torch.from_numpy(scored.logprobs)[None].sum())


def tell(listener: Listener | None, step: str, done: int, total: int) -> None:
    """Say how far a step is."""
    if listener is not None:
        listener(Event("progress", step, counts={"requests": done}, fraction=done / total))
