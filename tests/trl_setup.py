"""The small model, tokenizer and preferences that TRL's trainers are compared on; import it behind an importorskip."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from train.data.batch import Batch
from train.model.build import load
from train.preferences.rows import Responses, Sequenced, collate
from train.preferences.types import Pair


def tokenizer() -> Any:
    """Words split at white space: <pad> <s> </s> <unk> w0 ... w59."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<s>", "</s>", "<unk>", *(f"w{number}" for number in range(60))]
    plain = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=plain, **named)


def model(seed: int) -> Any:
    """transformers' Llama, drawn from a seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.2,
    )
    return LlamaForCausalLM(config).eval()


def ours(peer: Any, directory: Path) -> nn.Module:
    """The same weights as a model of ours."""
    peer.save_pretrained(directory)
    return load(directory, dtype=torch.float32)[0].eval()


def preferences() -> list[dict[str, str]]:
    """Four prompts of five words, with a better and a worse answer of three to seven."""
    draw = random.Random(0)

    def sentence(count: int) -> str:
        return " ".join(f"w{draw.randrange(60)}" for _ in range(count))

    rows = []
    for _ in range(4):
        prompt = sentence(5) + " "
        chosen = sentence(draw.randrange(3, 8))
        rows.append({"prompt": prompt, "chosen": chosen, "rejected": sentence(draw.randrange(3, 8))})
    return rows


def ids(text: str) -> list[int]:
    """The ids of words."""
    return [4 + int(word[1:]) for word in text.split()]


def batch(rows: list[dict[str, str]]) -> Batch:
    """The preferences as a batch of ours, each answer ended by </s>."""
    sides = [
        [Sequenced(ids(row["prompt"]) + ids(row[side]) + [2], 5) for side in ("chosen", "rejected")] for row in rows
    ]
    names = [row["prompt"] for row in rows]
    table = Responses(names, sides, [[Pair(0, 1)] for _ in rows])
    return collate(table, np.arange(len(rows)), 64)
