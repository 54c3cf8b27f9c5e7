"""What a position sees: its document up to itself, in whatever form it is computed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from train.data.batch import PADDING
from train.losses import next_token_loss
from train.model.attention import attend, layout
from train.model.build import build
from train.model.config import ModelConfig

torch.set_num_threads(1)
CONFIG = ModelConfig(
    vocab_size=50, hidden_size=32, intermediate_size=48, layers=2, heads=4, kv_heads=2, head_dim=8, max_positions=64
)
LENGTHS = ((5, 1, 9), (12, 3))  # of the documents of each row; the second row ends in padding


def model(**changes: object) -> nn.Module:
    return build(CONFIG.replace(init_std=0.3, **changes), seed=1)


def packed() -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Tokens, positions and documents of two rows of 16, and each document alone as [1, length]."""
    tokens = torch.randint(0, 50, (2, 16), generator=torch.Generator().manual_seed(0))
    positions, docs = torch.zeros_like(tokens), torch.full_like(tokens, PADDING)
    alone = []
    for row, lengths in enumerate(LENGTHS):
        at = 0
        for number, length in enumerate(lengths):
            positions[row, at : at + length] = torch.arange(length)
            docs[row, at : at + length] = number
            alone.append(tokens[row : row + 1, at : at + length])
            at += length
    return tokens, positions, docs, alone


@pytest.mark.parametrize("changes", [{}, {"kv_heads": 4}, {"qk_norm": True}, {"tied": True}], ids=str)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_equals_separate_in_logits_and_gradients(changes: dict[str, object], checkpointing: bool) -> None:
    net, (tokens, positions, docs, alone) = model(**changes), packed()
    net.checkpointing = checkpointing
    hidden = net(tokens, positions, docs)
    logits = hidden @ net.head.T
    separate = [net(each) @ net.head.T for each in alone]
    rows = torch.cat([logits[docs == 0], logits[docs == 1], logits[docs == 2]])
    order = [0, 3, 1, 4, 2]  # documents by number, then by row
    assert (rows - torch.cat([separate[i][0] for i in order])).abs().max().item() <= 1e-6 * logits.abs().max().item()

    labels = torch.full_like(tokens, -100)
    labels[:, :-1] = torch.where((docs[:, 1:] == docs[:, :-1]) & (docs[:, 1:] != PADDING), tokens[:, 1:], -100)
    loss, count = next_token_loss(hidden, net.head, labels)
    (loss / count).backward()
    found = {name: each.grad.clone() for name, each in net.named_parameters()}
    net.zero_grad()
    for each in alone:
        ahead = torch.cat((each[:, 1:], torch.full_like(each[:, :1], -100)), 1)
        (next_token_loss(net(each), net.head, ahead)[0] / count).backward()
    for name, each in net.named_parameters():
        assert (each.grad - found[name]).abs().max().item() <= 1e-6 * max(1, each.grad.abs().max().item()), name


def test_padding_gives_no_nan_and_has_no_part() -> None:
    net, (tokens, positions, docs, _) = model(), packed()
    one = net(tokens, positions, docs)
    tokens[docs == PADDING] = 7
    two = net(tokens, positions, docs)
    assert torch.isfinite(one).all()
    assert torch.equal(one[docs != PADDING], two[docs != PADDING])
    everything = torch.full_like(docs, PADDING)
    assert torch.isfinite(net(tokens, positions, everything)).all()


