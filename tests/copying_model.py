"""A model that reads: an ending is likelier the better its end of the question and it stand in what comes before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from hashed_model import HashedModel

from evalkit.models.types import Likelihood, Listener, Pair

_WORD = re.compile(r"\w+")


class CopyingModel(HashedModel):
    """The log-probability of a continuation is the share of the question's words that stand in the 200 characters
    before its best place in the documents; where it stands nowhere, it is unlikely. positions: of its context."""

    def __init__(self, positions: int | None = None) -> None:
        super().__init__("copying")
        self.context = positions
        self.digest = hashlib.sha256(f"copying {positions}".encode()).hexdigest()

    def loglikelihood(self, pair: Pair) -> Likelihood:
        documents, _, question = pair.context.rpartition("\n\n")
        wanted = set(_WORD.findall(question.casefold()))
        text, answer = documents.casefold(), pair.continuation.strip().casefold()
        places = [match.start() for match in re.finditer(rf"\b{re.escape(answer)}\b", text)]
        near = [len(wanted & set(_WORD.findall(text[max(place - 200, 0) : place]))) for place in places]
        return Likelihood(-8.0 * (1 - max(near, default=-1) / (len(wanted) + 1)), 1, False)

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]:
        yield from ((number, self.loglikelihood(pair)) for number, pair in enumerate(pairs))
