"""The same weights in transformers: logits, gradients, directories both ways, generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from train.losses import next_token_loss
from train.model.build import build, load, save
from train.model.config import ModelConfig, Rope

torch.set_num_threads(1)
pytestmark = pytest.mark.oracle
BASE = ModelConfig(
    vocab_size=97,
    hidden_size=64,
    intermediate_size=96,
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=16,
    max_positions=64,
    init_std=0.1,
    bos=1,
    eos=2,
    pad=0,
)
CONFIGS = {
    "plain": BASE,
    "tied": BASE.replace(tied=True),
    "all heads": BASE.replace(kv_heads=4),
    "wide heads": BASE.replace(head_dim=32),
    "qk norm": BASE.replace(qk_norm=True),
    "linear": BASE.replace(rope=Rope("linear", factor=4.0)),
    "llama3": BASE.replace(rope=Rope("llama3", theta=500000.0, factor=8.0, original=16)),
    "yarn": BASE.replace(rope=Rope("yarn", factor=4.0, original=16)),
}
TOKENS = torch.randint(3, 97, (2, 40), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def theirs() -> Any:
    return pytest.importorskip("transformers")


def opened(theirs: Any, path: Path) -> nn.Module:
    return theirs.AutoModelForCausalLM.from_pretrained(path, dtype="auto", attn_implementation="eager")


@pytest.mark.parametrize("name", CONFIGS)
def test_an_export_opens_with_equal_logits_and_gradients(theirs: Any, name: str, tmp_path: Path) -> None:
    config = CONFIGS[name]
    ours = build(config, seed=1)
    save(ours, config, tmp_path)
    other = opened(theirs, tmp_path)
    assert type(other).__name__ == ("Qwen3ForCausalLM" if config.qk_norm else "LlamaForCausalLM")
    output = other(input_ids=TOKENS, labels=TOKENS, use_cache=False)
    hidden = ours(TOKENS)
    assert (hidden @ ours.head.T - output.logits).abs().max().item() <= 1e-5
    loss, count = next_token_loss(hidden[:, :-1], ours.head, TOKENS[:, 1:])
    assert (loss / count).item() == pytest.approx(output.loss.item(), rel=1e-6)
    (loss / count).backward()
    output.loss.backward()
    gradients = {key: each.grad for key, each in other.named_parameters()}
    for key, each in ours.named_parameters():
        wanted = gradients[key]
        assert (each.grad - wanted).abs().max().item() <= 1e-5 * max(wanted.abs().max().item(), 0.1), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("shards", [False, True])
def test_their_directory_is_read_bit_by_bit(
    theirs: Any, name: str, dtype: torch.dtype, shards: bool, tmp_path: Path
) -> None:
    settings = CONFIGS[name].to_hf()
    kind = theirs.Qwen3Config if settings["model_type"] == "qwen3" else theirs.LlamaConfig
    torch.manual_seed(0)
    other = theirs.AutoModelForCausalLM.from_config(kind(**settings)).to(dtype)
    other.save_pretrained(tmp_path / "theirs", max_shard_size="50KB" if shards else "5GB")
    assert (tmp_path / "theirs" / "model.safetensors").exists() != shards
    model, config = load(tmp_path / "theirs")
    assert config == CONFIGS[name]
    weights = dict(other.named_parameters())
    for key, value in model.state_dict().items():
        assert value.dtype == dtype
        assert torch.equal(value, weights[key]), key
    if dtype == torch.float32:
        logits = other(input_ids=TOKENS, use_cache=False).logits
        assert (model(TOKENS) @ model.head.T - logits).abs().max().item() <= 1e-5
    save(model, config, tmp_path / "ours")
    again = opened(theirs, tmp_path / "ours").state_dict()
    assert all(torch.equal(again[key], value) for key, value in model.state_dict().items())
    if not shards:
        one, two = (load_file(tmp_path / side / "model.safetensors") for side in ("theirs", "ours"))
        assert one.keys() == two.keys()


def test_packed_rows_equal_theirs_with_reset_positions(theirs: Any, tmp_path: Path) -> None:
    ours = build(BASE, seed=1)
    save(ours, BASE, tmp_path)
    positions = torch.cat((torch.arange(15), torch.arange(25)))[None].expand(2, 40)
    docs = torch.cat((torch.zeros(15), torch.ones(25))).long()[None].expand(2, 40)
    logits = opened(theirs, tmp_path)(input_ids=TOKENS, position_ids=positions, use_cache=False).logits
    assert (ours(TOKENS, positions, docs) @ ours.head.T - logits).abs().max().item() <= 1e-5


def test_greedy_generation_is_theirs(theirs: Any, tmp_path: Path) -> None:
    ours = build(BASE, seed=1)
    save(ours, BASE, tmp_path)
    wanted = opened(theirs, tmp_path).generate(TOKENS[:, :9], max_new_tokens=12, do_sample=False, eos_token_id=None)
    cache, found, new = ours.new_cache(2, 21), TOKENS[:, :9], TOKENS[:, :9]
    for _ in range(12):
        new = (ours(new, cache=cache)[:, -1:] @ ours.head.T).argmax(-1)
        found = torch.cat((found, new), 1)
    assert torch.equal(found, wanted)


def test_torch_has_the_same_cross_entropy(theirs: Any) -> None:
    del theirs
    draw = torch.Generator().manual_seed(0)
    hidden, head = (torch.randn(shape, generator=draw).requires_grad_() for shape in ((100, 16), (300, 16)))
    targets = torch.randint(0, 300, (100,), generator=draw)
    options = nn.LinearCrossEntropyOptions()
    wanted = nn.functional.linear_cross_entropy(hidden, head, targets, reduction="sum", options=options)
    found, _ = next_token_loss(hidden, head, targets)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    one, two = (torch.autograd.grad(value, (hidden, head)) for value in (found, wanted))

    def gap(ours: Tensor, other: Tensor) -> float:
        return (ours - other).abs().max().item()

    assert max(map(gap, one, two)) <= 1e-5
