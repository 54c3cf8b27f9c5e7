"""The LSTM stands where a Llama can."""

from __future__ import annotations

import torch

from train.data.batch import PADDING
from train.losses import next_token_loss
from train.model.build import build
from train.model.config import ModelConfig

torch.set_num_threads(1)
CONFIG = ModelConfig.preset(2, 50, kind="lstm")
TOKENS = torch.randint(0, 50, (2, 10), generator=torch.Generator().manual_seed(0))


def test_documents_begin_anew() -> None:
    net = build(CONFIG, seed=1)
    docs = torch.tensor([[0] * 4 + [1] * 6, [0] * 7 + [PADDING] * 3])
    packed = net(TOKENS, None, docs)
    assert torch.isfinite(packed).all()
    for row, cut in ((0, slice(0, 4)), (0, slice(4, 10)), (1, slice(0, 7))):
        assert (packed[row, cut] - net(TOKENS[row : row + 1, cut])[0]).abs().max().item() <= 4e-6


def test_the_state_is_carried_selected_and_reset() -> None:
    net = build(CONFIG, seed=1)
    state = net.new_cache(2, 10)
    parts = [net(TOKENS[:, :5], cache=state)]
    which = torch.tensor([1, 0, 1])
    state.select(which)
    parts.append(net(TOKENS[which, 5:], cache=state))
    assert state.length == 10
    assert (parts[1] - net(TOKENS)[which, 5:]).abs().max().item() <= 4e-6
    again = net(TOKENS[which], None, torch.ones(3, 10, dtype=torch.int64), state)
    assert (again - net(TOKENS[which])).abs().max().item() <= 4e-6


def test_it_learns() -> None:
    net = build(CONFIG, seed=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss, count = next_token_loss(net(TOKENS[:, :-1]), net.head, TOKENS[:, 1:])
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
        losses.append(loss.item() / count)
    assert losses[-1] < losses[0] / 2
