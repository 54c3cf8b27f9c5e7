"""Votes, labels and notes: one of each counts, none is lost, and a foreign file is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.people import FILE, Label, Note, People, Vote


def test_a_rater_has_one_vote_on_a_pair(tmp_path: Path) -> None:
    with People(tmp_path) as people:
        first = Vote("arena", "p1", "ann", "a", "b", 2.5)
        assert people.vote(first) and not people.vote(Vote("arena", "p1", "ann", "b"))
        assert people.vote(Vote("arena", "p1", "bob", "tie")) and people.vote(
            Vote("arena", "p2", "ann", "skip", reason="?")
        )
        assert people.votes("arena", "ann") == [first, Vote("arena", "p2", "ann", "skip", reason="?")]
        assert people.undo("arena", "ann") == Vote("arena", "p2", "ann", "skip", reason="?")
        assert people.vote(Vote("arena", "p2", "ann", "both_bad"))
        assert [vote.choice for vote in people.votes("arena")] == ["a", "tie", "both_bad"]
        assert people.votes("other") == [] and people.undo("other", "ann") is None
        with pytest.raises(ValueError, match="no such vote"):
            people.vote(Vote("arena", "p3", "ann", "c"))  # type: ignore[arg-type]
    with People(tmp_path) as people:
        assert len(people.votes("arena")) == 3


def test_the_last_label_counts_and_an_empty_one_takes_it_back(tmp_path: Path) -> None:
    with People(tmp_path) as people:
        for item, label in (("d1", "good"), ("d2", "bad"), ("d1", "bad"), ("d2", "")):
            people.label(Label("run", item, "gopher.words", "ann", label))
        assert people.labels("run", "gopher.words") == [Label("run", "d1", "gopher.words", "ann", "bad")]
        assert people.labels("run", "other") == []
        people.note(Note("run", "d1", "ann", "<script>"))
        assert people.notes("run") == people.notes("run", "d1") == [Note("run", "d1", "ann", "<script>")]


def test_every_change_of_an_arena_changes_its_stamp(tmp_path: Path) -> None:
    with People(tmp_path) as people:
        stamps = [people.stamp("arena")]
        for change in (
            lambda: people.vote(Vote("arena", "p1", "ann", "a")),
            lambda: people.vote(Vote("arena", "p2", "ben", "a")),
            lambda: people.undo("arena", "ann"),
            lambda: people.vote(Vote("arena", "p1", "ann", "a")),
            lambda: people.undo("arena", "ann"),
            lambda: people.label(Label("arena", "p2", "repeat", "ben", "b")),
        ):
            change()
            stamps.append(people.stamp("arena"))
        people.vote(Vote("other", "p1", "ann", "a"))
        assert people.stamp("arena") == stamps[-1]
    assert len(set(stamps)) == len(stamps)


def test_a_confirmed_vote_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workbench.people import People, Vote\n"
        "people = People(Path(sys.argv[1]))\n"
        "for n in range(100):\n    people.vote(Vote('arena', str(n), 'r', 'a'))\n    print(n, flush=True)\n"
    )
    writing = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writing.stdout is not None
    for _ in range(20):
        said = writing.stdout.readline()
    with People(tmp_path) as people:  # beside the one who writes
        assert people.vote(Vote("arena", "mine", "me", "b"))
        os.kill(writing.pid, signal.SIGKILL)
        writing.wait()
        said = (writing.stdout.read().splitlines() or [said])[-1]
        kept = {vote.pair for vote in people.votes("arena")}
    assert {"mine", *map(str, range(int(said) + 1))} <= kept


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text("no database, but long enough to be taken for one: " + "x" * 200)
    with pytest.raises(UserError, match="no file of votes") as caught:
        People(tmp_path)
    assert caught.value.code == 4
