import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workbench import doctor, parts
from workbench.cli import main
from workbench.errors import Exit, UserError
from workbench.people import Label, Note, People
from workbench.runs import Run


def call(*arguments: str) -> Any:
    return CliRunner().invoke(main, arguments)


def data(*arguments: str) -> Any:
    return json.loads(call(*arguments, "--json").stdout)["data"]


def make(root: Path) -> None:
    parent = Run.create(root / "crawl", "curate", "a: 1\n", root=root)
    parent.finish(counts={"documents": 1200})
    Run.create(root / "mixed", "mix", "a: 1\n", root=root, parents=[parent]).finish()


def test_runs(tmp_path: Path) -> None:
    make(tmp_path)
    found = [(run["id"], run["state"], run["counts"]) for run in data("runs", "--root", str(tmp_path))["runs"]]
    assert found == [("crawl", "finished", {"documents": 1200}), ("mixed", "finished", {})]
    assert "1,200" in call("runs", "--root", str(tmp_path)).stdout


def test_no_runs(tmp_path: Path) -> None:
    assert call("runs", "--root", str(tmp_path / "none")).stdout == f"no runs under {tmp_path}/none\n"


def test_root_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path))
    assert len(data("runs")["runs"]) == 2


def test_lineage(tmp_path: Path) -> None:
    make(tmp_path)
    lines = [(line["depth"], line["id"]) for line in data("lineage", "mixed", "--root", str(tmp_path))["lineage"]]
    assert lines == [(0, "mixed"), (1, "crawl")]
    assert "\n  crawl " in call("lineage", "mixed", "--root", str(tmp_path)).stdout


def test_lineage_of_an_unknown_run(tmp_path: Path) -> None:
    make(tmp_path)
    done = call("lineage", "mixd", "--root", str(tmp_path))
    assert done.exit_code == Exit.INPUT
    assert done.stderr.endswith("hint: did you mean 'mixed'?\n")


def test_what_people_said_of_a_run(tmp_path: Path) -> None:
    make(tmp_path)
    root = ("--root", str(tmp_path))
    assert call("labels", "crawl", *root).stdout == f"no labels on crawl under {tmp_path}\n"
    with People(tmp_path) as people:
        for number in range(21):
            people.label(Label("crawl", f"d{number:02d}", "quality", "ann", "good", "2026-01-01T00:00:00.000Z"))
        people.label(Label("crawl", "d00", "spam", "ann", "bad", "2026-01-01T00:00:00.000Z"))
        people.note(Note("crawl", "", "bob", "<b>odd</b>\x1b[31m", "2026-01-02T00:00:00.000Z"))
    assert "and 2 more: --to FILE.jsonl writes all" in call("labels", "crawl", *root).stdout
    assert len(data("labels", "crawl", *root)["labels"]) == 22
    to = tmp_path / "spam.jsonl"
    assert "1 labels written to" in call("labels", "crawl", "--about", "spam", "--to", str(to), *root).stdout
    assert [json.loads(line) for line in to.read_text().splitlines()] == [
        {
            "run": "crawl",
            "item": "d00",
            "about": "spam",
            "rater": "ann",
            "label": "bad",
            "time": "2026-01-01T00:00:00.000Z",
        }
    ]
    assert "\x1b" not in call("notes", "crawl", *root).stdout
    assert [note["text"] for note in data("notes", "crawl", *root)["notes"]] == ["<b>odd</b>\x1b[31m"]
    assert call("labels", "nothing", *root).exit_code == Exit.INPUT


def test_doctor_tells_what_is_here(tmp_path: Path) -> None:
    found = data("doctor", "--root", str(tmp_path / "new"))
    assert found["writable"] is True
    assert found["cores"] >= 1
    assert found["libraries"]["polars"]
    assert {part["distribution"] for part in found["optional"]} == {
        "torch",
        "tokenizers",
        "safetensors",
        "jinja2",
        "streamlit",
    }
    assert list(tmp_path.iterdir()) == []


def test_doctor_on_a_workspace_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(doctor, "sync", full)
    done = call("doctor", "--root", str(tmp_path))
    assert done.exit_code == Exit.OUTPUT
    assert "write test  failed" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_misses_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LIBRARIES", ("polars", "no-such-library"))
    done = call("doctor", "--root", str(tmp_path))
    assert done.exit_code == Exit.MISSING
    assert "error: not installed: no-such-library" in done.stderr


def test_libraries_are_those_of_the_project() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    listed = text.partition("\ndependencies = [")[2].partition("]")[0]
    names = [line.strip(' ",').partition(">")[0].partition("=")[0] for line in listed.strip().splitlines()]
    assert tuple(names) == parts.LIBRARIES


def test_absent_part_gives_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts.require("json") is json
    monkeypatch.setattr(parts, "PARTS", (parts.Part("extra", "no-such", "no_such", "nothing"),))
    with pytest.raises(UserError) as caught:
        parts.require("no_such.module")
    assert (caught.value.code, caught.value.hint) == (Exit.MISSING, "pip install 'winnow-workbench[extra]'")
