"""Answers that stay in memory, up to a number of bytes."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from dashboard_runs import decisions, write_run

from dashboard import settings
from dashboard.kept import Kept, size_of
from dashboard.source import Source
from dashboard.workspace import scan

KB = 1024


@dataclass(frozen=True, slots=True)
class Told:
    text: str


def test_the_same_is_asked_once_and_what_is_raised_is_not_kept() -> None:
    kept, asked = Kept(KB << 10), []

    def make() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise ValueError
        return "answer"

    with pytest.raises(ValueError):
        kept.get("key", make)
    assert [kept.get("key", make) for _ in range(3)] == ["answer"] * 3
    assert len(asked) == 2


def test_none_is_an_answer() -> None:
    kept, asked = Kept(KB), []
    for _ in range(2):
        assert kept.get("key", lambda: asked.append(1)) is None
    assert len(asked) == 1


def test_those_used_longest_ago_go_first_and_a_large_one_is_never_kept() -> None:
    kept = Kept(10 * KB)
    for name in ("a", "b", "c"):
        kept.get(name, lambda: bytes(3 * KB))
    kept.get("a", lambda: b"again")  # now b is the one used longest ago
    kept.get("d", lambda: bytes(3 * KB))
    assert kept.bytes <= 10 * KB
    assert kept.get("a", lambda: b"new") == bytes(3 * KB)
    assert kept.get("b", lambda: b"new") == b"new"
    before = kept.bytes
    assert len(kept.get("large", lambda: bytes(11 * KB))) == 11 * KB
    assert kept.bytes == before
    assert kept.get("large", lambda: b"new") == b"new"


def test_a_page_cannot_change_what_others_see() -> None:
    kept = Kept(KB << 10)
    kept.get("key", lambda: {"rows": [1]})["rows"].append(2)
    assert kept.get("key", dict) == {"rows": [1]}


def test_two_who_ask_at_once_wait_for_one_answer() -> None:
    kept, asked, begun, go = Kept(KB), [], threading.Event(), threading.Event()

    def make() -> int:
        asked.append(1)
        begun.set()
        assert go.wait(60)
        return 7

    found: list[int] = []
    visitors = [threading.Thread(target=lambda: found.append(kept.get("key", make))) for _ in range(2)]
    visitors[0].start()
    assert begun.wait(60)
    visitors[1].start()
    go.set()
    for visitor in visitors:
        visitor.join(60)
    assert found == [7, 7] and len(asked) == 1


class Key:
    """Equal to all of its kind; says when it is looked up."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen = threading.Event()

    def __hash__(self) -> int:
        self.seen.set()
        return 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key)


def test_after_a_failure_those_who_waited_and_who_came_later_wait_for_one_answer() -> None:
    kept, asked, found, keys = Kept(KB), [], [], [Key() for _ in range(3)]
    begun, go = ([threading.Event() for _ in range(3)] for _ in range(2))

    def make() -> int:
        number = len(asked)
        asked.append(1)
        begun[number].set()
        assert go[number].wait(60)
        if number == 0:
            raise ValueError
        return number

    def visit(key: Key) -> None:
        with contextlib.suppress(ValueError):
            found.append(kept.get(key, make))

    visitors = [threading.Thread(target=visit, args=(key,)) for key in keys]
    visitors[0].start()
    assert begun[0].wait(60)
    visitors[1].start()
    assert keys[1].seen.wait(60)
    go[0].set()  # the first one fails, and the second tries
    assert begun[1].wait(60)
    visitors[2].start()
    assert keys[2].seen.wait(60)
    for each in go:
        each.set()
    for visitor in visitors:
        visitor.join(60)
    assert found == [1, 1] and len(asked) == 2


def told(source: Source, *, value: object) -> str:
    return repr(value)


def test_values_of_another_type_are_another_question(tmp_path: Path) -> None:
    pytest.importorskip("streamlit")
    from dashboard.ask import ask

    settings.use(settings.Settings(root=tmp_path))
    write_run(tmp_path, "one", "curate.run", {"decisions": decisions({})})
    run = scan(tmp_path).get("one")
    assert run is not None
    for value in (1, 1.0, True, (1, "a"), (1.0, "a"), (True, "a"), None):
        assert ask(told, run, value=value).value == repr(value)


def test_sizes_count_what_is_inside() -> None:
    text = "x" * 5000
    frame = pl.DataFrame({"number": range(10_000)})
    assert size_of(frame) >= 8 * 10_000 and size_of(frame["number"].to_numpy()) >= 8 * 10_000
    for value in (text, [text], {"a": (text,)}, Told(text), {text: None}):
        assert 5000 <= size_of(value) < 7000
