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
        """Keep, drop, repeat or reorder rows: row i becomes what row rows[i] was. Rows that stay are not copied."""
        kept = len(rows)
        if kept > len(self.docs):
            self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        else:
            moved = (rows != torch.arange(kept, device=rows.device)).nonzero()[:, 0]
            for held in (self.keys, self.values):
                filled = held[:, :, :, : self.length]
                filled.index_copy_(1, moved, filled.index_select(1, rows[moved]))
            self.keys, self.values = self.keys[:, :kept], self.values[:, :kept]
        self.docs = self.docs[rows]

    def branch(self, rows: Tensor, room: int) -> Cache:
        """A cache of its own that begins with what this one holds: row i as row rows[i], and `room` more positions.

        So a beginning that several rows share is read once, and this cache is left as it is:

            prefix = model.new_cache(1, len(beginning))
            last = model(beginning[None], cache=prefix)[:, -1]  # it says what the first token of every row is to be
            cache = prefix.branch(torch.zeros(n, dtype=torch.int64), width)
            hidden = model(tokens, docs=docs, cache=cache)  # tokens [n, width]

        Rows of different length are filled up on the right with any token, and `docs` is 0 where there is a token and
        `PADDING` behind. Positions count on from the prefix; where its rows were filled up on the left they are to be
        given. Only what is filled is copied. rows: int64 [n], on the device of the cache.
        """
        layers, _, kv_heads, _, head_dim = self.keys.shape
        new = Cache(layers, len(rows), kv_heads, self.length + room, head_dim, self.keys.dtype, self.keys.device)
        new.length, new.mixed = self.length, self.mixed
        for held, copied in ((self.keys, new.keys), (self.values, new.values)):
            copied[:, :, :, : self.length] = held[:, :, :, : self.length][:, rows]
        new.docs[:, : self.length] = self.docs[rows, : self.length]
        return new

    def crop(self, length: int) -> None:
        """Forget every position from `length` on."""
        self.docs[:, length:] = PADDING
        self.length = min(self.length, length)
