"""The tiny Llama and the small data on which lm-eval's numbers are known, made anew bit by bit.

One generator, `random.Random(0)`, in this order: the text that the tokenizer is learnt from, the documents, the
items. The weights are those that `LlamaForCausalLM` of transformers draws after `torch.manual_seed(0)`, times 3.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    "dog",
    "ran",
    "over",
    "moon",
    "and",
    "then",
    "river",
    "city",
    "old",
    "king",
    "green",
    "light",
    "data",
    "model",
    "train",
    "test",
    "answer",
    "question",
    "sum",
    "of",
    "two",
    "three",
    "four",
    "red",
    "blue",
    "sky",
]
VOCABULARY, WIDTH, MLP, KEYS, LAYERS, CONTEXT = 512, 64, 128, 32, 2, 64
DIGESTS = {
    "oracle_data/ppl.jsonl": "46067b30b1e6f5c22d6dfa25d18f4c49f9dbd157d7699f0dbb4c1db66f8018c5",
    "oracle_data/mc.jsonl": "328eddb4889aa4f18a5ba1196b4a4540c088db5ce2ab256c433b5b5a8863fd79",
    "tiny/tokenizer.json": "16cb8428e55321c8af6620803e9fdf86e118231f857c398586d0fa885e3f783c",
    "tiny/model.safetensors": "119315a48eefe67d7dbae01e9d701205e6ab852bebea8154c8c0f7215ed23e5d",
}
"""SHA-256 of the files. The last needs a torch whose generator draws as that of 2.13 to 2.15 does."""


def make(directory: Path) -> Path:
    """Write `tiny/`, `oracle_data/ppl.jsonl` and `oracle_data/mc.jsonl` under `directory`."""
    tiny, data = directory / "tiny", directory / "oracle_data"
    tiny.mkdir(parents=True)
    data.mkdir()
    source = random.Random(0)
    tokenizer = _tokenizer([_sentence(source, source.randint(5, 30)) for _ in range(2000)])
    _rows(data / "ppl.jsonl", [{"text": _document(source)} for _ in range(12)])
    _rows(data / "mc.jsonl", [_item(source, index) for index in range(40)])
    tokenizer.save(str(tiny / "tokenizer.json"))
    _json(
        tiny / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": CONTEXT,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "pad_token": "</s>",
            "clean_up_tokenization_spaces": False,
        },
    )
    save_file(_weights(), tiny / "model.safetensors", metadata={"format": "pt"})
    _json(
        tiny / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": VOCABULARY,
            "hidden_size": WIDTH,
            "intermediate_size": MLP,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-6,
            "hidden_act": "silu",
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "tie_word_embeddings": False,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "dtype": "float32",
        },
    )
    return directory


def _sentence(source: random.Random, words: int) -> str:
    return " ".join(source.choice(WORDS) for _ in range(words)).capitalize() + "."


def _document(source: random.Random) -> str:
    return " ".join(_sentence(source, source.randint(5, 30)) for _ in range(source.randint(1, 8)))


def _item(source: random.Random, index: int) -> dict[str, Any]:
    question = _sentence(source, 8)
    choices = [" ".join(source.choice(WORDS) for _ in range(source.randint(1, 5))) for _ in range(4)]
    return {"question": question, "choices": choices, "answer": source.randrange(4), "group": index // 4}


def _tokenizer(texts: list[str]) -> Tokenizer:
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    found.train_from_iterator(texts, trainer)
    found.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
    )
    return found


def _weights() -> dict[str, Tensor]:
    """The draws of transformers, in its order: the modules of the trunk as torch makes them, its own, the head's."""
    shapes = {"model.embed_tokens": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        of = f"model.layers.{layer}"
        shapes |= {f"{of}.self_attn.{name}_proj": (WIDTH, WIDTH) for name in "q"}
        shapes |= {f"{of}.self_attn.{name}_proj": (KEYS, WIDTH) for name in "kv"}
        shapes |= {f"{of}.self_attn.o_proj": (WIDTH, WIDTH)}
        shapes |= {f"{of}.mlp.gate_proj": (MLP, WIDTH), f"{of}.mlp.up_proj": (MLP, WIDTH)}
        shapes |= {f"{of}.mlp.down_proj": (WIDTH, MLP)}
    found: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nn.Embedding(VOCABULARY, WIDTH)
        for rows, columns in list(shapes.values())[1:]:
            nn.Linear(columns, rows, bias=False)
        for name, shape in shapes.items():
            found[f"{name}.weight"] = torch.empty(shape).normal_(0, 0.02) * 3
        nn.Linear(WIDTH, VOCABULARY, bias=False)
        found["lm_head.weight"] = torch.empty(VOCABULARY, WIDTH).normal_(0, 0.02) * 3
    norms = ["model.norm"] + [
        f"model.layers.{layer}.{name}_layernorm" for layer in range(LAYERS) for name in ("input", "post_attention")
    ]
    return found | {f"{name}.weight": torch.ones(WIDTH) for name in norms}


def _rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
