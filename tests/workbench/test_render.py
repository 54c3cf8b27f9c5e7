import io
import math
import re
import sys

import pytest

from workbench.render import Beside, Facts, Table, cell, count, duration, percent, plain, show, size, width


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), (math.nan, "-"), (True, "yes"), (1234567, "1,234,567"), (0.123456, "0.1235"),
        (123456.7, "123,457"), ("a\nb\x1b", "a b⟨U+001B⟩"),
    ],
)  # fmt: skip
def test_cell(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_numbers_as_people_read_them() -> None:
    assert count(1000) == "1,000"
    assert [percent(share) for share in (0.0, 0.1234, 1.0, 0.00012, None)] == [
        "0.0 %",
        "12.3 %",
        "100.0 %",
        "0.012 %",
        "-",
    ]
    assert [size(number) for number in (12, 1536, 3 << 30)] == ["12 B", "1.5 KiB", "3.0 GiB"]
    assert [duration(s) for s in (0.42, 12.3, 185, 7620)] == ["0.4 s", "12 s", "3 min 05 s", "2 h 07 min"]


def test_plain_table_is_aligned() -> None:
    table = Table(("rule", "documents", "share"), [("a.b", 1200, "12.0 %"), ("longer.name", 3, None)], title="Rules")
    assert plain(table) == (
        "Rules\n"
        "rule         documents   share\n"
        "-----------  ---------  ------\n"
        "a.b              1,200  12.0 %\n"
        "longer.name          3       -\n"
    )


def test_wide_characters_take_two_columns() -> None:
    assert width("日本") == 4
    assert width("e\u0301") == 1
    lines = plain(Table(("a", "b"), [("日本", "x"), ("abcd", "y")])).splitlines()
    assert lines[2] == "日本  x"
    assert lines[3] == "abcd  y"


def test_facts_and_text() -> None:
    assert plain(Facts([("cores", 2), ("memory", "1 GiB")])) == "cores   2\nmemory  1 GiB\n"
    assert plain("line\x9b") == "line⟨U+009B⟩\n"


def test_empty_table_has_its_head() -> None:
    assert plain(Table(("a", "bb"), [])) == "a  bb\n-  --\n"


BESIDE = Beside(
    ("kept", "[b]removed"),
    [
        ([("the same\n text\x1b", True)], [("The same text\x1b", True)], True),
        ([], [("more ", False), ("moved", True)], False),
    ],
    "Two texts",
    "1 more place",
)


def test_texts_beside_each_other_off_a_terminal() -> None:
    assert plain(BESIDE) == ("Two texts\n< kept\n> [b]removed\n= the same text⟨U+001B⟩\n> more «moved»\n1 more place\n")


@pytest.mark.parametrize("columns", [20, 60, 100])
def test_texts_beside_each_other_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    show([BESIDE, "end"], stream)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert "[b]removed" in shown
    assert ("> more «moved»" in shown) == (columns < 60)
    assert all(width(line) <= columns for line in shown.splitlines()) or columns < 60


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_is_drawn_by_rich_without_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    show([Table(("a",), [("[red]x[/red]\x1b[2J",)]), "text [bold]"], stream)
    assert "[red]x[/red]⟨U+001B⟩[2J" in stream.getvalue()
    assert "text [bold]" in stream.getvalue()


def test_pipe_needs_no_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    stream = io.StringIO()
    show([Table(("a",), [(1,)]), "end"], stream)
    assert stream.getvalue() == "a\n-\n1\n\nend\n"