def test_the_mask_of_a_compiled_model_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    net, (tokens, positions, docs, _) = model(), packed()
    wanted = net(tokens, positions, docs)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    found = net(tokens, positions, docs)
    assert (found - wanted)[docs != PADDING].abs().max().item() <= 2e-6


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("lengths", [(600,), (40, 300, 1, 259)], ids=str)
def test_attention_in_bf16_differentiates_as_in_fp32(kv_heads: int, lengths: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    docs = torch.cat([torch.full((n,), i) for i, n in enumerate(lengths)])[None]
    where = layout(docs, docs, None)
    assert where.lengths == lengths
    shapes = [(1, 600, heads, 16) for heads in (4, kv_heads, kv_heads, 4)]
    q, k, v, grad = (torch.randn(shape, generator=draw).bfloat16() for shape in shapes)
    found, wanted = [], []
    for dtype, into in ((torch.bfloat16, found), (torch.float32, wanted)):
        inputs = [each.to(dtype, copy=True).requires_grad_() for each in (q, k, v)]
        out = attend(*inputs, where)
        out.backward(grad.to(dtype))
        into.extend([out.detach(), *(each.grad for each in inputs)])
    for one, other in zip(found, wanted, strict=True):
        assert ((one.float() - other).norm() / other.norm()).item() <= 0.01


def test_autocast_stays_near_fp32_and_its_gradients_too() -> None:
    net, (tokens, positions, docs, _) = model(qk_norm=True), packed()
    gradients = []
    for enabled in (False, True):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            hidden = net(tokens, positions, docs)
            loss, count = next_token_loss(hidden, net.head, tokens)
        (loss / count).backward()
        gradients.append({name: each.grad for name, each in net.named_parameters()})
        assert hidden.dtype == (torch.bfloat16 if enabled else torch.float32)
    for name, exact in gradients[0].items():
        assert ((gradients[1][name] - exact).norm() / exact.norm()).item() <= 0.06, name


@pytest.mark.parametrize("pieces", [(16,), (1,) * 16, (5, 1, 1, 6, 3)], ids=str)
def test_cache_equals_the_whole_forward(pieces: tuple[int, ...]) -> None:
    net = model(qk_norm=True)
    tokens = torch.randint(0, 50, (3, 16), generator=torch.Generator().manual_seed(0))
    cache = net.new_cache(3, 20)
    found = torch.cat([net(part, cache=cache) for part in tokens.split(pieces, 1)], 1)
    assert cache.length == 16
    assert (found - net(tokens)).abs().max().item() <= 1e-5


def test_cache_of_rows_filled_up_on_the_left() -> None:
    net, tokens = model(), torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    docs = torch.zeros_like(tokens)
    docs[0, :4] = PADDING
    positions = torch.arange(9).expand(2, 9).clone()
    positions[0] = (positions[0] - 4).clamp_min(0)
    cache = net.new_cache(2, 9)
    parts = [net(*(each[:, cut] for each in (tokens, positions, docs)), cache) for cut in (slice(7), slice(7, 9))]
    found = torch.cat(parts, 1)
    assert torch.isfinite(found).all()
    assert (found[0, 4:] - net(tokens[:1, 4:])[0]).abs().max().item() <= 1e-5
    assert (found[1] - net(tokens[1:])[0]).abs().max().item() <= 1e-5


def test_cache_selects_rows_and_forgets_positions() -> None:
    net, tokens = model(), torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(0))
    cache = net.new_cache(2, 8)
    net(tokens[:, :6], cache=cache)
    cache.crop(4)
    which = torch.tensor([1, 0, 1])
    cache.select(which)
    found = net(tokens[which, 4:], cache=cache)
    assert (found - net(tokens)[which, 4:]).abs().max().item() <= 1e-5


def test_a_full_cache_says_so() -> None:
    net = model()
    with pytest.raises(ValueError, match="a cache of 4 positions cannot hold 5"):
        net(torch.zeros(1, 5, dtype=torch.int64), cache=net.new_cache(1, 4))


def test_another_factory_builds_the_projections() -> None:
    class Doubled(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    net = build(CONFIG, seed=1, linear=lambda a, b: Doubled(a, b, bias=False))
    assert sum(isinstance(each, Doubled) for each in net.modules()) == 14
    plain = build(CONFIG, seed=1)
    plain.load_state_dict({name: 2 * each if "_proj" in name else each for name, each in net.state_dict().items()})
    tokens = torch.arange(6)[None]
    assert (net(tokens) - plain(tokens)).abs().max().item() <= 1e-5
