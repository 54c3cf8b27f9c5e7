"""What reads one token a row computes what the model does, and notices that weights have changed."""

from __future__ import annotations

import pytest
import speaking_models
import torch
from torch import Tensor, nn

from train.data.batch import PADDING
from train.generate import Sampler
from train.lora import LoraSettings, adapt
from train.model.build import build
from train.model.config import ModelConfig, Rope
from train.model.decode import Decoder
from train.sampler import Params

torch.set_num_threads(1)
# Matrices so large that the products of few rows are made in slices.
CONFIG = ModelConfig(
    vocab_size=2176, hidden_size=128, intermediate_size=1088, layers=2, heads=4, kv_heads=4, head_dim=32,
    max_positions=64, init_std=0.1,
)  # fmt: skip
LLAMA3 = Rope("llama3", 10000.0, 8.0, original=32)
CHANGES = [{}, {"kv_heads": 2, "qk_norm": True, "tied": True}, {"rope": LLAMA3}, {"hidden_size": 100, "head_dim": 18}]


def compared(net: nn.Module, rows: int, *, padded: bool) -> tuple[Tensor, Tensor]:
    """Logits of six steps after a prompt, [rows, 6, vocab], by the decoder and by the model."""
    config = net.config
    tokens = torch.randint(0, config.vocab_size, (rows, 15), generator=torch.Generator().manual_seed(rows))
    docs = torch.zeros_like(tokens) if padded else None
    left = torch.arange(rows) % 7 if padded else torch.zeros(rows, dtype=torch.int64)
    if docs is not None:
        docs[torch.arange(15) < left[:, None]] = PADDING
    positions = (torch.arange(15) - left[:, None]).clamp_min(0)
    whole = net(tokens, positions, docs)[:, 9:] @ net.head.T
    cache = net.new_cache(rows, 16)
    net(tokens[:, :9], positions[:, :9], None if docs is None else docs[:, :9], cache)
    decoder = Decoder(net)
    steps = [decoder.logits(decoder.step(tokens[:, at], positions[:, at], cache)) for at in range(9, 15)]
    assert cache.length == 15
    return torch.stack(steps, 1), whole


@pytest.mark.parametrize("changes", CHANGES, ids=["plain", "shared", "llama3", "odd"])
@pytest.mark.parametrize("rows", [1, 5, 13])
@pytest.mark.parametrize("padded", [False, True], ids=["even", "padded"])
@torch.no_grad()
def test_steps_are_those_of_the_model(changes: dict[str, object], rows: int, padded: bool) -> None:
    net = build(CONFIG.replace(**changes), seed=1)
    assert Decoder.suits(net)
    found, wanted = compared(net, rows, padded=padded)
    assert (found - wanted).abs().max().item() <= 4e-6 * wanted.abs().max().item()


@torch.no_grad()
def test_adapters_are_asked() -> None:
    net = build(CONFIG, seed=1)
    adapt(net, LoraSettings(targets=("q_proj", "o_proj", "down_proj")))
    for name, value in net.named_parameters():
        if "lora_B" in name:
            value.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    found, wanted = compared(net, 5, padded=True)
    assert (found - wanted).abs().max().item() <= 4e-6 * wanted.abs().max().item()


@torch.no_grad()
def test_bf16_stays_near() -> None:
    net = build(CONFIG, seed=1).bfloat16()
    found, wanted = compared(net, 5, padded=True)
    assert found.dtype == torch.bfloat16
    assert ((found - wanted).float().norm() / wanted.float().norm()).item() <= 0.02


def test_who_wraps_a_layer_is_asked() -> None:
    class Other(nn.Module):
        pass

    net = build(CONFIG, seed=1)
    net.model.layers[1] = Other()
    assert not Decoder.suits(net)
    assert not Decoder.suits(build(ModelConfig.preset(2, 50, kind="lstm"), seed=1))


def test_weights_may_change_between_two_texts() -> None:
    opened = speaking_models.speaker()
    net = build(opened.config, seed=4).requires_grad_(False)
    net.load_state_dict(opened.model.state_dict())
    sampler, params = Sampler(net, opened.tokenizer), Params(max_new=12, ignore_eos=True)
    first = sampler.decoder()
    assert first is not None
    before = sampler.generate([[40, 41]], params)[0].ids
    assert sampler.decoder() is first
    for name, value in net.named_parameters():
        if "down_proj" in name or "q_proj" in name:
            value.mul_(-3)
    after = sampler.generate([[40, 41]], params)[0].ids
    assert sampler.decoder() is not first
    assert after == Sampler(net, opened.tokenizer).generate([[40, 41]], params)[0].ids != before
