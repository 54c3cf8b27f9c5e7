"""What the engine asks of whatever computes, and the models of `train` as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.losses import chunk_of

_PIECE, _PIECE_ELSEWHERE = 1024, 8192  # tokens; on a CPU more do not make the products faster


class Chain(NamedTuple):
    """Tokens `begin` to `end` of a piece; the first stands at position `depth`, behind so many of the path."""

    depth: int
    begin: int
    end: int


class Reads(Protocol):
    """Reads chains of tokens.

    branches: whether a chain may go on from any place of the path of the chain before it; otherwise all begin at 0.
    piece: tokens at a time. rows: places at a time whose logits exist.
    """

    branches: bool
    piece: int
    rows: int
    device: torch.device

    def path(self, longest: int) -> Any:
        """Room for the path, of so many positions at most."""
        ...

    def __call__(self, path: Any, tokens: Tensor, positions: Tensor, chains: Sequence[Chain]) -> Tensor:
        """A row [tokens, ...] for each of the int64 tokens [tokens] at `positions` [tokens]; the path becomes that of
        the last chain."""
        ...

    def logits(self, rows: Tensor) -> Tensor:
        """fp32 [rows, vocabulary]."""
        ...


class OwnHead:
    """What models of `train` have in common: hidden states, and a head that makes logits of those that are wanted."""

    def __init__(self, model: nn.Module) -> None:
        self.head: Tensor = model.head  # type: ignore[assignment]
        self.device = self.head.device
        self.piece = _PIECE if self.device.type == "cpu" else _PIECE_ELSEWHERE
        self.rows = chunk_of(self.head)

    def logits(self, rows: Tensor) -> Tensor:
        """fp32 [rows, vocabulary] of hidden states [rows, hidden]."""
        return F.linear(rows, self.head).float()


class Packed(OwnHead):
    """A model that has no path to go on from: sequences as documents of one row."""

    branches = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.model = model

    def path(self, longest: int) -> None:
        """Nothing is remembered."""

    @torch.inference_mode()
    def __call__(self, path: None, tokens: Tensor, positions: Tensor, chains: Sequence[Chain]) -> Tensor:
        """Hidden states [tokens, hidden]."""
        docs = torch.cat([torch.full((chain.end - chain.begin,), at) for at, chain in enumerate(chains)])
        found: Tensor = self.model(tokens[None], positions[None], docs[None].to(tokens.device))[0]
        return found
