"""Log-probabilities of tokens: sequences planned by what they share, computed piece by piece, told when ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.likelihood.forward import ROWS, Reader
from evalkit.likelihood.plan import Piece, Plan, Sought
from evalkit.likelihood.readers import Chain, Packed, Reads
from train.model.model import Llama

Array = npt.NDArray[Any]


class Scored(NamedTuple):
    """What was sought of one sequence, each [targets].

    logprobs: float32. greedy: whether each target was the likeliest token. means, deviations: float64, of the
    log-probability under the model's distribution, where they were asked for.
    """

    logprobs: npt.NDArray[np.float32]
    greedy: npt.NDArray[np.bool_]
    means: npt.NDArray[np.float64] | None = None
    deviations: npt.NDArray[np.float64] | None = None


def reads(model: nn.Module) -> Reads:
    """What reads with a model of `train`."""
    return Reader(model) if isinstance(model, Llama) else Packed(model)


class Engine:
    """Scores sequences with whatever reads them.

    batch: sequences that are computed together at most; results do not depend on it (fp32: to 1e-5). computed: tokens
    computed so far.
    """

    def __init__(self, reads: Reads, *, batch: int | None = None) -> None:
        self.reads = reads
        self.batch = batch
        self.computed = 0

    def plan(self, sought: Sequence[Sought]) -> Plan:
        """What is going to be computed for these."""
        return Plan(sought, share=self.reads.branches)

    def score(self, sought: Sequence[Sought], *, moments: bool = False) -> Iterator[tuple[int, Scored]]:
        """(number of the sequence, what was sought of it), as they become ready."""
        plan = self.plan(sought)
        path = self.reads.path(plan.longest)
        open_places = np.array([one.targets for one in sought], dtype=np.int64)
        first = np.concatenate([[0], np.cumsum(open_places)])
        found = _Found(int(first[-1]), moments)
        for piece in plan.pieces(self.reads.piece, self.batch):
            begin, end = np.searchsorted(plan.after, [piece.begin, piece.end])
            rows = self._read(path, plan, piece)
            self.computed += piece.end - piece.begin
            if begin == end:
                continue
            request = plan.request[begin:end]
            where = first[request] + plan.place[begin:end]
            self._foretold(rows, plan.after[begin:end] - piece.begin, plan.wanted[begin:end], where, found)
            np.subtract.at(open_places, request, 1)
            for number in dict.fromkeys(request.tolist()):
                if not open_places[number]:
                    yield number, found.of(slice(first[number], first[number + 1]))

    def _read(self, path: Any, plan: Plan, piece: Piece) -> Tensor:
        lengths = np.diff(piece.starts)
        shifts = np.repeat(piece.depths - piece.starts[:-1], lengths)
        positions = torch.from_numpy(np.arange(piece.end - piece.begin) + shifts)
        chains = [
            Chain(*each)
            for each in zip(piece.depths.tolist(), piece.starts[:-1].tolist(), piece.starts[1:].tolist(), strict=True)
        ]
        tokens = torch.from_numpy(plan.tokens[piece.begin : piece.end])
        return self.reads(path, tokens.to(self.reads.device), positions.to(self.reads.device), chains)

    @torch.inference_mode()
    def _foretold(self, read: Tensor, after: Array, wanted: Array, where: Array, found: _Found) -> None:
        """The log-softmax in fp32 at every place after which something is sought."""
        places, inverse = np.unique(after, return_inverse=True)
        # Few rows are filled up, as in `Reader`.
        places = np.pad(places, (0, -len(places) % ROWS), mode="edge")
        rows = read[torch.from_numpy(places).to(read.device)]
        step = max(self.reads.rows // ROWS, 1) * ROWS
        for begin in range(0, len(places), step):
            logs = F.log_softmax(self.reads.logits(rows[begin : begin + step]), -1)
            some = ((inverse >= begin) & (inverse < begin + step)).nonzero()[0]
            row = torch.from_numpy(inverse[some] - begin).to(logs.device)
            token = torch.from_numpy(wanted[some]).to(logs.device)
            at = where[some]
            chosen = logs[row, token]
            found.logprobs[at] = chosen.cpu().numpy()
            found.greedy[at] = _likeliest(logs, row, token, chosen).cpu().numpy()
            if found.means is not None and found.deviations is not None:
                mean, deviation = _moments(logs)
                found.means[at], found.deviations[at] = mean[row].cpu().numpy(), deviation[row].cpu().numpy()


class _Found:
    """Room for all that is sought, sequence by sequence."""

    def __init__(self, targets: int, moments: bool) -> None:
        self.logprobs = np.zeros(targets, dtype=np.float32)
        self.greedy = np.zeros(targets, dtype=np.bool_)
        self.means = np.zeros(targets) if moments else None
        self.deviations = np.zeros(targets) if moments else None

    def of(self, part: slice) -> Scored:
        means = None if self.means is None else self.means[part]
        return Scored(
            self.logprobs[part], self.greedy[part], means, None if self.deviations is None else self.deviations[part]
        )


def _likeliest(logs: Tensor, row: Tensor, token: Tensor, chosen: Tensor) -> Tensor:
    """Whether each token is the likeliest of its row, of equals the first."""
    found = chosen == logs.amax(-1)[row]
    hits = found.nonzero()[:, 0]
    found[hits] = (
        logs[row[hits]].argmax(-1) == token[hits]
    )  # a search for the place takes longer than one for the value
    return found


def _moments(logs: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the log-probability of a token drawn from each row (Zhang et al. 2024, Min-K%++)."""
    wide = logs.double()
    chances = wide.exp()
    mean = (chances * wide).sum(-1)
    return mean, ((chances * wide.square()).sum(-1) - mean.square()).clamp_(min=0).sqrt_()
