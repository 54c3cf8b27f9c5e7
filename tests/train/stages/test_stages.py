"""The stages from their commands: a corpus of small files in, models that open, and what is refused."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from train import records
from train.cli.commands import app
from train.open import open_model
from workbench.errors import Exit
from workbench.files import sha256
from workbench.runs import Run

WORDS = "the cat sat on a mat and saw the dog run to the red house by the sea".split()  # noqa: SIM905
SMALL = ("--depth", "1", "--context", "32", "--set", "vocab_size=320", "--set", "rows.tokens=256")
HELD = ("--set", "text.prepare.held_out=0.2")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Any:
    """One thread, and no probe of the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "matmul_peak", lambda device: {"fp32": 1e9, "bf16": 1e9})
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "corpus.jsonl"
    draw = random.Random(1)
    rows = [{"id": f"d{n}", "text": " ".join(draw.choices(WORDS, k=draw.randint(5, 60)))} for n in range(80)]
    rows += [{"id": f"long{n}", "text": " ".join(draw.choices(WORDS, k=300))} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    rows = [{"prompt": f"say {word}", "response": f"{word} {word}"} for word in WORDS for _ in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def base(corpus: Path, root: Path) -> Path:
    out = root / "base"
    done = train("pretrain", "--data", corpus, *SMALL, *HELD, "--tokens", 6000, "--out", out, "--root", root)
    assert done["ok"], done["errors"]
    return out


def train(*arguments: object) -> dict[str, Any]:
    """The envelope of a command."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json", "-q"])
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_code"] == done.exit_code
    return found


def error(*arguments: object) -> tuple[int, str]:
    """Exit code and message of a command that fails."""
    found = train(*arguments)
    assert not found["ok"]
    return found["exit_code"], found["errors"][0]["message"]


def weights(run: Path) -> str:
    return sha256(max((run / "checkpoints").glob("step-*")) / "model.safetensors")


def test_pretraining_leaves_a_run_that_opens(base: Path, root: Path, corpus: Path) -> None:
    stage = json.loads((base / "stage.json").read_text())
    assert stage["seen"]["all"]["tokens"] == stage["tokens"] >= 6000
    measured = stage["measured"][-1]
    assert measured["part"] == "" and 0 < measured["bits_per_byte"] < 8
    assert set(stage["baselines"]) == {"2"}
    table = pl.read_parquet(base / "metrics" / "*.parquet").filter(pl.col("kind") == "train")
    assert table["step"].to_list() == list(range(1, stage["steps"] + 1))
    assert table["loss"][-1] < table["loss"][0]
    run = Run.open(base, root)
    assert run.manifest is not None and run.manifest.kind == "train.pretrain"
    assert [parent.id.rpartition("-")[0] for parent in run.manifest.parents] == ["train.tokens"]
    assert "bits a byte" in (base / "README.md").read_text()
    opened = open_model(str(base), root)
    assert opened.tokenizer.size == opened.config.vocab_size <= 320


def test_the_same_command_is_done_and_another_recipe_refused(base: Path, root: Path, corpus: Path) -> None:
    same = ("pretrain", "--data", corpus, *SMALL, *HELD, "--tokens", 6000, "--out", base, "--root", root)
    assert train(*same)["data"]["was_done"]
    code, message = error(*same, "--seed", 2)
    assert code == Exit.USAGE and message.endswith("another recipe: seed was 0, is 2")


def test_a_recipe_says_the_same_as_flags(base: Path, root: Path, corpus: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"text: {{source: {corpus}, prepare: {{held_out: 0.2}}}}\nvocab_size: 320\nlength: 6k\n"
        "model: {depth: 1, context: 32}\nrows: {tokens: 256}\n"
    )
    done = train("pretrain", recipe, "--out", tmp_path / "again", "--root", root)
    assert done["ok"] and weights(tmp_path / "again") == weights(base)
    done = train("pretrain", base / "recipe.yaml", "--out", tmp_path / "own", "--root", root)
    assert done["ok"] and weights(tmp_path / "own") == weights(base)


def test_phases_take_their_share_of_the_steps(root: Path, corpus: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"text:\n  source: {corpus}\n  phases:\n"
        "    - {name: main, share: 3, weights: {all: 1}}\n    - {name: end, share: 1}\n"
    )
    done = train("pretrain", recipe, *SMALL, "--tokens", 2000, "--out", tmp_path / "run", "--root", root)
    assert done["ok"], done["errors"]
    assert done["data"]["seen"]["all"]["rows"] == 8 * done["data"]["steps"]


def test_annealing_begins_where_pretraining_ended(base: Path, root: Path, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "annealed"
    done = train("anneal", "--from", base, "--data", corpus, "--tokens", 1000, "--out", out, "--root", root,
                 "--set", "rows.tokens=256", *HELD)  # fmt: skip
    assert done["ok"], done["errors"]
    rates = pl.read_parquet(out / "metrics" / "*.parquet").filter(pl.col("kind") == "train")["lr"].to_list()
    assert rates == sorted(rates, reverse=True) and rates[-1] < rates[0] / 2
    first = pl.read_parquet(out / "metrics" / "*.parquet").filter((pl.col("kind") == "eval") & (pl.col("step") == 0))
    before = json.loads((base / "stage.json").read_text())["measured"][-1]["loss"]
    assert first.filter(pl.col("part") == "")["loss"][0] == pytest.approx(before, rel=1e-5)
    manifest = Run.open(out, root).manifest
    assert manifest is not None and len(manifest.parents) == 2


@pytest.mark.parametrize("rope", ["yarn", "llama3", "linear", "theta"])
def test_extending_reads_long_documents(rope: str, base: Path, root: Path, corpus: Path, tmp_path: Path) -> None:
    done = train("extend", "--from", base, "--data", corpus, "--context", 64, "--tokens", 500,
                 "--out", tmp_path / "long", "--root", root, "--set", f"rope={rope}", "--set", "rows.tokens=256",
                 "--set", "shortest=200")  # fmt: skip
    assert done["ok"], done["errors"]
    config = json.loads((max((tmp_path / "long" / "checkpoints").glob("*")) / "config.json").read_text())
    assert config["max_position_embeddings"] == 64
    assert config["rope_parameters"]["rope_type"] == ("default" if rope == "theta" else rope)
    model, _, _ = (opened := open_model(str(tmp_path / "long"), root)).model, opened.config, opened.tokenizer
    assert torch.isfinite(model(torch.arange(64)[None])).all()


def test_finetuning_learns_the_answers(base: Path, root: Path, chats: Path, tmp_path: Path) -> None:
    out = tmp_path / "sft"
    done = train("sft", "--from", base, "--data", chats, "--template", "plain", "--epochs", 3, "--out", out,
                 "--root", root, "--set", "rows.tokens=128", "--set", "held_out=0.2")  # fmt: skip
    assert done["ok"], done["errors"]
    table = pl.read_parquet(out / "metrics" / "*.parquet").filter((pl.col("kind") == "eval") & (pl.col("part") == ""))
    assert table["loss"][-1] < table["loss"][0]
    assert open_model(str(out), root).form is not None


def test_adapters_are_checkpoints_and_merge_into_a_model(base: Path, root: Path, chats: Path, tmp_path: Path) -> None:
    for flag in ("--lora", "--qlora"):
        out = tmp_path / flag[2:]
        done = train("sft", "--from", base, "--data", chats, "--template", "plain", flag, "--epochs", 1, "--out", out,
                     "--root", root, "--set", "rows.tokens=128")  # fmt: skip
        assert done["ok"], done["errors"]
        last = max((out / "checkpoints").glob("*"))
        assert (last / "adapter_model.safetensors").is_file() and not (last / "model.safetensors").exists()
        opened = open_model(str(out), root)
        assert train("merge", out, "--out", tmp_path / f"merged{flag}", "--root", root)["ok"]
        merged = open_model(str(tmp_path / f"merged{flag}"), root)
        for name, value in merged.model.state_dict().items():
            assert torch.equal(value, opened.model.state_dict()[name])


def test_only_some_weights_learn(base: Path, root: Path, chats: Path, tmp_path: Path) -> None:
    out = tmp_path / "attention"
    done = train("sft", "--from", base, "--data", chats, "--template", "plain", "--only", "attention", "--epochs", 1,
                 "--out", out, "--root", root, "--set", "rows.tokens=128")  # fmt: skip
    assert done["ok"], done["errors"]
    before = load_file(max((base / "checkpoints").glob("*")) / "model.safetensors")
    after = load_file(max((out / "checkpoints").glob("*")) / "model.safetensors")
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if ".self_attn." in name}


def test_export_and_import(base: Path, root: Path, tmp_path: Path) -> None:
    done = train("export", base, "--out", tmp_path / "out", "--root", root)
    names = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    assert done["ok"] and names <= set(done["data"]["files"]) and "COMPLETE" not in done["data"]["files"]
    assert error("export", base, "--out", tmp_path / "out", "--root", root)[0] == Exit.USAGE
    done = train("import", tmp_path / "out", "--out", tmp_path / "in", "--root", root)
    assert done["ok"] and weights(tmp_path / "in") == weights(base)
    (tmp_path / "out" / "model.safetensors").write_bytes(b"\x10" * 100)
    assert error("import", tmp_path / "out", "--out", tmp_path / "bad", "--root", root)[0] == Exit.INPUT


def test_plan_and_status(base: Path, root: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.stages import forecast

    monkeypatch.setattr(forecast, "PROBE_S", 0.0)
    done = train("plan", "pretrain", "--data", corpus, *SMALL, *HELD, "--tokens", 6000, "--root", root)
    assert done["ok"], done["errors"]
    assert done["data"]["steps"] == json.loads((base / "stage.json").read_text())["steps"]
    assert done["data"]["seconds"] > 0 and done["data"]["memory"]["total"] > 0
    status = train("status", base, "--root", root)
    assert status["data"]["finished"] and status["data"]["last"]["step"] == done["data"]["steps"]


def test_killed_and_gone_on_with(base: Path, root: Path, chats: Path, tmp_path: Path) -> None:
    """A process of its own is killed as its second checkpoint appears; the same command ends in the same bytes."""
    arguments = ["sft", "--from", base, "--data", chats, "--template", "plain", "--lora", "--epochs", 4, "--root", root]
    arguments += ["--set", "rows.tokens=64", "--set", "save_every=3", "--set", "lora.dropout=0.1", "--set", "keep=1"]
    assert train(*arguments, "--out", tmp_path / "whole")["ok"]
    program = "import os, sys, torch; torch.set_num_threads(1); from train import records; " \
        "records.matmul_peak = lambda device: {'fp32': 1e9, 'bf16': 1e9}; " \
        "from train.cli.commands import main; sys.argv = ['train', *sys.argv[1:]]; main()"  # fmt: skip
    command = [sys.executable, "-c", program, *map(str, arguments), "--out", str(tmp_path / "killed"), "--json", "-q"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        while process.poll() is None and not list((tmp_path / "killed").glob("checkpoints/step-*[!3]/COMPLETE")):
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert train(*arguments, "--out", tmp_path / "killed")["ok"]
    name = max((tmp_path / "whole" / "checkpoints").glob("*")).name
    assert name > "step-00000009"  # there was something left to do
    file = Path("checkpoints", name, "adapter_model.safetensors")
    assert sha256(tmp_path / "whole" / file) == sha256(tmp_path / "killed" / file)


def test_what_is_refused(base: Path, root: Path, corpus: Path, chats: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "no", "--root", root)
    assert error("pretrain", *out)[0] == Exit.USAGE  # no data
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert error("pretrain", "--data", empty, *SMALL, *out)[0] in (Exit.USAGE, Exit.INPUT)
    code, message = error("pretrain", "--data", corpus, *SMALL, "--tokens", "many", *out)
    assert code == Exit.USAGE and "length" in message
    code, message = error("pretrain", "--data", corpus, "--set", "model.depht=2", *out)
    assert code == Exit.USAGE and "depht" in message
    assert error("sft", "--data", chats, *out)[0] == Exit.USAGE  # no checkpoint
    assert error("sft", "--from", tmp_path / "nowhere", "--data", chats, *out)[0] == Exit.INPUT
    assert error("sft", "--from", base, *out)[0] == Exit.USAGE  # no data
    assert error("sft", "--from", base, "--data", tmp_path / "none.jsonl", *out)[0] == Exit.INPUT
    code, message = error("sft", "--from", base, "--data", chats, "--template", "plain", "--only", "atention", *out)
    assert code == Exit.USAGE and "atention" in message
    code, message = error("extend", "--from", base, "--data", corpus, "--context", 16, *out)
    assert code == Exit.USAGE and "32" in message
    masked = tmp_path / "masked.jsonl"
    masked.write_text('{"prompt": "a", "response": "b"}\n{"prompt": "say the cat", "response": ""}\n')
    code, message = error("sft", "--from", base, "--data", masked, "--template", "alpaca", *out)
    assert code == Exit.INPUT and "2" in message


def test_copies_of_a_text_stay_on_one_side(root: Path, tmp_path: Path) -> None:
    data = tmp_path / "copies.jsonl"
    data.write_text("".join(json.dumps({"text": f"text number {n % 20} of the cat"}) + "\n" for n in range(100)))
    done = train("prepare", "--data", data, "--tokenizer", _tokenizer(tmp_path), "--held-out", 0.3, "--root", root)
    assert done["ok"], done["errors"]
    table = pl.read_parquet(Path(done["run"]) / "documents" / "*.parquet").with_columns(
        text=pl.Series([f"{n % 20}" for n in range(100)])
    )
    sides = table.group_by("text").agg(pl.col("split").n_unique())
    assert sides["split"].max() == 1 and table["split"].n_unique() == 2


def test_tokens_that_changed_are_refused(root: Path, corpus: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    done = train("prepare", "--data", corpus, "--tokenizer", _tokenizer(tmp_path), "--out", tokens, "--root", root)
    assert done["ok"], done["errors"]
    shard = next((tokens / "shards").iterdir())
    data = bytearray(shard.read_bytes())
    data[10] ^= 1
    shard.write_bytes(data)
    code, message = error("pretrain", "--data", tokens, *SMALL[:4], "--out", tmp_path / "no", "--root", root)
    assert code == Exit.INPUT and shard.name in message


def _tokenizer(folder: Path) -> Path:
    from small_tokenizers import small_tokenizer

    small_tokenizer().save(folder / "tokenizer")
    return folder / "tokenizer"


def test_an_exported_adapter_finds_its_model(base: Path, root: Path, chats: Path, tmp_path: Path) -> None:
    out = tmp_path / "lora"
    done = train("sft", "--from", base, "--data", chats, "--template", "plain", "--lora", "--epochs", 1, "--out", out,
                 "--root", root, "--set", "rows.tokens=128")  # fmt: skip
    assert done["ok"], done["errors"]
    far = tmp_path / "somewhere" / "else" / "adapter"
    far.parent.mkdir(parents=True)
    assert train("export", out, "--out", far, "--root", root)["ok"]
    assert open_model(str(far), root).config == open_model(str(out), root).config


def test_a_stretched_model_is_not_stretched_again(base: Path, root: Path, corpus: Path, tmp_path: Path) -> None:
    long = ("--data", corpus, "--tokens", 300, "--root", root, "--set", "rows.tokens=256", "--set", "shortest=100")
    assert train("extend", "--from", base, "--context", 64, "--out", tmp_path / "long", *long)["ok"]
    again = ("--from", tmp_path / "long", "--context", 128, "--out", tmp_path / "no", *long)
    for rope in ("yarn", "theta"):
        code, message = error("extend", *again, "--set", f"rope={rope}")
        assert code == Exit.USAGE and "stretched already" in message


def test_few_conversations_are_read_as_often_as_asked(base: Path, root: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps({"prompt": f"say {word}", "response": word}) + "\n" for word in WORDS[:4]))
    arguments = ("sft", "--from", base, "--data", few, "--template", "plain", "--root", root, "--set", "held_out=0")
    done = train(*arguments, "--epochs", 2, "--out", tmp_path / "two")
    assert done["ok"] and done["data"]["seen"]["few"]["epochs"] == 2.0
    few.write_text(few.read_text() * 2)
    code, message = error(*arguments, "--epochs", 2, "--out", tmp_path / "two")
    assert code == Exit.USAGE and message.endswith("what has changed since: data")


def test_what_cannot_be_written_is_said(base: Path, root: Path) -> None:
    code, message = error("export", base, "--out", "/proc/nowhere", "--root", root)
    assert code == Exit.OUTPUT and "/proc/nowhere" in message
