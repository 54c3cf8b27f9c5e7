"""The documentation of the interpreter's own library as an input."""

from __future__ import annotations

import sys

import pytest

from curate.sample import register_inputs
from curate.sample.python_docs import ACTIVE, modules, plan, read
from curate.sources import Record, UnitCounts, plan_units, read_unit
from curate.sources.options import ReadOptions


@pytest.fixture(scope="module")
def part() -> list[str]:
    return ["abc", "cgi" if "cgi" in modules() else "html", "json", "os", "sys", "tempfile"]


@pytest.fixture(scope="module")
def records(part: list[str]) -> dict[str, Record]:
    spec = plan()[0]
    spec.files, spec.begin, spec.end = part, 0, len(part)
    return dict(zip(part, read(spec, ReadOptions(), UnitCounts()), strict=True))


def test_some_two_hundred_modules_and_none_that_acts_on_import() -> None:
    names = modules()
    assert 150 < len(names) < 400
    assert not ACTIVE.intersection(name.partition(".")[0] for name in names)
    assert not ACTIVE.intersection(sys.modules)


def test_units_cover_all_modules_once() -> None:
    register_inputs()
    units = plan_units(["python-docs"])
    assert [name for unit in units for name in unit.files] == modules()
    assert len({unit.digest for unit in units}) == len(units)


def test_a_page_is_html_with_a_url_of_its_own(records: dict[str, Record]) -> None:
    page = records["json"]
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert page.url == f"https://docs.python.invalid/{version}/json.html"
    assert page.kind == "html"
    assert page.body is not None and "JSONDecoder" in page.body
    assert len({record.id for record in records.values()}) == len(records)


def test_nothing_of_this_machine_is_in_a_page(records: dict[str, Record]) -> None:
    private = [sys.executable, sys.prefix + "/lib", 'href="file:', "PYTHONPATH'", "workbench.sandbox"]
    for name, record in records.items():
        assert [word for word in private if word in (record.body or "")] == [], name


def test_the_same_interpreter_gives_the_same_pages(records: dict[str, Record], part: list[str]) -> None:
    spec = plan()[0]
    spec.files = part[::-1]
    again = dict(zip(spec.files, read(spec, ReadOptions(), UnitCounts()), strict=True))
    assert {name: record.body for name, record in again.items()} == {
        name: record.body for name, record in records.items()
    }


def test_a_module_that_is_not_here_is_skipped_and_counted() -> None:
    spec = plan()[0]
    spec.files = ["no_such_module", "abc"]
    counts = UnitCounts()
    assert len(list(read(spec, ReadOptions(), counts))) == 1
    assert counts.skipped == {"module not on this platform": 1}
    reader = read_unit(spec)
    assert sum(1 for _ in reader) == reader.counts.records == 1
