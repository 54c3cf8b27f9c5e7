"""Small models that write text: random weights, a real tokenizer with the marks of ChatML."""

from __future__ import annotations

from functools import cache

import torch

from train.data.chat import load_template
from train.model.build import build
from train.model.config import ModelConfig
from train.open import Opened
from train.tokenizer.tokenizer import Tokenizer
from train.tokenizer.train import train

TEXTS = [
    "Der Fluß fließt durch das Tal, und über den Hügeln stehen Wolken — naß und grau. ",
    "one two three four five six seven eight nine ten; the quick brown fox jumps over the lazy dog. ",
    "日本語の文章には空白がありません。 😀 😁 🇩🇪 emoji are four bytes each: 🙂🙃. ",
]


@cache
def tokenizer() -> Tokenizer:
    """Byte-level, so small that characters of several bytes are several tokens."""
    return train(TEXTS * 20, 420)


@cache
def speaker(kind: str = "llama", tied: bool = False, context: int = 96) -> Opened:
    """A model of two layers whose logits have a spread of about 2."""
    torch.set_num_threads(1)
    coder = tokenizer()
    config = ModelConfig(
        vocab_size=coder.size,
        hidden_size=32,
        intermediate_size=48,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=8,
        max_positions=context,
        tied=tied,
        bos=coder.bos,
        eos=coder.eos,
        kind=kind,
    )
    model = build(config, seed=3).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(7)
    for name, weight in model.state_dict().items():
        if weight.dim() == 2:
            weight.normal_(0, 0.35 if "embed" in name or "head" in name else 0.12, generator=generator)
    ends = frozenset([] if coder.eos is None else [coder.eos])
    return Opened(model, coder, config, None, "0123456789abcdef" * 4, ends, load_template("chatml"))  # type: ignore[arg-type]
