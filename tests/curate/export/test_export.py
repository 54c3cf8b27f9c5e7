"""`curate export`: files, splits, columns, refusals, and going on after an interruption."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import polars as pl
import pytest
import zstandard
from whole_run import Ended, curate

from curate.export import write
from workbench.runs import Run

from .conftest import make_run, related, rows

SPLITS = "train=0.8,validation=0.1,test=0.1"
DataOf = Callable[[Path], dict[str, str]]


def export(run: Path, to: Path, *more: str | Path) -> Ended:
    return curate("export", run, "--to", to, "--root", to.parent / "root", *more)


@pytest.fixture(scope="module")
def exported(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    out = tmp_path_factory.mktemp("export") / "out"
    ended = export(crawl, out, "--splits", SPLITS, "--shard-chars", "20000", "-j", "1")
    assert ended.code == 0, ended.stderr
    return out, ended


def read(out: Path, split: str) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in sorted((out / "data").glob(f"{split}-*.parquet")))


def test_every_document_stands_in_one_split_with_all_its_columns(exported: tuple[Path, Ended]) -> None:
    out, ended = exported
    frames = {split["split"]: read(out, split["split"]) for split in ended.data["splits"]}
    for split in ended.data["splits"]:
        frame = frames[split["split"]]
        assert split["rows"] == split["documents"] == frame.height > 0
        assert split["tokens"] == frame["tokens_estimated"].sum()
        places = dict(zip(rows()["id"], range(900), strict=True))
        order = [places[key] for key in frame["id"]]
        assert order == sorted(order), "the run's order"
    whole = pl.concat(frames.values())
    assert (whole["run"] == "crawl").all()
    stored = rows().rename({"tokens": "tokens_estimated"})
    assert whole.drop("run").sort("id").equals(stored.sort("id"))


def test_what_belongs_together_does_not_straddle(exported: tuple[Path, Ended]) -> None:
    split = {key: name for name in ("train", "validation", "test") for key in read(exported[0], name)["id"]}
    ids = rows()["id"].to_list()
    assert all(len({split[key] for key in ids[3 * chain : 3 * chain + 3]}) == 1 for chain in range(100))
    assert exported[1].data["clusters"] == {"clusters": 100, "documents_in_clusters": 300, "largest_cluster": 3}


def test_files_are_bounded_and_named_with_their_number(exported: tuple[Path, Ended]) -> None:
    files = sorted((exported[0] / "data").glob("train-*"))
    assert [path.name for path in files] == [f"train-{n:05d}-of-{len(files):05d}.parquet" for n in range(len(files))]
    sizes = [pl.read_parquet(path)["chars"].sum() for path in files]
    assert len(files) > 2 and max(sizes) <= 20_000 < sizes[0] + 500


def test_checksums(exported: tuple[Path, Ended]) -> None:
    out = exported[0]
    lines = [line.split("  ") for line in (out / "SHA256SUMS").read_text().splitlines()]
    data = [f"data/{path.name}" for path in (out / "data").iterdir()]
    assert [name for _, name in lines] == sorted([*data, "splits.json"])
    assert all(hashlib.sha256((out / name).read_bytes()).hexdigest() == digest for digest, name in lines)


def test_the_same_export_is_the_same_bytes_and_then_done(
    exported: tuple[Path, Ended], crawl: Path, tmp_path: Path, data_of: DataOf
) -> None:
    arguments = ["--splits", SPLITS, "--shard-chars", "20000"]
    assert export(crawl, tmp_path / "again", *arguments, "-j", "2").code == 0
    assert data_of(tmp_path / "again") == data_of(exported[0])
    done = export(crawl, tmp_path / "again", *arguments)
    assert (done.code, done.data["was_done"]) == (0, True)
    assert export(crawl, tmp_path / "again", *arguments, "--seed", "1").code == 2


def test_lines(crawl: Path, tmp_path: Path) -> None:
    ended = export(crawl, tmp_path / "out", "--format", "jsonl.zst")
    assert ended.code == 0, ended.stderr
    (path,) = (tmp_path / "out" / "data").iterdir()
    assert path.name == "train-00000-of-00001.jsonl.zst"
    with path.open("rb") as file:
        found = [orjson.loads(line) for line in io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file))]
    assert [row.pop("run") for row in found] == ["crawl"] * 900
    assert found == rows().rename({"tokens": "tokens_estimated"}).to_dicts()


@pytest.mark.parametrize("moment", ["before", "between"])
def test_an_interrupted_export_goes_on(
    exported: tuple[Path, Ended],
    crawl: Path,
    tmp_path: Path,
    data_of: DataOf,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from curate.cli import main

    line = ["curate", "export", str(crawl), "--to", str(tmp_path / "out"), "--root", str(tmp_path / "root")]
    line += ["--splits", SPLITS, "--shard-chars", "20000", "-j", "1", "-q"]
    monkeypatch.setattr(sys, "argv", line)
    publish, rename = write._publish, Path.rename

    def interrupted(*arguments: object) -> object:
        if moment == "before":
            raise KeyboardInterrupt
        names = iter(range(3))

        def some(path: Path, target: Path) -> Path:
            if path.name == "shard" and next(names, None) is None:
                raise KeyboardInterrupt
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", some)
            return publish(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(write, "_publish", interrupted)
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 130
    assert not (tmp_path / "out" / "manifest.json").exists()
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert data_of(tmp_path / "out") == data_of(exported[0])
    assert not (tmp_path / "out" / "units").exists()


def test_a_run_whose_checks_failed_is_refused_but_by_force(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"documents": rows()[:20]}, gates=["96 % of host a.example were removed"])
    refused = export(run, tmp_path / "out")
    assert refused.code == 1
    assert "a.example" in refused.envelope["errors"][0]["message"]
    assert not (tmp_path / "out").exists()
    forced = export(run, tmp_path / "out", "--force")
    assert forced.code == 0
    assert "a.example" in forced.envelope["warnings"][0]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["gates"]


def test_a_run_that_looked_for_no_duplicates_is_split_with_a_warning(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"documents": rows()[:20]})
    ended = export(run, tmp_path / "out", "--splits", "train=0.999999,test=0.000001")
    assert ended.code == 0
    assert [warning.split(":")[0] for warning in ended.envelope["warnings"]] == [
        "the run looked for no duplicates",
        "the split test is empty",
    ]
    assert read(tmp_path / "out", "test").is_empty()


def test_clusters_are_found_in_the_run_that_a_child_was_made_from(crawl: Path, tmp_path: Path) -> None:
    parent = Run.open(crawl, tmp_path)
    with Run.create(tmp_path / "child", "curate.decontaminate", "x\n", root=tmp_path, parents=[parent]) as run:
        (run.path / "documents").mkdir()
        rows()[:30].write_parquet(run.path / "documents" / "part-00000.parquet")
        run.finish()
    ended = export(tmp_path / "child", tmp_path / "out", "--dry-run")
    assert ended.data["clusters"]["clusters"] == 10


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--format", "csv"], 2, "no format 'csv'"),
        (["--splits", "train=0.5"], 2, "add up to 0.5"),
        (["--tokenizer", "none.json"], 4, "no tokenizer at none.json"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    crawl: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = export(crawl, tmp_path / "out", *arguments)
    assert ended.code == code
    assert said in ended.envelope["errors"][0]["message"]
    assert not (tmp_path / "out").exists()


def test_a_run_without_documents(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"duplicates": related(["a"] * 300)["duplicates"]})
    ended = export(run, tmp_path / "out")
    assert ended.code == 4
    assert "holds no documents" in ended.envelope["errors"][0]["message"]
