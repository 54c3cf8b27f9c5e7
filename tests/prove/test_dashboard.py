"""Five minutes of a job that writes, three readers and a voter, with the application killed again and again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dashboard_app as app
import pytest
from whole_run import command

from dashboard.voting import REPEAT
from workbench.people import People

pytestmark = pytest.mark.prove
MINUTES = 5
VOTES_A_LIFE = 25
PAGES = ("", "rules", "documents", "overlap", "training", "evals", "lineage")


class Job(threading.Thread):
    """Runs of `curate` into the workspace, one after the other, until told to stop."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.done, self.failed = root, 0, 0
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            out = self.root / f"job-{self.done % 3}"
            given = command("run", "--input", "sample", "--limit", "80", "--root", self.root, "--out", out, "--force")
            ended = subprocess.run([*given, "--json"], capture_output=True, check=False)
            self.done += 1
            self.failed += ended.returncode != 0


def _progress(page: Any) -> int:
    found = re.search(r"(\d+) of \d+", page.locator(".st-key-arena-progress").inner_text())
    assert found is not None
    return int(found[1])


def _vote(seen: app.Seen, number: int) -> int:
    """One vote by key; the number of votes that the page has confirmed."""
    told = seen.page.locator(".st-key-arena-progress").inner_text()
    seen.page.wait_for_timeout(350)  # a press in the first moment of a pair is refused
    seen.page.keyboard.press(("ArrowLeft", "ArrowRight", "ArrowDown")[number % 3])
    seen.page.wait_for_function(
        "before => document.querySelector('.st-key-arena-progress')?.innerText !== before", arg=told, timeout=60_000
    )
    return _progress(seen.page)


def _answers(people: People, rater: str) -> int:
    """Questions that a rater has answered: pairs, and pairs that were asked again."""
    again = [label for label in people.labels("arena", REPEAT) if label.rater == rater]
    return len(people.votes("arena", rater)) + len(again)


def test_no_lock_and_no_vote_lost(tmp_path: Path, record: Callable[[str, str], None]) -> None:
    demo = pytest.importorskip("dashboard.demo")
    root = tmp_path / "workspace"
    shutil.copytree(demo.unpack(), root)
    log = tmp_path / "log"
    job = Job(root)
    lives = pages = 0
    confirmed: dict[str, int] = {}
    until = time.monotonic() + 60 * MINUTES
    with app.browser() as opened:
        job.start()
        try:
            while time.monotonic() < until:
                lives += 1
                with (
                    app.served("--root", str(root), log=log) as (address, pid),
                    app.visit(opened, address, "arena?arena=arena") as voter,
                ):
                    rater = f"voter {lives % 3}"  # who comes again goes on where they were
                    voter.enter(rater)
                    assert _progress(voter.page) >= confirmed.get(rater, 0), "a confirmed vote is gone"
                    with (
                        app.visit(opened, address) as one,
                        app.visit(opened, address, "rules") as two,
                        app.visit(opened, address, "documents") as three,
                    ):
                        for number in range(VOTES_A_LIFE):
                            for place, reader in enumerate((one, two, three)):
                                reader.page.goto(f"{address}/{PAGES[(number + 2 * place) % len(PAGES)]}")
                            confirmed[rater] = _vote(voter, number)
                            for reader in (one, two, three):
                                reader.settled()
                                assert reader.page.get_by_text("This part of the page failed").count() == 0
                                pages += 1
                            if time.monotonic() > until or not voter.page.locator(".st-key-booth").count():
                                break  # the time is over, or all pairs are voted on
                        os.kill(pid, signal.SIGKILL)
        finally:
            job.stop.set()
            job.join()
    with People(root) as people:
        kept = {rater: _answers(people, rater) for rater in confirmed}
    said = log.read_text("utf-8", "replace")
    assert all(kept[rater] >= number for rater, number in confirmed.items())
    assert "Traceback" not in said and "locked" not in said.lower(), said[-2000:]
    assert job.failed == 0 and job.done > 0
    votes = sum(confirmed.values())
    record(
        "dashboard beside a writing job",
        f"{MINUTES} minutes, {job.done} runs written by a job, {pages} pages read in three windows, {votes} votes "
        f"confirmed, the application killed {lives} times with signal 9: no lock error, no vote lost",
    )
