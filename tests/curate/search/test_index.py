"""The file: what is in it, that it is the same bytes after any interruption, and whom it refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import document, small_run

from curate.ask.finished import FinishedRun
from curate.search.index import Built, build
from curate.search.place import forget_stale, index_path, locate
from curate.search.query import search
from workbench.errors import Exit, UserError
from workbench.events import Event
from workbench.locks import Lock
from workbench.runs import Run

from .conftest import KEPT, index, make

# Ends without any ado while the shard `sys.argv[2]` is being indexed, as a killed process does.
KILLED = """
import os, sys
from pathlib import Path
from curate.ask.finished import FinishedRun
from curate.search.index import build
run = FinishedRun.open(sys.argv[1], Path("."))
rows = int(sys.argv[2])
def listen(event):
    if event.counts["documents"] > rows:
        os._exit(9)
build(run, Path(sys.argv[3]), sample=None, seed=0, listener=listen)
"""


def ids(built: Built) -> set[str]:
    return {hit.id for hit in search(built.path, "", limit=1000).hits}


def test_it_lies_beside_the_run_and_alone(built: Built, run: FinishedRun) -> None:
    assert built.path == run.path.with_name("crawl.search.sqlite")
    assert not list(built.path.parent.glob("*.part*")) and not list(built.path.parent.glob("*.lock"))
    assert Run.open(run.path, run.path.parent).manifest == run.run.manifest
    assert locate(run.path) == built.path


def test_never_in_the_run(run: FinishedRun) -> None:
    with pytest.raises(UserError, match="inside the run"):
        index_path(run.path, run.path / "search")


def test_the_same_is_the_same_bytes_and_done(built: Built, run: FinishedRun, tmp_path: Path) -> None:
    other = index(run, tmp_path)
    assert other.path.read_bytes() == built.path.read_bytes()
    before = other.path.stat()
    again = index(run, tmp_path)
    assert again.was_done and again.about == other.about
    assert again.path.stat().st_mtime_ns == before.st_mtime_ns


def test_samples_are_exact_and_hold_each_other(run: FinishedRun, tmp_path: Path) -> None:
    three, seven = index(run, tmp_path / "3", sample=3), index(run, tmp_path / "7", sample=7)
    assert (three.about.indexed, three.about.texts, len(ids(three))) == (3, 12, 3)
    assert ids(three) < ids(seven)
    other = index(run, tmp_path / "other", sample=7, seed=1)
    assert ids(other) != ids(seven)
    assert index(run, tmp_path / "50", sample=50).about.indexed == 12


def test_another_sample_replaces(run: FinishedRun, tmp_path: Path) -> None:
    assert index(run, tmp_path, sample=3).about.indexed == 3
    everything = index(run, tmp_path)
    assert not everything.was_done
    assert len(ids(everything)) == 12


@pytest.mark.parametrize(("rows", "next_end"), [(0, 4), (4, 8), (8, 10), (10, 12)])
def test_a_killed_writer_costs_one_shard(
    built: Built, run: FinishedRun, tmp_path: Path, rows: int, next_end: int
) -> None:
    path = index_path(run.path, tmp_path)
    command = [sys.executable, "-c", KILLED, str(run.path), str(rows), str(path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    assert path.with_name(path.name + ".part").exists() and not path.exists()
    seen: list[int] = []

    def listen(event: Event) -> None:
        seen.append(event.counts["documents"])

    done = build(run, path, sample=None, seed=0, listener=listen)
    assert seen[0] == next_end
    assert done.path.read_bytes() == built.path.read_bytes()
    assert not path.with_name(path.name + ".part").exists()


def test_an_unfinished_other_index_is_begun_anew(built: Built, run: FinishedRun, tmp_path: Path) -> None:
    path = index_path(run.path, tmp_path)

    def stop(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(run, path, sample=5, seed=0, listener=stop)
    assert index(run, tmp_path).path.read_bytes() == built.path.read_bytes()


def test_damage_to_the_unfinished_file_is_told_and_removed(run: FinishedRun, tmp_path: Path) -> None:
    path = index_path(run.path, tmp_path)
    path.with_name(path.name + ".part").write_bytes(b"torn" * 5000)
    assert index(run, tmp_path).about.indexed == 12


def test_a_renewed_run_needs_a_renewed_index(tmp_path: Path) -> None:
    first = make(tmp_path)
    index(first)
    shutil.rmtree(first.path)
    small_run(first.path, KEPT[:3])
    with pytest.raises(UserError, match="another run") as error:
        locate(first.path)
    assert error.value.code == Exit.INPUT and "index-text" in error.value.hint
    assert forget_stale(first.path) and not index_path(first.path).exists()
    assert not forget_stale(first.path)
    renewed = index(FinishedRun.open(str(first.path), tmp_path))
    assert renewed.about.indexed == 3
    assert locate(first.path) == renewed.path
    assert not forget_stale(first.path) and renewed.path.exists()


def test_no_index_says_how_to_make_one(run: FinishedRun, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no search index") as error:
        locate(run.path, tmp_path)
    assert error.value.hint.startswith("make it: curate index-text")


def test_one_writer_at_a_time(run: FinishedRun, tmp_path: Path) -> None:
    path = index_path(run.path, tmp_path)
    lock = Lock(path.with_name(f"{path.name}.lock"))
    try:
        with pytest.raises(UserError) as error:
            index(run, tmp_path)
    finally:
        lock.release()
    assert error.value.code == Exit.LOCKED


def test_a_run_without_texts(tmp_path: Path) -> None:
    with Run.create(tmp_path / "mix", "curate.mix", "a: 1\n", root=tmp_path) as made:
        (made.path / "settings.json").write_text("{}")
        made.finish()
    with pytest.raises(UserError, match=r"curate\.mix run and holds no texts"):
        index(FinishedRun.open("mix", tmp_path))


def test_an_empty_run_has_an_empty_index(tmp_path: Path) -> None:
    run = FinishedRun.open(str(small_run(tmp_path / "empty", [])), tmp_path)
    assert search(index(run).path, "x").total == 0


def test_a_damaged_shard_is_told(tmp_path: Path) -> None:
    run = make(tmp_path)
    shard = run.path / "documents" / "part-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[4:400] = bytes(396)
    shard.write_bytes(data)
    with pytest.raises(UserError, match="cannot read") as error:
        index(run)
    assert error.value.code == Exit.INPUT and "verify" in error.value.hint


def test_the_rule_of_a_repeated_id_is_its_first(tmp_path: Path) -> None:
    twice = document("twice", "the same record", lang="en")
    path = small_run(tmp_path / "run", [], [(twice, "gopher.rep")])
    run = FinishedRun.open(str(path), tmp_path)
    (hit,) = search(index(run).path, "record").hits
    assert hit.rule == "gopher.rep"
