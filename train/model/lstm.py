"""An LSTM behind the interface of the Llama, for comparison: what attention is worth at a given size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.model.config import ModelConfig
from train.model.model import RMSNorm


class State:
    """What an LSTM carries from call to call: [layers, rows, hidden] twice, the document of each row, positions read."""

    def __init__(self, layers: int, rows: int, hidden: int, dtype: torch.dtype, device: torch.device) -> None:
        self.hidden = torch.zeros((layers, rows, hidden), dtype=dtype, device=device)
        self.cell = torch.zeros_like(self.hidden)
        self.docs = torch.full((rows,), -1, dtype=torch.int64, device=device)
        self.length = 0

    def select(self, rows: Tensor) -> None:
        """Keep, drop, repeat or reorder rows: row i becomes what row rows[i] was."""
        self.hidden, self.cell, self.docs = self.hidden[:, rows], self.cell[:, rows], self.docs[rows]
