"""Keys and values of the positions that were read: what makes the next token cost one position instead of all."""

from __future__ import annotations

import torch
from torch import Tensor

from train.data.batch import PADDING


class Cache:
    """Room for `width` positions of every row and layer, filled from the left by `forward(..., cache=cache)`.

    keys, values: [layers, rows, kv_heads, width, head_dim]. docs: int64 [rows, width], the document of each filled
    position and `PADDING` elsewhere, so that a row filled up on the left needs nothing else. length: positions
    filled. mixed: whether documents were ever named, so that not all that is filled belongs together.
    """

    def __init__(
        self,
        layers: int,
        rows: int,
        kv_heads: int,
        width: int,
        head_dim: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (layers, rows, kv_heads, width, head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.docs = torch.full((rows, width), PADDING, dtype=torch.int64, device=device)
        self.length = 0
        self.mixed = False

    @property
    def width(self) -> int:
        """Positions there is room for."""
        return self.docs.shape[1]

    def begin(self, docs: Tensor) -> None:
        """Make room for the positions of `docs` [rows, new]; the layers then `put` theirs."""
        end = self.length + docs.shape[1]
        if end > self.width:
            raise ValueError(f"a cache of {self.width} positions cannot hold {end}")
        self.docs[:, self.length : end] = docs
        self.length = end

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store [rows, kv_heads, new, head_dim] of the positions begun last; all that the layer holds, as views."""
        start = self.length - keys.shape[2]
        self.keys[layer, :, :, start : self.length] = keys
        self.values[layer, :, :, start : self.length] = values
        return self.keys[layer, :, :, : self.length], self.values[layer, :, :, : self.length]

    def select(self, rows: Tensor) -> None:
        """Keep, drop, repeat or reorder rows: row i becomes what row rows[i] was."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.docs = self.docs[rows]

    def crop(self, length: int) -> None:
        """Forget every position from `length` on."""
        self.docs[:, length:] = PADDING
        self.length = min(self.length, length)
