"""Building, saving and reading models; what is wrong with a directory is said with file and weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from train.model.build import build, load, save, weights_digest
from train.model.config import ModelConfig
from workbench.errors import Exit, UserError

torch.set_num_threads(1)
CONFIG = ModelConfig.preset(1, 64, bos=1, eos=2, pad=0).replace(tied=False)


def saved(path: Path, config: ModelConfig = CONFIG) -> dict[str, Tensor]:
    model = build(config, seed=3)
    save(model, config, path)
    return model.state_dict()


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def test_a_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    one = build(CONFIG, seed=3).state_dict()
    torch.randn(5)
    assert same(one, build(CONFIG, seed=3).state_dict())
    other = build(CONFIG, seed=4).state_dict()
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])
    tied = build(CONFIG.replace(tied=True), seed=3).state_dict()
    assert all(torch.equal(value, one[name]) for name, value in tied.items())


def test_new_weights_have_the_spread_that_is_asked_for() -> None:
    config = ModelConfig.preset(4, 1000)
    weights = build(config, seed=0).state_dict()
    assert weights["model.embed_tokens.weight"].std().item() == pytest.approx(0.02, rel=0.01)
    assert weights["model.layers.3.mlp.down_proj.weight"].std().item() == pytest.approx(0.02 / 8**0.5, rel=0.01)
    assert (weights["model.norm.weight"] == 1).all()


@pytest.mark.parametrize("kind", ["llama", "lstm"])
@pytest.mark.parametrize("tied", [True, False])
def test_what_is_saved_comes_back_bit_by_bit(tmp_path: Path, kind: str, tied: bool) -> None:
    config = ModelConfig.preset(1, 64, kind=kind).replace(tied=tied, intermediate_size=256, heads=1, kv_heads=1)
    config = config.replace(head_dim=64)
    before = saved(tmp_path, config)
    model, found = load(tmp_path)
    assert found == config
    assert same(model.state_dict(), before)
    assert all(each.requires_grad for each in model.parameters())
    assert {file.name for file in tmp_path.iterdir()} == {"model.safetensors", "config.json", "generation_config.json"}


def test_dtype_stays_or_is_chosen(tmp_path: Path) -> None:
    model = build(CONFIG, seed=3).bfloat16()
    save(model, CONFIG, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
    assert same(load(tmp_path)[0].state_dict(), model.state_dict())
    wide = load(tmp_path, dtype=torch.float32)[0].state_dict()
    assert same(wide, {name: value.float() for name, value in model.state_dict().items()})


def shard(path: Path) -> None:
    """Turn a directory's one file into two behind an index."""
    weights = load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    names = sorted(weights)
    files = {name: f"model-0000{1 + (i > 4)}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(files.values()):
        save_file({name: weights[name] for name in names if files[name] == file}, path / file, {"format": "pt"})
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))


def test_shards_are_read_and_have_the_digest_of_the_whole(tmp_path: Path) -> None:
    before = saved(tmp_path)
    whole = weights_digest(tmp_path)
    shard(tmp_path)
    assert same(load(tmp_path)[0].state_dict(), before)
    assert weights_digest(tmp_path) == whole
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert caught.value.file == str(tmp_path / "model-00002-of-00002.safetensors")


def test_an_index_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    saved(tmp_path)
    shard(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../secret"}}))
    with pytest.raises(UserError, match="not in the directory"):
        load(tmp_path)


def test_the_digest_tells_weights_apart(tmp_path: Path) -> None:
    saved(tmp_path / "a")
    weights = load_file(tmp_path / "a" / "model.safetensors")
    weights["model.norm.weight"][5] += 1e-7
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert weights_digest(tmp_path) != weights_digest(tmp_path / "a")


def test_a_head_written_beside_a_tied_embedding_is_left_aside(tmp_path: Path) -> None:
    config = CONFIG.replace(tied=True)
    weights = saved(tmp_path, config)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert "lm_head.weight" not in load(tmp_path)[0].state_dict()


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(path)
    assert caught.value.code == Exit.INPUT
    return str(caught.value)


def test_files_that_are_no_model(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"{tmp_path}/config.json: there is no such file"
    saved(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for wrong in (whole[:-100], whole[:50], b"", b"PK\x03\x04 something else entirely"):
        file.write_bytes(wrong)
        assert refused(tmp_path).startswith(f"{file}: this is no whole safetensors file")
    file.unlink()
    assert refused(tmp_path) == f"{file}: there is no such file"
    (tmp_path / "config.json").write_text("[1]")
    assert refused(tmp_path) == f"{tmp_path}/config.json: it is not a JSON object"
    (tmp_path / "config.json").write_text("{")
    assert "config.json: it cannot be read" in refused(tmp_path)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    weights = saved(tmp_path)
    file = tmp_path / "model.safetensors"

    def rewritten(changed: dict[str, Tensor]) -> str:
        save_file(changed, file, {"format": "pt"})
        return refused(tmp_path)

    norm = weights.pop("model.norm.weight")
    assert rewritten(weights) == f"{tmp_path}: the weight 'model.norm.weight' is missing (1 in all)"
    assert "'model.norm.weights' has no place" in rewritten(weights | {"model.norm.weights": norm})
    message = rewritten(weights | {"model.norm.weight": norm[:3].clone()})
    assert message == f"{file}: 'model.norm.weight' is (3,) where config.json asks for (64,)"
    assert "torch.int64" in rewritten(weights | {"model.norm.weight": norm.long()})


def test_only_plain_models_are_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lm_head"):
        save(build(CONFIG, seed=0), CONFIG.replace(tied=True), tmp_path)
