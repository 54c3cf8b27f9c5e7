"""A writer that is killed before any step that reaches the disk leaves the index as it was, or as it was to become."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import doc_id, document, small_run

from curate.duplicates.index.delete import delete
from curate.duplicates.index.state import Index, writer
from curate.duplicates.index.tombstones import Request, read_tombstones
from curate.duplicates.index.verify import verify
from workbench.errors import Exit, UserError

from .conftest import BREAD, TIDES, TIDES_NEAR, adding, documents

POINTS = 9
# Counts the calls that change something on the disk. Children, each on a copy of the index, kill themselves before
# one of them: the first goes through and says how many there are.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
index, action, argument, points = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
count = last = 0
def counted(function):
    def call(*arguments, **options):
        global count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
for name in ("fsync", "rename", "replace", "mkdir", "unlink", "truncate", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
from curate.ask.finished import FinishedRun
from curate.duplicates.index.add import add
from curate.duplicates.index.delete import delete
from curate.duplicates.index.state import writer
from curate.duplicates.index.tombstones import Request
from curate.duplicates.config import Duplicates
from curate.duplicates.sign import Signer
from curate.segment import Segments
# What numba loads for its first kernel is loaded here, not by every child.
Signer(Duplicates.model_validate({"text": True, "near": {"enabled": True}})).sign(Segments(["a text"]), [None])
def child(at):
    global count, last
    target = index.with_name(f"{index.name}-{at}")
    shutil.copytree(index, target)
    read, write = os.pipe()
    if not os.fork():
        count, last = 0, at
        with writer(target) as own:
            if action == "add":
                add(own, FinishedRun.open(argument, target), memory_bytes=10**9, jobs=1)
            else:
                delete(own, Request.of(ids=[argument]), reason="", root=target / "none")
        os.write(write, str(count).encode())
        os._exit(0)
    os.close(write)
    _, status = os.wait()
    assert os.WIFSIGNALED(status) == bool(at), status
    return int(os.read(read, 20) or 0)
total = child(0)
for at in sorted({1 + step * (total - 1) // (points - 1) for step in range(points)}):
    child(at)
    print(at, total)
"""


def killed(index: Path, action: str, argument: object) -> list[Path]:
    """The index as killed writers left it; the first is the one that was not."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, (index, action, argument, POINTS))],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    points = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert len(points) >= POINTS // 2
    return [index.with_name(f"{index.name}-{at}") for at in (0, *points)]


def wrong(index: Path) -> list[str]:
    return [f"{check.name}: {check.found}" for check in verify(Index.open(index)) if not check.ok]


def test_add(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES), document("bread", BREAD)]))
    run = small_run(tmp_path / "b", [document("near", TIDES_NEAR), document("new", f"{BREAD} {TIDES}")])
    before = documents(index)
    done, *left = killed(index, "add", run)
    after = documents(done)
    found = set()
    for path in left:
        now = documents(path)
        found.add(now.height)
        assert now.equals(before) or now.equals(after)
        assert {one.partition(":")[0] for one in wrong(path)} <= {"nothing lies beside the index"}
        adding(path, run)
        assert documents(path).equals(after)
        assert not wrong(path)
    assert found == {2, 4}


def test_delete(tmp_path: Path, index: Path) -> None:
    rows = [document("tides", TIDES), document("bread", BREAD)]
    adding(index, small_run(tmp_path / "a", rows, [(document("near", TIDES_NEAR), "duplicates.near")]))
    before = documents(index)
    done, *left = killed(index, "delete", doc_id("tides"))
    after = documents(done)
    found = set()
    for path in left:
        now = documents(path)
        deleted = not now.equals(before)
        found.add(deleted)
        assert not deleted or now.equals(after)
        assert len(read_tombstones(Index.open(path))) == deleted
        assert {one.partition(":")[0] for one in wrong(path)} <= {"nothing lies beside the index"}
        with writer(path) as own:
            delete(own, Request.of(ids=[doc_id("tides")]), reason="", root=tmp_path)
        assert documents(path).equals(after)
        assert len(read_tombstones(Index.open(path))) == 1
        assert not wrong(path)
    assert found == {False, True}


def test_an_index_that_was_never_begun(tmp_path: Path, index: Path) -> None:
    """What the first writer left is no obstacle to the second, and no index to a reader."""
    for name in ("staging", "segments/00000-00000-1.tmp-7"):
        (index / name).mkdir(parents=True)
    (index / "lock.json").write_text("torn")
    with pytest.raises(UserError, match="holds no index"):
        Index.open(index)
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES)]))
    assert not wrong(index)


def test_a_second_writer_is_refused(tmp_path: Path, index: Path) -> None:
    run = small_run(tmp_path / "a", [document("tides", TIDES)])
    adding(index, run)
    code = "import sys; from pathlib import Path; from curate.duplicates.index.state import writer\n"
    code += "with writer(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=f"process {other.pid}") as caught:
        adding(index, run)
    assert caught.value.code == Exit.LOCKED
    assert not wrong(index)  # readers need no lock
    other.communicate()
    assert adding(index, run).done
