"""Measures of a user's own package."""

from importlib.metadata import EntryPoint

import pytest

from curate.measures import Measure, Measurer, plugins
from workbench.errors import UserError


class Plugin:
    """Gives what it is told."""

    def __init__(self, values, measures=(Measure("mine.number", "float64", "a number of mine"),)) -> None:
        self.values = values
        self.measures = measures

    def __call__(self, batch):
        return self.values


def test_a_plugin_adds_its_columns(batch) -> None:
    measurer = Measurer(installed={"mine": Plugin({"mine.number": [1, 2.5]})})
    assert measurer.measure(batch(["a", "b"]))["mine.number"].to_list() == [1.0, 2.5]
    assert measurer.registry["mine.number"].doc == "a number of mine"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mine.number": [1.0]}, "1 values for 2 documents"),
        ({"mine.number": [1.0, None]}, "null or NaN"),
        ({"mine.number": [1.0, float("nan")]}, "null or NaN"),
        ({"mine.number": ["a", "b"]}, "not a column of float64"),
        ({"mine.other": [1.0, 2.0]}, "other columns than they declare"),
    ],
)
def test_columns_that_do_not_fit(batch, values, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Measurer(installed={"mine": Plugin(values)}).measure(batch(["a", "b"]))


class Good(Plugin):
    """A plugin as a package would have it."""


GOOD = Good({"mine.number": [0.0]})
OURS = Good({}, [Measure("text.words", "int64", "taken")])
UNNAMED = Good({}, [Measure("number", "int64", "no family")])
NONE = Good({}, [])


def point(value: str) -> EntryPoint:
    return EntryPoint("mine", value, plugins.GROUP)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (f"{__name__}:OURS", "declare 'text.words'"),
        (f"{__name__}:UNNAMED", "declare 'number'"),
        (f"{__name__}:NONE", "declare none"),
        ("no.such.module:X", "do not load"),
    ],
)
def test_entry_points_that_do_not_fit(monkeypatch, value: str, message: str) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point(value)])
    with pytest.raises(UserError, match=message):
        plugins.installed()


def test_entry_points_are_loaded(monkeypatch, batch) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point(f"{__name__}:GOOD")])
    assert plugins.installed() == {"mine": GOOD}
    assert Measurer().measure(batch(["a"]))["mine.number"].to_list() == [0.0]
