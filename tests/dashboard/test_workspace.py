"""What the pages know of the runs, whatever state these are in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from dashboard_runs import decisions, write_run

from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.errors import UserError
from workbench.runs import Run


def test_an_empty_workspace_has_no_runs(tmp_path: Path) -> None:
    assert scan(tmp_path).runs == ()
    assert scan(tmp_path / "nowhere").runs == ()
    assert scan(tmp_path).get("x") is None


def test_runs_are_found_by_kind_the_newest_first(tmp_path: Path) -> None:
    write_run(tmp_path, "first", "curate.run", counts={"documents": 3})
    write_run(tmp_path, "second", "curate.decide", gates=["a check failed"])
    write_run(tmp_path, "model", "train.pretrain")
    found = scan(tmp_path)
    assert [run.id for run in found.of("curate.run", "curate.decide")] == ["second", "first"]
    assert [run.id for run in found.of("train.")] == ["model"]
    first = found.get("first")
    assert first is not None
    assert first.readable and first.counts == {"documents": 3}
    second = found.get("second")
    assert second is not None and second.gates == ("a check failed",)


def test_states_are_told_apart_and_nothing_raises(tmp_path: Path) -> None:
    write_run(tmp_path, "half", "curate.run", finish=False)
    live = Run.create(tmp_path / "live", "curate.run", "x: 1\n", root=tmp_path)
    newer = write_run(tmp_path, "newer", "curate.run")
    content = json.loads((newer.path / "manifest.json").read_text())
    (newer.path / "manifest.json").write_text(json.dumps({**content, "schema": "workbench.manifest/9"}))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text('{"schema": "workb')
    (tmp_path / "elsewhere").mkdir()
    gone = write_run(tmp_path / "elsewhere", "gone", "curate.run")
    pointers = tmp_path / "registered"
    pointers.mkdir()
    (pointers / "gone.json").write_text(json.dumps({"path": str(gone.path)}))
    for file in gone.path.rglob("*"):
        file.unlink()
    (pointers / "bad.json").write_text("[")
    states = {run.id: run.state for run in scan(tmp_path).runs}
    live.close()
    assert states == {
        "half": "stopped",
        "live": "running",
        "newer": "unreadable",
        "torn": "unreadable",
        "gone": "missing",
    }
    broken = scan(tmp_path).get("newer")
    assert broken is not None and "manifest" in broken.problem and "version" in broken.hint


def test_a_changed_manifest_is_read_again(tmp_path: Path) -> None:
    run = write_run(tmp_path, "one", "curate.run", counts={"documents": 1})
    before = scan(tmp_path).get("one")
    path = run.path / "manifest.json"
    path.write_text(path.read_text().replace('"documents": 1', '"documents": 2'))
    os.utime(path, ns=(1, 1))
    after = scan(tmp_path).get("one")
    assert before is not None and after is not None
    assert after.counts == {"documents": 2} and after.version != before.version


def test_queries_see_the_tables_of_the_run_and_values_are_bound(tmp_path: Path) -> None:
    rows = decisions({"host": "a.example"}, {"host": "b'; DROP", "state": "dropped", "tokens": 4})
    write_run(tmp_path, "one", "curate.run", {"decisions": rows})
    found = scan(tmp_path)
    run = found.get("one")
    assert run is not None
    source = Source(open_database(found.directories), run)
    tokens = source.query("SELECT sum(tokens)::BIGINT AS n FROM {decisions} WHERE host = $host", host="b'; DROP")
    assert tokens.item() == 4
    assert source.asked[0].endswith('-- $host = "b\'; DROP"')
    assert source.columns("decisions")["tokens"] == "BIGINT"
    assert source.has("decisions") and not source.has("measures")
    with pytest.raises(UserError, match="no table 'measures'"):
        source.query("SELECT * FROM {measures}")
    with pytest.raises(UserError, match=r"summary.json of the run 'one' is missing"):
        source.json("summary.json")


@pytest.mark.parametrize("name", ["a[1]*?", "it's", "{decisions}", "<script>", "‮gpj", "a b"])
def test_hostile_names_of_runs_are_names(tmp_path: Path, name: str) -> None:
    write_run(tmp_path, name, "curate.run", {"decisions": decisions({})})
    write_run(tmp_path, "a1x", "curate.run", {"decisions": decisions({}, {})})  # what a pattern would also find
    found = scan(tmp_path)
    run = found.get(name)
    assert run is not None
    assert Source(open_database(found.directories), run).query("SELECT count(*) FROM {decisions}").item() == 1


def test_a_missing_or_torn_table_is_an_error_with_a_hint(tmp_path: Path) -> None:
    write_run(tmp_path, "one", "curate.run", {"decisions": decisions({})})
    found = scan(tmp_path)
    run = found.get("one")
    assert run is not None
    source = Source(open_database(found.directories), run)
    part = run.path / "decisions" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:40])
    with pytest.raises(UserError, match="a table of the run 'one' cannot be read") as caught:
        source.query("SELECT count(*) FROM {decisions}")
    assert caught.value.hint == f"curate verify {run.path}"
    part.unlink()
    with pytest.raises(UserError, match="has no table 'decisions'"):
        source.query("SELECT count(*) FROM {decisions}")


def test_queries_cannot_leave_the_workspace(tmp_path: Path) -> None:
    import duckdb

    outside = tmp_path / "outside"
    outside.mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(outside / "x.parquet")
    root = tmp_path / "root"
    write_run(root, "one", "curate.run")
    database = open_database(scan(root).directories)
    with pytest.raises(duckdb.Error):
        database.query(f"SELECT * FROM read_parquet('{outside}/x.parquet')")


def test_a_folder_that_may_not_be_looked_into_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path, "one", "curate.run", {})
    (tmp_path / "lost+found").mkdir()
    is_file, iterdir = Path.is_file, Path.iterdir

    def shut(path: Path) -> bool:
        if path.parent.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", shut)
    assert [run.id for run in scan(tmp_path).runs] == ["one"]

    def closed(path: Path) -> Iterator[Path]:
        if path == tmp_path:
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(UserError, match="may not be read"):
        scan(tmp_path)
