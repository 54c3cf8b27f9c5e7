import shutil
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.registry import closed, describe, find, known, lineage, list_runs, register
from workbench.runs import Run


def make(directory: Path, root: Path, *parents: Run, recipe: str = "a: 1\n", kind: str = "curate") -> Run:
    run = Run.create(directory, kind, recipe, root=root, parents=parents)
    run.finish(counts={"documents": 3})
    return run


def test_runs_inside_and_outside_the_root_are_listed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(root / "inside", root)
    make(tmp_path / "far" / "outside", root)
    Run.create(root / "half", "curate", "a: 1\n", root=root).close()
    running = Run.create(root / "busy", "curate", "a: 1\n", root=root)
    found = {run.id: (run.state, run.kind, run.path) for run in list_runs(root)}
    assert found == {
        "inside": ("finished", "curate", root / "inside"),
        "outside": ("finished", "curate", tmp_path / "far" / "outside"),
        "half": ("stopped", "curate", root / "half"),
        "busy": ("running", "curate", root / "busy"),
    }
    running.close()


def test_oldest_first(tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        make(tmp_path / name, tmp_path)
    created = [run.created for run in list_runs(tmp_path)]
    assert created == sorted(created)


def test_vanished_run_is_missing_and_a_damaged_one_unreadable(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(tmp_path / "gone", root)
    shutil.rmtree(tmp_path / "gone")
    make(root / "bad", root)
    (root / "bad" / "manifest.json").write_text("{")
    assert {run.id: run.state for run in list_runs(root)} == {"gone": "missing", "bad": "unreadable"}


def test_no_root_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


def test_a_folder_that_may_not_be_looked_into_is_no_run_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "open").mkdir()
    is_file = Path.is_file

    def shut(path: Path) -> bool:
        if path.parent.name == "shut":
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", shut)
    assert list(known(tmp_path)) == []
    assert closed(tmp_path) == [tmp_path / "shut"] and closed(tmp_path / "none") == []


def test_names_are_unique_under_a_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert register(root, tmp_path / "a" / "first") == "first"
    assert register(root, tmp_path / "b" / "first") == "first-2"
    assert register(root, tmp_path / "a" / "first") == "first"
    (root / "second").mkdir()
    assert register(root, tmp_path / "a" / "second") == "second-2"
    assert register(root, root / "second") == "second"


def test_two_runs_of_one_name_are_told_apart_by_path(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(tmp_path / "far" / "same", root)
    make(root / "same", root)
    with pytest.raises(UserError, match="two runs are called 'same'"):
        find("same", root)


def test_directory_that_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        find(str(tmp_path), tmp_path)


def test_lineage_goes_up_to_the_first_run(tmp_path: Path) -> None:
    root = tmp_path / "root"
    crawl = make(tmp_path / "crawl", root)
    decided = make(tmp_path / "decided", root, crawl, kind="decide")
    mixed = make(tmp_path / "mixed", root, decided, crawl, kind="mix")
    found = [(line.depth, line.id, line.kind, line.state) for line in lineage(mixed.path, root)]
    assert found == [
        (0, "mixed", "mix", "finished"),
        (1, "decided", "decide", "finished"),
        (2, "crawl", "curate", "finished"),
        (1, "crawl", "curate", "finished"),
    ]


def test_parent_that_moved_is_found_by_its_name(tmp_path: Path) -> None:
    root = tmp_path / "root"
    crawl = make(tmp_path / "far" / "crawl", root)
    child = make(root / "child", root, crawl)
    shutil.rmtree(root / "registered")
    shutil.move(tmp_path / "far" / "crawl", root / "crawl")
    assert [(line.id, line.state) for line in lineage(child.path, root)] == [
        ("child", "finished"),
        ("crawl", "finished"),
    ]


def test_replaced_parent_is_changed_and_a_lost_one_missing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    crawl = make(root / "crawl", root)
    child = make(root / "child", root, crawl)
    Run.create(root / "crawl", "curate", "a: 2\n", root=root, force=True).finish()
    assert lineage(child.path, root)[1].state == "changed"
    shutil.rmtree(root / "crawl")
    assert lineage(child.path, root)[1].state == "missing"


def test_lineage_of_a_run_that_is_not_finished(tmp_path: Path) -> None:
    crawl = make(tmp_path / "crawl", tmp_path)
    child = Run.create(tmp_path / "child", "mix", "a: 1\n", root=tmp_path, parents=[crawl])
    assert [line.id for line in lineage(child.path, tmp_path)] == ["child", "crawl"]
    assert describe(child.path, "child").parents == ("crawl",)
    child.close()
