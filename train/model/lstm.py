"""An LSTM behind the interface of the Llama: what attention is worth at a given size."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from train.model.config import ModelConfig
from train.model.model import RMSNorm


class State:
    """What an LSTM carries from call to call: it stands where a Llama has its cache, and remembers no positions.

    hidden, cell: [layers, rows, hidden]. docs: int64 [rows], the document that each row is in. length: positions read.
    """

    def __init__(self, layers: int, rows: int, hidden: int, dtype: torch.dtype, device: torch.device) -> None:
        self.hidden = torch.zeros((layers, rows, hidden), dtype=dtype, device=device)
        self.cell = torch.zeros_like(self.hidden)
        self.docs = torch.zeros((rows,), dtype=torch.int64, device=device)
        self.length = 0

    def select(self, rows: Tensor) -> None:
        """Keep, drop, repeat or reorder rows: row i becomes what row rows[i] was."""
        self.hidden, self.cell, self.docs = self.hidden[:, rows], self.cell[:, rows], self.docs[rows]

    def branch(self, rows: Tensor, room: int) -> State:
        """A state of its own whose row i is row rows[i] of this one, which is left as it is; any room is enough."""
        new = copy.copy(self)
        new.select(rows)
        return new


class _Trunk(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rnn = nn.LSTM(config.hidden_size, config.hidden_size, config.layers)
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)


class Lstm(nn.Module):
    """Stacked LSTMs (Hochreiter & Schmidhuber 1997) as wide as the embedding, and a norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = _Trunk(config)
        if not config.tied:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    @property
    def head(self) -> Tensor:
        """The weight [vocab, hidden] whose product with a hidden state is the logits."""
        return self.model.embed_tokens.weight if self.config.tied else self.lm_head.weight

    def new_cache(self, rows: int, width: int, dtype: torch.dtype | None = None) -> State:
        """The state before the first position; any width has room in it."""
        weight = self.model.embed_tokens.weight
        return State(self.config.layers, rows, self.config.hidden_size, dtype or weight.dtype, weight.device)

    def forward(
        self, tokens: Tensor, positions: Tensor | None = None, docs: Tensor | None = None, cache: State | None = None
    ) -> Tensor:
        """Hidden states [rows, width, hidden] of tokens [rows, width]; `positions` are not looked at.

        The state starts anew where `docs` changes; with a cache a row goes on from what the cache holds.
        """
        rows, width = tokens.shape
        docs = torch.zeros_like(tokens) if docs is None else docs
        changes = torch.ones_like(docs, dtype=torch.bool)
        changes[:, 1:] = docs[:, 1:] != docs[:, :-1]
        starts = changes.flatten().nonzero()[:, 0]
        lengths = torch.diff(starts, append=starts.new_full((1,), rows * width)).tolist()
        runs = pack_sequence(self.model.embed_tokens(tokens).flatten(0, 1).split(lengths), enforce_sorted=False)
        if cache is None:
            out, _ = self.model.rnn(runs)
        else:
            first = torch.searchsorted(starts, torch.arange(rows, device=starts.device) * width)
            last = torch.cat((first[1:], first.new_full((1,), len(starts)))) - 1
            goes_on = (docs[:, 0] == cache.docs)[:, None]
            before = [each.new_zeros(each.shape[0], len(starts), each.shape[2]) for each in (cache.hidden, cache.cell)]
            for each, held in zip(before, (cache.hidden, cache.cell), strict=True):
                each[:, first] = torch.where(goes_on, held, 0)
            out, (hidden, cell) = self.model.rnn(runs, (before[0], before[1]))
            cache.hidden, cache.cell, cache.docs = hidden[:, last], cell[:, last], docs[:, -1]
            cache.length += width
        return self.model.norm(torch.cat(unpack_sequence(out)).view(rows, width, -1))
