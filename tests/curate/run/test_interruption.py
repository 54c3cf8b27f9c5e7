"""Runs that are killed, locked out, or run out of disk; and what the same command makes of them afterwards."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from whole_run import command, curate, outputs

# Small units, so that there is something finished to keep when the process dies.
SMALL = ["--set", "read.unit_mb=0.05"]


@pytest.fixture(scope="module")
def warc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from curate.sample.build import write_warc

    path = tmp_path_factory.mktemp("crawl") / "sample.warc.gz"
    write_warc(path)
    return path


@pytest.fixture(scope="module")
def whole(warc: Path) -> Path:
    """The run that nothing disturbed."""
    out = warc.parent / "whole"
    assert curate("run", "--input", warc, "--out", out, *SMALL, "-j", "1").code == 0
    return out


def kill_after(arguments: Sequence[str | Path], run: Path, step: str, units: int) -> None:
    """Give the command, and kill it when so many units of the step are finished."""
    process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    finished = 0
    while finished < units and process.poll() is None:
        time.sleep(0.01)
        finished = sum(".tmp-" not in path.name for path in (run / "units" / step).glob("*"))
    process.send_signal(signal.SIGKILL)
    process.wait()


# What two workers left behind is finished by one; two that go on by themselves are in test_models.py.
@pytest.mark.parametrize(
    ("jobs", "moments"), [("1", [("extract", 2), ("edit", 5), ("decide", 2)]), ("2", [("extract", 5)])]
)
def test_kill_9_and_the_same_command_give_the_same_bytes(
    warc: Path, whole: Path, tmp_path: Path, jobs: str, moments: list[tuple[str, int]]
) -> None:
    arguments = ["run", "--input", warc, "--out", tmp_path / "run", *SMALL]
    for step, units in moments:
        kill_after([*arguments, "-j", jobs], tmp_path / "run", step, units)
    assert curate("status", tmp_path / "run").data["state"] == "interrupted"
    ended = curate(*arguments)
    assert ended.code == 0, ended.stderr
    assert outputs(tmp_path / "run") == outputs(whole)


KILLED_AT = """
import os, signal, sys
from unittest import mock
from curate.cli import main
sys.argv[0] = "curate"
with mock.patch(os.environ["KILLED_AT"], side_effect=lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)):
    main()
"""


def test_kill_9_while_the_tables_of_the_run_are_finished(warc: Path, whole: Path, tmp_path: Path) -> None:
    """With all tables written and no manifest, and with a manifest and the units still there."""
    out = tmp_path / "run"
    arguments = ["run", "--input", warc, "--out", out, *SMALL, "-j", "1"]
    for moment, finished in (("workbench.manifest.write", False), ("workbench.runs.Run.close", True)):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, *map(str, arguments)],
            env={**os.environ, "KILLED_AT": moment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (out / "units").exists() and (out / "manifest.json").exists() is finished
    ended = curate(*arguments)
    assert ended.code == 0 and ended.data["was_done"]
    assert outputs(out) == outputs(whole) and not (out / "units").exists()


def test_a_live_run_locks_out_a_second_one(warc: Path, tmp_path: Path) -> None:
    arguments = ["run", "--input", warc, "--out", tmp_path / "run", *SMALL, "-j", "1"]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "run" / "lock.json").exists():
            time.sleep(0.05)
        ended = curate(*arguments)
        assert ended.code == 5
        assert str(process.pid) in ended.envelope["errors"][0]["message"]
    finally:
        process.kill()
        process.wait()


def test_interrupting_prints_the_command_that_goes_on(warc: Path, tmp_path: Path) -> None:
    arguments = ["run", "--input", warc, "--out", tmp_path / "run", *SMALL, "-j", "2"]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "lock.json").exists():
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "curate run --input" in stderr
    assert curate("status", tmp_path / "run").data["state"] == "interrupted"


def test_a_full_disk_stops_with_7_and_keeps_what_was_finished(warc: Path, whole: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk: writing beyond it fails in the same way."""
    arguments = ["run", "--input", warc, "--out", tmp_path / "run", *SMALL, "-j", "1"]
    ended = curate(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert ended.code == 7, ended.stderr
    again = curate(*arguments)
    assert again.code == 0, again.stderr
    assert outputs(tmp_path / "run") == outputs(whole)


def test_a_directory_that_cannot_be_written(warc: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = curate("run", "--input", warc, "--out", tmp_path / "file" / "run")
    assert ended.code == 7
    assert ended.envelope["errors"][0]["hint"]


def test_a_typo_in_a_recipe_is_shown_where_it_stands(warc: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"input: [{warc}]\nextract:\n  engin: resiliparse\n")
    ended = curate("run", recipe, "--out", tmp_path / "run")
    assert ended.code == 2
    error = ended.envelope["errors"][0]
    assert (error["file"], error["line"], error["column"]) == (str(recipe), 3, 3)
    assert "engine" in error["hint"]
    assert not (tmp_path / "run").exists()


def test_input_that_is_not_there(tmp_path: Path) -> None:
    ended = curate("run", "--input", tmp_path / "none.warc.gz", "--out", tmp_path / "run")
    assert ended.code == 4
