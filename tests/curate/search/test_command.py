"""The two commands, as a user starts them."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from whole_run import command, curate

from curate.ask.finished import FinishedRun
from curate.search.index import Built


def test_index_then_search(run: FinishedRun, tmp_path: Path) -> None:
    made = curate("index-text", run.path, "--to", tmp_path, "--sample", "12")
    assert (made.code, made.data["indexed"], made.data["texts"], made.data["was_done"]) == (0, 12, 12, False)
    assert Path(made.data["index"]) == tmp_path / "crawl.search.sqlite"
    asked = curate("search", run.path, '"water turns" -yeast', "--to", tmp_path, "--lang", "en")
    assert (asked.code, asked.data["total"], asked.data["indexed"]) == (0, 1, 12)
    (hit,) = asked.data["hits"]
    assert [hit["snippet"][left:right] for left, right in hit["marks"]] == ["water turns"]


def test_on_a_terminal(built: Built, run: FinishedRun) -> None:
    shown = subprocess.run(
        command("search", run.path, "flour", "-n", "1", "--state", "kept"), capture_output=True, text=True, check=True
    ).stdout
    assert "«Flour»" in shown or "«flour»" in shown
    assert "1 to 1 of 2 documents found, among 12 of 12 texts" in shown


def test_refusals(built: Built, run: FinishedRun, tmp_path: Path) -> None:
    assert curate("search", run.path, "x", "--to", tmp_path).code == 4
    unknown = curate("search", run.path, "x", "--rule", "gopher.repp")
    assert unknown.code == 2 and "gopher.rep" in unknown.stderr
    assert curate("search", run.path, "x", "--state", "failed").code == 2
    assert curate("index-text", run.path, "--all", "--sample", "3").code == 2
    assert curate("index-text", run.path, "--to", run.path / "inside").code == 2


def test_a_full_disk_is_told_and_the_same_command_goes_on(run: FinishedRun, tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))

    arguments = ["index-text", run.path, "--to", tmp_path, "--all"]
    full = curate(*arguments, preexec_fn=small_files)
    assert full.code == 7 and "goes on from there" in full.stderr
    assert not (tmp_path / "crawl.search.sqlite").exists()
    done = curate(*arguments)
    assert (done.code, done.data["indexed"]) == (0, 12)
