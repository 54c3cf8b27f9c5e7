"""What is asked of a model and what it says: the one interface between whatever answers and whatever scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Listener = Callable[[Any], None]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """How likely is `continuation` after `context`? Both are text; an empty context is the beginning of a document."""

    context: str
    continuation: str


class Likelihood(NamedTuple):
    """The log-probability of a continuation.

    logprob: in nats, summed over its tokens. tokens: how many. greedy: whether each was the likeliest one.
    cut: tokens of the context that did not fit and were left out, at its beginning. error: why there is no number
    (the others then mean nothing).
    """

    logprob: float
    tokens: int
    greedy: bool
    cut: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to go on from: a text, or a conversation of messages with `role` and `content`."""

    said: str | tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to go on: at most `max_new` tokens, up to one of the `stop` texts; `n` answers, seeded each on its own."""

    max_new: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    n: int = 1


class Generated(NamedTuple):
    """One answer. reason: `eos`, `stop` or `length`. cut: tokens of the prompt left out, at its beginning."""

    text: str
    reason: str
    tokens: int
    cut: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Windows:
    """How a text longer than the context is read.

    context: positions at most (None: the model's own). stride: new tokens of every window after the first; None is
    the rolling form of lm-eval: as many as there are positions, the last window filled up with what came before.
    bos: `context` puts the begin-of-text token before the first token and does not count it; `scored` also counts
    its own probability after itself, as lm-eval does; `none` leaves it out and the first token unscored.
    """

    context: int | None = None
    stride: int | None = None
    bos: str = "context"


class Rolled(NamedTuple):
    """The log-probabilities of a text's tokens that have one (without a begin-of-text token the first has none).

    logprobs: float64 [tokens], in nats. starts: int64 [tokens], the character at which each token's text begins.
    means, deviations: float64 [tokens], of the log-probability under the model's own distribution at each place
    (for Min-K%++), where they were asked for. begin: the log-probability of a scored begin-of-text token.
    summed: `total` as lm-eval adds it up, each window in fp32; None where nothing was added up so.
    """

    logprobs: Floats
    starts: Ints
    means: Floats | None = None
    deviations: Floats | None = None
    begin: float | None = None
    error: str | None = None
    summed: float | None = None

    @property
    def total(self) -> float:
        """The log-probability of the whole text, with that of a scored begin-of-text token."""
        return (self.begin or 0.0) + float(self.logprobs.sum()) if self.summed is None else self.summed


class Asking(NamedTuple):
    """What a run will ask of a model: for a forecast."""

    pairs: Sequence[Pair] = ()
    prompts: Sequence[Prompt] = ()
    decoding: Decoding = Decoding()
    texts: Sequence[str] = ()
    windows: Windows = Windows()


class Forecast(NamedTuple):
    """What it will take. tokens: that are read, every one counted that is computed. new: that are written, at most.
    requests: to a server or of distinct sequences. cached: requests whose answer is there already. cost: in the
    currency of the price. estimated: whether tokens were estimated from characters.
    """

    tokens: int
    new: int
    requests: int
    cached: int = 0
    cost: float = 0.0
    estimated: bool = False


class Model(Protocol):
    """Whatever answers. Every method yields (index of the request, answer) as answers come, in any order.

    name: as the user gave it. digest: of all that decides an answer besides the request: weights, tokenizer,
    precision, template, kind of backend. can: of `loglikelihood`, `rolling`, `moments`, `generate`, `chat`.
    context: positions, None where unknown. A request that fails is an answer with an `error`; what makes all of them
    fail is a UserError.
    """

    name: str
    digest: str
    can: frozenset[str]
    context: int | None

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]: ...

    def rolling(
        self, texts: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]: ...

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]: ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text (estimated where the tokenizer is not known)."""
        ...

    def forecast(self, asking: Asking) -> Forecast:
        """What the requests will take, before any is answered."""
        ...

    def account(self) -> Mapping[str, Any]:
        """What was computed or paid so far: tokens computed, requests, cached, price."""
        ...

    def close(self) -> None: ...
