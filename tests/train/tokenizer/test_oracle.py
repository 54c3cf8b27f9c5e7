"""transformers opens what is written here, and encodes the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_tokenizers import small_tokenizer

from train.data.chat import choose, prompt, render
from train.tokenizer.report import HOSTILE

pytestmark = pytest.mark.oracle

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 400,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
}


def opened(directory: Path, config: dict[str, Any] | None) -> Any:
    transformers = pytest.importorskip("transformers")
    small_tokenizer().save(directory)
    if config is not None:  # a checkpoint, whose model type has a tokenizer class of its own
        (directory / "config.json").write_text(json.dumps(config))
    return transformers.AutoTokenizer.from_pretrained(str(directory))


@pytest.mark.parametrize("config", [None, LLAMA, {**LLAMA, "model_type": "qwen3"}], ids=["alone", "llama", "qwen3"])
def test_transformers_encodes_and_decodes_the_same(tmp_path: Path, config: dict[str, Any] | None) -> None:
    tokenizer, theirs = small_tokenizer(), opened(tmp_path, config)
    for text in [*HOSTILE.values(), "The quick brown fox 12345", "a\r\n    b"]:
        assert theirs(text)["input_ids"] == tokenizer.encode(text)
        assert theirs.decode(tokenizer.encode(text)) == text
    for name in tokenizer.specials:
        text = f"a{name} b"
        assert theirs.encode(text, split_special_tokens=True) == tokenizer.encode(text)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (0, 1, 2)
    assert len(theirs) == tokenizer.size


def test_the_chat_template_is_there_and_says_the_same(tmp_path: Path) -> None:
    tokenizer, theirs = small_tokenizer(), opened(tmp_path, None)
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "The quick?"},
        {"role": "assistant", "content": "Brown fox."},
    ]
    form = choose(tokenizer)
    assert theirs.apply_chat_template(messages)["input_ids"] == render(messages, tokenizer, form).ids
    asked = theirs.apply_chat_template(messages[:2], add_generation_prompt=True)["input_ids"]
    assert asked == prompt(messages[:2], tokenizer, form)


def test_what_transformers_saves_again_opens_here_as_the_same(tmp_path: Path) -> None:
    from train.tokenizer.tokenizer import Tokenizer

    opened(tmp_path / "ours", None).save_pretrained(str(tmp_path / "theirs"))
    again = Tokenizer.open(tmp_path / "theirs")
    tokenizer = small_tokenizer()
    assert (again.bos, again.eos, again.pad, again.template) == (0, 1, 2, "chatml")
    assert all(again.encode(text) == tokenizer.encode(text) for text in HOSTILE.values())
