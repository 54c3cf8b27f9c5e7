"""Shapes by depth, and config.json both ways."""

from __future__ import annotations

import pytest

from train.model.build import build
from train.model.config import ModelConfig, Rope
from workbench.errors import Exit, UserError

TABLE = {  # depth: (width, heads, heads of keys, MLP, tied, millions of parameters at a vocabulary of 8192)
    1: (64, 2, 2, 192, True, 0.58),
    2: (128, 4, 4, 384, True, 1.48),
    3: (192, 6, 6, 512, True, 2.90),
    4: (256, 4, 4, 704, True, 5.31),
    6: (384, 6, 6, 1024, True, 13.77),
    8: (512, 8, 8, 1408, True, 29.89),
    12: (768, 12, 6, 2048, False, 90.46),
    16: (1024, 16, 8, 2752, False, 202.41),
    20: (1280, 20, 10, 3456, False, 384.75),
    24: (1536, 24, 12, 4096, False, 648.10),
    26: (1664, 26, 13, 4480, False, 824.79),
}


@pytest.mark.parametrize("depth", TABLE)
def test_presets(depth: int) -> None:
    config = ModelConfig.preset(depth, 8192)
    millions = round(config.parameters()["total"] / 1e6, 2)
    found = (config.hidden_size, config.heads, config.kv_heads, config.intermediate_size, config.tied, millions)
    assert found == TABLE[depth]
    assert config.hidden_size == config.heads * config.head_dim


def test_presets_go_from_a_third_of_a_million_to_a_billion() -> None:
    assert ModelConfig.preset(1, 4096).parameters()["total"] == 315_584
    assert ModelConfig.preset(26, 50304).parameters()["total"] == 964_941_952


@pytest.mark.parametrize(
    "changes", [{}, {"tied": True}, {"qk_norm": True}, {"kind": "lstm"}, {"kind": "lstm", "tied": True}], ids=str
)
def test_numbers_of_parameters_are_those_of_the_model(changes: dict[str, object]) -> None:
    config = ModelConfig.preset(2, 100).replace(tied=False).replace(**changes)
    counts, model = config.parameters(), build(config, seed=0)
    assert counts["total"] == sum(each.numel() for each in model.parameters())
    norms = sum(each.numel() for name, each in model.named_parameters() if name.endswith("norm.weight"))
    assert counts["norms"] == norms
    head = model.head.numel()
    assert counts["matmul"] == counts["total"] - norms - (0 if config.tied else head)


ROPES = (
    Rope(),
    Rope(theta=500000.0),
    Rope("linear", factor=4.0),
    Rope("llama3", theta=500000.0, factor=8.0, original=8192),
    Rope("yarn", factor=4.0, original=2048),
    Rope("yarn", factor=40.0, original=4096, attention_factor=1.2, mscale=0.7, mscale_all_dim=1.0, truncate=False),
)


@pytest.mark.parametrize("rope", ROPES, ids=lambda rope: rope.kind)
@pytest.mark.parametrize("changes", [{}, {"qk_norm": True}, {"bos": 1, "eos": 2, "pad": 0, "tied": False}], ids=str)
def test_config_comes_back(rope: Rope, changes: dict[str, object]) -> None:
    config = ModelConfig.preset(2, 100).replace(rope=rope, **changes)
    written = config.to_hf()
    assert ModelConfig.from_hf(written) == config
    del written["rope_parameters"]  # as older writers have it
    assert ModelConfig.from_hf(written) == config


def test_lstm_config_comes_back() -> None:
    config = ModelConfig.preset(3, 100, kind="lstm")
    again = ModelConfig.from_hf(config.to_hf())
    assert again.parameters() == config.parameters()
    assert (again.kind, again.layers, again.hidden_size) == ("lstm", 3, 192)


def test_old_names_are_read() -> None:
    found = ModelConfig.from_hf(
        {
            "architectures": ["LlamaForCausalLM"],
            "vocab_size": 100,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 131072,
            "rope_theta": 500000.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
            "eos_token_id": [7, 8],
        }
    )
    assert found.rope == Rope("llama3", theta=500000.0, factor=8.0, low=1.0, high=4.0, original=8192)
    assert (found.kv_heads, found.head_dim, found.norm_eps, found.eos, found.bos) == (4, 8, 1e-6, 7, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["MistralForCausalLM"]}, "the architecture MistralForCausalLM is not supported"),
        ({"architectures": None}, "the architecture (none named) is not supported"),
        ({"attention_bias": True}, "`attention_bias` is not supported"),
        ({"mlp_bias": True}, "`mlp_bias` is not supported"),
        ({"sliding_window": 4096}, "a sliding window of attention is not supported"),
        ({"layer_types": ["sliding_attention"]}, "a sliding window of attention is not supported"),
        ({"hidden_act": "gelu"}, "the activation 'gelu' is not supported"),
        ({"quantization_config": {"bits": 4}}, "`quantization_config` is not supported"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "RoPE of the kind 'longrope' is not supported"),
        ({"partial_rotary_factor": 0.5}, "`partial_rotary_factor` is not supported"),
        ({"hidden_size": "wide"}, "config.json holds a value of a wrong type"),
        ({"num_key_value_heads": 3}, "4 heads cannot share 3 heads of keys and values evenly"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        ModelConfig.from_hf(ModelConfig.preset(2, 100).to_hf() | changes)
    assert caught.value.message.startswith(message)


def test_a_missing_entry_is_named() -> None:
    written = ModelConfig.preset(2, 100).to_hf()
    del written["num_hidden_layers"]
    with pytest.raises(UserError, match="has no 'num_hidden_layers'") as caught:
        ModelConfig.from_hf(written)
    assert caught.value.code == Exit.INPUT


def test_depth_of_nothing() -> None:
    with pytest.raises(UserError, match="at least one layer"):
        ModelConfig.preset(0, 100)
