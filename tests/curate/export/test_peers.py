"""What the libraries of others make of an export: `datasets` opens it, `tokenizers` counts its tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from whole_run import curate

from curate.export.configs import configs
from curate.tokens import Counter
from workbench.errors import Exit, UserError

from .conftest import rows

SPLITS = ["--splits", "train=0.8,validation=0.1,test=0.1"]


def word_tokenizer(path: Path) -> Path:
    """A tokenizer of words that pads and truncates, as those of models do."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "[PAD]": 1, "word": 2}
    one = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    one.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    one.enable_truncation(5)
    one.enable_padding(length=64, pad_id=1, pad_token="[PAD]")
    one.save(str(path))
    return path


@pytest.mark.oracle
@pytest.mark.parametrize("format", ["datasets", "jsonl.zst"])
def test_datasets_opens_it(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    options = ["--format", format, *SPLITS, "--shard-chars", "20000", "--root", tmp_path]
    ended = curate("export", crawl, "--to", tmp_path / "out", *options)
    assert ended.code == 0, ended.stderr
    folder = tmp_path / "out" if format == "datasets" else tmp_path / "out" / "data"
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {
        split["split"]: split["rows"] for split in ended.data["splits"]
    }
    row = loaded["train"][0]
    (stored,) = rows().filter(id=row["id"]).to_dicts()
    assert row["text"] == stored["text"] and row["row"] == stored["row"]


@pytest.mark.oracle
def test_tokens_are_counted_whole(crawl: Path, tmp_path: Path) -> None:
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json")
    import polars as pl

    ended = curate("export", crawl, "--to", tmp_path / "out", "--root", tmp_path, "--tokenizer", tokenizer)
    assert ended.code == 0, ended.stderr
    frame = pl.read_parquet(next((tmp_path / "out/data").iterdir()))
    assert "tokens_estimated" not in frame.columns
    assert frame["tokens"].to_list() == [len(text.split()) for text in frame["text"]]
    assert ended.data["splits"][0]["tokens"] == frame["tokens"].sum()
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert [one["path"] for one in manifest["inputs"]] == ["tokenizer.json"]


@pytest.mark.oracle
def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="is no tokenizer") as error:
        Counter(tmp_path / "tokenizer.json")
    assert error.value.code == Exit.INPUT


def test_configs_by_the_names_of_the_files() -> None:
    plain = [f"data/{split}-{n:05d}-of-00002.parquet" for split in ("train", "test") for n in range(2)]
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in ("train", "test")]
    assert configs(plain) == [{"config_name": "default", "data_files": files, "default": True}]
    mixed = ["data/main/train-00000-of-00001.jsonl.zst", "data/long/train-00000-of-00001.jsonl.zst"]
    assert configs(mixed) == [
        {
            "config_name": "main",
            "data_files": [{"split": "train", "path": "data/main/train-*.jsonl.zst"}],
            "default": True,
        },
        {"config_name": "long", "data_files": [{"split": "train", "path": "data/long/train-*.jsonl.zst"}]},
    ]
    run = ["documents/part-00000.parquet", "documents/part-00001.parquet"]
    assert configs(run)[0]["data_files"] == [{"split": "train", "path": "documents/*.parquet"}]
