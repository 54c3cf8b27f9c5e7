"""A beginning that is read once and gone on from in many ways: the logits are those of each text read whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from train.data.batch import PADDING
from train.model.build import build
from train.model.config import ModelConfig

torch.set_num_threads(1)
LENGTHS = (4, 1, 6, 2)  # of what follows the beginning, in each row
CONFIGS = [
    ModelConfig.preset(2, 50, tied=False),
    ModelConfig.preset(2, 50).replace(kv_heads=2, qk_norm=True),
    ModelConfig.preset(2, 50, kind="lstm"),
]


def drawn(*shape: int) -> Tensor:
    return torch.randint(0, 50, shape, generator=torch.Generator().manual_seed(0))


def same_logits(net: nn.Module, hidden: Tensor, whole: Tensor) -> None:
    """The hidden states are those that the uncached model has at the end of [1, width]."""
    wanted = net(whole)[0, -len(hidden) :] @ net.head.T
    assert ((hidden @ net.head.T) - wanted).abs().max().item() <= 1e-6 * max(1, wanted.abs().max().item())


@pytest.mark.parametrize("config", CONFIGS, ids=["llama", "shared", "lstm"])
def test_many_go_on_from_one_beginning(config: ModelConfig) -> None:
    net = build(config.replace(init_std=0.1), seed=1)
    beginning, tokens = drawn(1, 9), drawn(4, max(LENGTHS))
    docs = torch.full_like(tokens, PADDING)
    for row, length in enumerate(LENGTHS):
        docs[row, :length] = 0
    prefix = net.new_cache(1, 9)
    last = net(beginning, cache=prefix)[:, -1]
    same_logits(net, last, beginning)
    for _ in range(2):  # the beginning is as it was after the first time
        found = net(tokens, docs=docs, cache=prefix.branch(torch.zeros(4, dtype=torch.int64), tokens.shape[1]))
        assert prefix.length == 9
        for row, length in enumerate(LENGTHS):
            same_logits(net, found[row, :length], torch.cat((beginning, tokens[row : row + 1, :length]), 1))


@pytest.mark.parametrize("config", CONFIGS, ids=["llama", "shared", "lstm"])
def test_several_beginnings_of_different_length(config: ModelConfig) -> None:
    """They are filled up on the left, and the positions of what follows are given."""
    net = build(config.replace(init_std=0.1), seed=1)
    lengths, which = torch.tensor([7, 3]), torch.tensor([1, 0, 1])
    given, tokens = drawn(2, 7), drawn(3, 5)
    docs = torch.zeros_like(given)
    docs[1, :4] = PADDING
    prefix = net.new_cache(2, 7)
    net(given, (torch.arange(7) - (7 - lengths)[:, None]).clamp_min(0), docs, prefix)
    cache = prefix.branch(which, 5)
    found = net(tokens, lengths[which, None] + torch.arange(5), torch.zeros_like(tokens), cache)
    for row, begin in enumerate(which.tolist()):
        same_logits(net, found[row], torch.cat((given[begin, 7 - lengths[begin] :], tokens[row]))[None])


def test_a_branch_has_the_room_that_was_asked_for() -> None:
    net = build(CONFIGS[0], seed=1)
    prefix = net.new_cache(1, 30)
    net(drawn(1, 9), cache=prefix)
    branch = prefix.branch(torch.zeros(2, dtype=torch.int64), 4)
    assert (branch.length, branch.width) == (9, 13)
    with pytest.raises(ValueError, match="a cache of 13 positions cannot hold 14"):
        net(drawn(2, 5), cache=branch)
