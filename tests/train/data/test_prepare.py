"""Token shards: every document whole and in order, the same bytes for any workers and after any interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from invoke import invoke
from small_runs import doc_id, document, small_run
from small_tokenizers import small_tokenizer

from train.cli.prepare import prepare as prepare_command
from train.cli.tokenizer import tokenizer as tokenizer_command
from train.data import blocks, prepare
from train.data.prepare import Options, ensure
from train.data.tokens import Tokens
from train.tokenizer.tokenizer import Tokenizer
from workbench import console
from workbench.errors import Exit, UserError
from workbench.files import sha256

TEXT = "The quick brown fox jumps over the lazy dog. "


def data(path: Path, count: int = 200, **columns: Any) -> str:
    rows = [
        {"id": f"doc{number}", "text": TEXT * (1 + number % 9) + str(number), "lang": ("en", "de")[number % 2]}
        | {name: value(number) for name, value in columns.items()}
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def digests(run: Path) -> dict[str, str]:
    found = [path for folder in ("shards", "documents", "tokenizer") for path in (run / folder).iterdir()]
    return {path.relative_to(run).as_posix(): sha256(path) for path in [*found, run / "tokens.json"]}


def test_every_document_is_there_between_begin_and_end(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    source = data(tmp_path / "x.jsonl")
    tokens = ensure(source, tokenizer, tmp_path)
    rows = [json.loads(line) for line in Path(source).read_text().splitlines()]
    assert tokens.ids == [row["id"] for row in rows]
    for number, row in enumerate(rows):
        expected = [tokenizer.bos, *tokenizer.encode(row["text"]), tokenizer.eos]
        assert tokens.read(number).tolist() == expected and tokens.lengths[number] == len(expected)
        assert tokens.bytes[number] == len(row["text"].encode())
    assert tokens.read(5, 2, 4).tolist() == tokens.read(5).tolist()[2:4]
    assert tokens.read(0).dtype == np.uint16
    assert tokens.parts == ("all",) and tokens.phases == ("main",) and (tokens.copies == 1).all()
    assert tokens.verify() == [] and tokens.tokenizer_digest == tokenizer.digest
    assert tokens.tokenizer().digest == tokenizer.digest
    assert not (tokens.run.path / "units").exists()


def test_the_same_again_is_the_run_that_is_there(tmp_path: Path) -> None:
    source = data(tmp_path / "x.jsonl", 5)
    first = ensure(source, small_tokenizer(), tmp_path)
    again = ensure(source, small_tokenizer(), tmp_path)
    assert again.run.path == first.run.path and again.digest == first.digest
    by_path = ensure(str(first.run.path), None, tmp_path)
    assert ensure(first.run.id, small_tokenizer(), tmp_path).digest == by_path.digest == first.digest
    assert ensure(source, small_tokenizer(), tmp_path, Options(seed=1)).run.path != first.run.path


def test_many_shards_hold_what_one_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = data(tmp_path / "x.jsonl")
    one = ensure(source, small_tokenizer(), tmp_path, out=tmp_path / "one")
    monkeypatch.setattr(prepare, "SHARD_TOKENS", 500)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 3_000)
    many = ensure(source, small_tokenizer(), tmp_path, out=tmp_path / "many")
    assert len(many.header.shards) > 10 and len(one.header.shards) == 1
    assert all(size <= 500 for _, size in many.header.shards)
    for number in range(200):
        assert many.read(number).tolist() == one.read(number).tolist()


def test_large_vocabularies_take_four_bytes(tmp_path: Path) -> None:
    directory = tmp_path / "large"
    small_tokenizer().save(directory)
    values = json.loads((directory / "tokenizer.json").read_text())
    extra = {"id": 70_000, "content": "<|far|>", "single_word": False, "lstrip": False, "rstrip": False}
    values["model"]["vocab"]["far"] = 70_000
    values["added_tokens"].append({**extra, "content": "far", "normalized": False, "special": True})
    (directory / "tokenizer.json").write_text(json.dumps(values))
    tokens = ensure(data(tmp_path / "x.jsonl", 3), Tokenizer.open(directory), tmp_path)
    assert tokens.read(0).dtype == np.uint32 and tokens.vocab_size == 70_001
    assert small_tokenizer().decode(tokens.read(1).tolist()) == TEXT * 2 + "1"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("auto", ("(none)", "x", "y")),
        ("none", ("all",)),
        ("lang", ("de", "en")),
        ("source", ("x.jsonl",)),
        ("url-host", ("(none)", "a.example")),
    ],
)
def test_parts(tmp_path: Path, part: Any, expected: tuple[str, ...]) -> None:
    source = data(
        tmp_path / "x.jsonl",
        6,
        domain=lambda number: ("x", "y", None)[number % 3],
        url=lambda number: ("https://a.example/p", "no url", "http://[bad")[number % 3],
    )
    tokens = ensure(source, small_tokenizer(), tmp_path, Options(part=part))
    assert tokens.parts == expected
    assert sum(len(tokens.split("train", name)) + len(tokens.split("held_out", name)) for name in expected) == 6
    with pytest.raises(UserError) as caught:
        tokens.split("train", "nonsense")
    assert caught.value.code == Exit.USAGE


def test_the_held_out_share_stays_when_others_come(tmp_path: Path) -> None:
    few = ensure(data(tmp_path / "a.jsonl", 500), small_tokenizer(), tmp_path, Options(held_out=0.1))
    many = ensure(data(tmp_path / "b.jsonl", 1_000), small_tokenizer(), tmp_path, Options(held_out=0.1))
    held = few.split("held_out")
    assert 25 < len(held) < 75
    assert held.tolist() == [number for number in many.split("held_out").tolist() if number < 500]
    assert len(few.split("train")) + len(held) == 500
    other = ensure(data(tmp_path / "a.jsonl", 500), small_tokenizer(), tmp_path, Options(held_out=0.1, seed=1))
    assert other.split("held_out").tolist() != held.tolist()
    none = ensure(data(tmp_path / "a.jsonl", 500), small_tokenizer(), tmp_path, Options(held_out=0))
    assert not len(none.split("held_out"))


def test_documents_that_belong_together_fall_on_one_side(tmp_path: Path) -> None:
    kept = [document(f"page{number}", TEXT + str(number)) for number in range(300)]
    path = small_run(tmp_path / "run", kept)
    ids = [row["id"] for row in kept]
    prints = {"id": ids[:100] + ids[100:200], "text": [f"t{number}" for number in range(100)] * 2}
    from workbench.tables import write_table

    none = pl.lit(None, pl.String)
    table = pl.DataFrame(prints).with_columns(url=none, set=none)
    listed = json.loads((path / "manifest.json").read_text())
    done = write_table(path / "fingerprints" / "part-00000.parquet", table)
    listed["outputs"].append({**done._asdict(), "path": "fingerprints/part-00000.parquet"})
    (path / "manifest.json").write_text(json.dumps(listed))
    tokens = ensure(str(path), small_tokenizer(), tmp_path, Options(held_out=0.3))
    held = set(tokens.split("held_out").tolist())
    assert 50 < len(held) < 150
    assert all((number in held) == (number + 100 in held) for number in range(100))
    alone = ensure(data(tmp_path / "x.jsonl", 300), small_tokenizer(), tmp_path, Options(held_out=0.3))
    apart = set(alone.split("held_out").tolist())
    assert not all((number in apart) == (number + 100 in apart) for number in range(100))


def test_rows_without_text_and_ids_that_repeat_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    rows = [{"id": "a", "text": "one"}, {"id": "b", "text": None}, {"id": "a", "text": "two"}, {"id": "c"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokens = ensure(str(path), small_tokenizer(), tmp_path)
    manifest = tokens.run.manifest
    assert manifest is not None
    assert manifest.counts["documents"] == 2 and tokens.ids == ["a", "a"]
    assert manifest.counts["without_text"] == 2 and manifest.counts["duplicate_ids"] == 1
    assert tokens.header.without_text == ["x.jsonl:27", "x.jsonl:80"] and tokens.header.duplicate_ids == ["a"]


@pytest.mark.parametrize("content", ["", "\n\n", '{"text": null}\n{"text": ""}\n'])
def test_an_empty_dataset_is_a_usage_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        ensure(str(path), small_tokenizer(), tmp_path)
    assert caught.value.code == Exit.USAGE and "no document with text" in str(caught.value)


def test_a_run_without_documents_is_a_usage_error(tmp_path: Path) -> None:
    path = small_run(tmp_path / "run", [])
    with pytest.raises(UserError) as caught:
        ensure(str(path), small_tokenizer(), tmp_path)
    assert caught.value.code == Exit.USAGE


def test_a_dataset_that_changed_and_a_bad_line_are_input_errors(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", [document("one", TEXT)])
    shard = run / "documents" / "part-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-1] + b"X")
    with pytest.raises(UserError) as caught:
        ensure(str(run), small_tokenizer(), tmp_path)
    assert caught.value.code == Exit.INPUT
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\n{"text"\n')
    with pytest.raises(UserError) as caught:
        ensure(str(path), small_tokenizer(), tmp_path)
    assert caught.value.code == Exit.INPUT and "x.jsonl:2" in str(caught.value)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    tokens = ensure(data(tmp_path / "x.jsonl", 3), small_tokenizer(), tmp_path)
    other = small_tokenizer(350)
    for call in (
        lambda: ensure(str(tokens.run.path), other, tmp_path),
        lambda: Tokens.open(tokens.run.path, tmp_path, other.digest),
    ):
        with pytest.raises(UserError) as caught:
            call()
        assert caught.value.code == Exit.INPUT and "another tokenizer" in str(caught.value)
    with pytest.raises(UserError) as caught:
        ensure(str(tmp_path / "x.jsonl"), None, tmp_path)
    assert caught.value.code == Exit.USAGE and "train tokenizer" in caught.value.hint


def test_shards_that_were_cut_short_or_changed_are_found(tmp_path: Path) -> None:
    tokens = ensure(data(tmp_path / "x.jsonl", 3), small_tokenizer(), tmp_path)
    shard = tokens.run.path / "shards" / "00000.bin"
    whole = shard.read_bytes()
    shard.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert Tokens.open(tokens.run.path, tmp_path).verify() == ["shards/00000.bin is not what its SHA-256 says"]
    shard.write_bytes(whole[:-2])
    with pytest.raises(UserError) as caught:
        Tokens.open(tokens.run.path, tmp_path)
    assert caught.value.code == Exit.INPUT
    shard.unlink()
    with pytest.raises(UserError) as caught:
        Tokens.open(tokens.run.path, tmp_path)
    assert caught.value.code == Exit.INPUT


def test_a_run_of_another_kind_holds_no_tokens(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Tokens.open(small_run(tmp_path / "run", [document("one", TEXT)]), tmp_path)
    assert caught.value.code == Exit.INPUT


# A mix and the exports, made by curate itself.


def curate(*arguments: str | Path) -> None:
    ended = invoke("curate", *arguments)
    assert ended.code == 0, ended.stderr


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Path, Path]:
    """A run of 40 documents in two languages and a mix of it in two phases."""
    kept = [
        document(f"page{number}", TEXT * (1 + number % 3) + str(number), lang=("en", "de")[number % 4 == 0], tokens=100)
        for number in range(40)
    ]
    run = small_run(tmp_path / "run", kept)
    mix = tmp_path / "mix.yaml"
    mix.write_text(
        "by: [lang]\nmax_epochs: 4\nphases:\n"
        "  main: {method: weights, weights: {en: 3, de: 3}, tokens: 4000}\n"
        "  late: {method: weights, weights: {de: 1}, tokens: 700}\n"
    )
    curate("mix", run, mix, "--out", tmp_path / "mix", "--root", tmp_path / "workspace")
    return run, tmp_path / "mix"


def copies_by_id(tokens: Tokens) -> dict[str, list[int]]:
    return dict(zip(tokens.ids, tokens.copies.tolist(), strict=True))


def expected_copies(mix: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in pl.read_parquet(mix / "sample" / "*.parquet").to_dicts():
        found.setdefault(row["id"], [0, 0])[("main", "late").index(row["phase"])] += row["copies"]
    return found


def test_a_mix_is_its_documents_with_their_copies_by_phase(tmp_path: Path, mixed: tuple[Path, Path]) -> None:
    run, mix = mixed
    tokens = ensure(str(mix), small_tokenizer(), tmp_path / "workspace", Options(part="lang"))
    assert tokens.phases == ("main", "late") and tokens.parts == ("de", "en")
    assert copies_by_id(tokens) == expected_copies(mix)
    assert tokens.copies.max() > 1
    manifest = tokens.run.manifest
    assert manifest is not None and [parent.id for parent in manifest.parents] == ["mix", "run"]
    (run / "manifest.json").write_text((run / "manifest.json").read_text() + "\n")
    with pytest.raises(UserError) as caught:
        ensure(str(mix), small_tokenizer(), tmp_path / "workspace")
    assert caught.value.code == Exit.INPUT


@pytest.mark.parametrize("format", ["parquet", "jsonl.zst"])
def test_an_export_of_a_mix_is_the_same(tmp_path: Path, mixed: tuple[Path, Path], format: str) -> None:
    _, mix = mixed
    root = tmp_path / "workspace"
    splits = "train=0.7,validation=0.3"
    curate("export", mix, "--to", tmp_path / "plain", "--format", format, "--root", root, "-j", "1")
    curate("export", mix, "--to", tmp_path / "split", "--format", format, "--splits", splits, "--root", root, "-j", "1")
    own = ensure(str(mix), small_tokenizer(), root)
    tokens = ensure(str(tmp_path / "plain"), small_tokenizer(), root)
    assert tokens.phases == ("main", "late") and copies_by_id(tokens) == copies_by_id(own)
    texts = {own.ids[number]: own.read(number).tolist() for number in range(len(own.ids))}
    assert {tokens.ids[number]: tokens.read(number).tolist() for number in range(len(tokens.ids))} == texts
    split = ensure(str(tmp_path / "split"), small_tokenizer(), root)
    assert 0 < len(split.split("held_out")) < 30 and len(split.ids) == len(own.ids)
    told = json.loads((tmp_path / "split" / "splits.json").read_text())
    held = sum(one["rows"] for one in told if one["split"] == "validation")
    assert len(split.split("held_out")) == held


def test_an_export_of_a_run_is_its_documents(tmp_path: Path, mixed: tuple[Path, Path]) -> None:
    run, _ = mixed
    root = tmp_path / "workspace"
    curate("export", run, "--to", tmp_path / "out", "--format", "parquet", "--root", root, "-j", "1")
    tokens = ensure(str(tmp_path / "out"), small_tokenizer(), root)
    assert tokens.ids == [doc_id(f"page{number}") for number in range(40)] and tokens.phases == ("main",)


# Workers and interruptions.

app = console.app("train", "")
app.command("prepare")(prepare_command)
app.command("tokenizer")(tokenizer_command)

_COMMAND = """
import sys
from train.data import blocks
blocks.BLOCK_BYTES = 20_000
from train.cli.prepare import prepare
from workbench import console
app = console.app("train", "")
app.command("version")(lambda: None)
app.command("prepare")(prepare)
app()
"""


# However fast the machine and late the kill, no run is finished before.
_ENDLESS = """
import threading
from workbench.runs import Run
Run.finish = lambda *_, **__: threading.Event().wait()
"""


def command(*arguments: object, before: str = "") -> list[str]:
    return [sys.executable, "-c", before + _COMMAND, *map(str, arguments)]


def wait(process: subprocess.Popen[bytes], directory: Path, units: int) -> None:
    """Until so many blocks are done, or the process has failed."""
    while process.poll() is None and len(list(directory.glob("*/done.json"))) < units:
        time.sleep(0.005)


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_resumed_gives_the_same_bytes(tmp_path: Path, jobs: int) -> None:
    source = data(tmp_path / "x.jsonl", 1_500)
    small_tokenizer().save(tmp_path / "tokenizer")
    common = ["prepare", "--data", source, "--tokenizer", tmp_path / "tokenizer", "--root", tmp_path / "ws"]
    whole = ensure(source, small_tokenizer(), tmp_path / "ws", out=tmp_path / "whole")  # in blocks of another size
    out = tmp_path / "killed"
    for units in (1, 12):
        arguments = command(*common, "--out", out, "-j", jobs, before=_ENDLESS)
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        wait(process, out / "units" / "blocks", units)
        os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode == -signal.SIGKILL, said.decode()
        assert not (out / "manifest.json").exists()
    done = subprocess.run(command(*common, "--out", out, "-j", jobs, "--json"), check=True, capture_output=True)
    assert json.loads(done.stdout)["data"]["counts"]["documents"] == 1_500
    assert digests(out) == digests(whole.run.path)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = data(tmp_path / "x.jsonl", 300)
    options = ["--data", source, "--root", tmp_path / "ws", "--json"]

    def run(*arguments: object) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return int(ended.value.code or 0), found

    code, made = run("tokenizer", *options, "--vocab-size", 310, "--out", tmp_path / "tok")
    assert code == 0 and made["data"]["vocabulary"] == 310 and made["data"]["round_trip_failed"] == []
    assert {row["value"] for row in made["data"]["groups"]} == {"all", "en", "de"}
    code, again = run("tokenizer", *options, "--vocab-size", 310, "--out", tmp_path / "tok")
    assert code == 0 and again["data"] == {**made["data"], "was_done": True}
    assert (tmp_path / "tok" / "compression.svg").read_text().startswith("<svg")
    common = ["prepare", *options, "-j", 1]
    code, prepared = run(*common, "--tokenizer", "tok", "--part", "lang", "--out", tmp_path / "tokens")
    assert code == 0 and [row["part"] for row in prepared["data"]["parts"] if row["split"] == "train"] == ["de", "en"]
    assert run(*common, "--tokenizer", tmp_path / "nowhere")[0] == Exit.INPUT
    assert run(*common, "--tokenizer", "tok", "--part", "language")[0] == Exit.USAGE
    assert run("tokenizer", *options, "--vocab-size", 100)[0] == Exit.USAGE
    code, told = run(*common, "--tokenizer", "tok", "--dry-run")
    assert code == 0 and told["data"]["files"] == 1
    code, large = run("tokenizer", *options, "--vocab-size", 5_000)
    assert code == 0 and "5,000" in large["warnings"][0]


def test_what_is_odd_about_a_dataset_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "a", "text": "fox"}\n{"id": "a", "text": "dog"}\n{"id": "b", "text": null}\n')
    small_tokenizer().save(tmp_path / "tok")
    arguments = ["prepare", "--data", path, "--tokenizer", tmp_path / "tok", "--root", tmp_path, "-j", "1"]
    with pytest.raises(SystemExit):
        app([str(argument) for argument in arguments])
    said = capsys.readouterr().err
    assert "1 rows hold no text and were left out, such as x.jsonl:54" in said
    assert "1 documents have the id of another, such as a; all are kept" in said
    assert "no document is held out" in said
