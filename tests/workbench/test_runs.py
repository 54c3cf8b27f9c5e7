import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from workbench.errors import Exit, UserError
from workbench.events import Event, read_events
from workbench.manifest import Input, verify
from workbench.runs import Run
from workbench.tables import write_table

RECIPE = "seed: 1\n"


def create(directory: Path | None, root: Path, recipe: str = RECIPE, **more: Any) -> Run:
    return Run.create(directory, "curate", recipe, root=root, **more)


def refused(directory: Path, root: Path, recipe: str = RECIPE, **more: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        create(directory, root, recipe, **more)
    return caught.value


def names(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_finished_run_is_described_by_its_manifest(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = create(out, tmp_path)
    frame = pl.DataFrame({"id": ["a", "b"]})
    written = write_table(out / "documents" / "part-00000.parquet", frame)
    (out / "units").mkdir()
    (out / "units" / "scratch").write_text("x")
    (out / "note.txt").write_text("abc")
    (out / "half.tmp-99").write_text("killed")
    inputs = [Input(path="crawl/a.warc", bytes=3, digest="d")]
    done = run.finish(
        counts={"documents": 2},
        timings={"extract": 1.5},
        inputs=inputs,
        written=[written._replace(path="documents/part-00000.parquet")],
    )
    assert names(out) == [
        "documents/part-00000.parquet", "events.jsonl", "manifest.json", "note.txt", "recipe.yaml", "units/scratch",
    ]  # fmt: skip
    document = json.loads((out / "manifest.json").read_text())
    assert (document["schema"], document["kind"], document["id"]) == ("workbench.manifest/1", "curate", "out")
    assert [(file["path"], file["rows"]) for file in document["outputs"]] == [
        ("documents/part-00000.parquet", 2), ("note.txt", None), ("recipe.yaml", None),
    ]  # fmt: skip
    assert document["outputs"][1]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert document["counts"] == {"documents": 2}
    assert document["timings"]["extract"] == 1.5
    assert document["inputs"] == [inputs[0].model_dump()]
    assert document["environment"]["libraries"]["polars"] == pl.__version__
    assert os.uname().nodename not in (out / "manifest.json").read_text()
    assert run.is_finished
    assert verify(out, done) == []


def test_rows_are_counted_where_nobody_told_them(tmp_path: Path) -> None:
    run = create(tmp_path / "out", tmp_path)
    write_table(tmp_path / "out" / "t.parquet", pl.DataFrame({"a": [1, 2, 3]}))
    assert [file.rows for file in run.finish().outputs if file.path == "t.parquet"] == [3]


def test_verify_names_every_difference(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = create(out, tmp_path)
    for name in ("a", "b", "c"):
        (out / name).write_text("same")
    done = run.finish()
    (out / "a").write_text("Same")
    (out / "b").write_text("longer")
    (out / "c").unlink()
    (out / "d").write_text("new")
    assert verify(out, done) == [
        "a is not what its SHA-256 says",
        "b has 6 bytes, the manifest says 4",
        "c is missing",
        "d is not in the manifest",
    ]


def test_same_recipe_on_a_finished_run_is_done(tmp_path: Path) -> None:
    create(tmp_path / "out", tmp_path).finish(counts={"documents": 1})
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    again = create(tmp_path / "out", tmp_path)
    assert again.is_finished
    assert again.manifest is not None
    assert again.manifest.counts == {"documents": 1}
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before


def test_other_recipe_on_a_finished_run_is_refused(tmp_path: Path) -> None:
    create(tmp_path / "out", tmp_path).finish()
    error = refused(tmp_path / "out", tmp_path, "seed: 2\n")
    assert (error.code, error.hint) == (Exit.USAGE, "choose another --out, or replace that run with --force")


def test_changed_inputs_on_a_finished_run_are_refused(tmp_path: Path) -> None:
    one, two = Input(path="a", bytes=1, digest="x"), Input(path="a", bytes=1, digest="y")
    create(tmp_path / "out", tmp_path).finish(inputs=[one])
    assert create(tmp_path / "out", tmp_path, inputs=[one]).is_finished
    assert "inputs have changed" in refused(tmp_path / "out", tmp_path, inputs=[two]).message


def test_force_replaces_a_finished_run(tmp_path: Path) -> None:
    run = create(tmp_path / "out", tmp_path)
    (tmp_path / "out" / "old.txt").write_text("x")
    run.finish()
    run = create(tmp_path / "out", tmp_path, "seed: 2\n", force=True)
    assert not run.is_finished
    assert names(tmp_path / "out") == ["events.jsonl", "lock.json", "recipe.yaml", "started.json"]
    assert (tmp_path / "out" / "recipe.yaml").read_text() == "seed: 2\n"
    run.close()


def test_interrupted_run_goes_on(tmp_path: Path) -> None:
    first = create(tmp_path / "out", tmp_path)
    (tmp_path / "out" / "units").mkdir()
    (tmp_path / "out" / "units" / "u1").write_text("kept")
    first.close()
    again = create(tmp_path / "out", tmp_path)
    assert again.started == first.started
    assert (tmp_path / "out" / "units" / "u1").exists()
    again.close()


def test_interrupted_run_can_begin_anew(tmp_path: Path) -> None:
    create(tmp_path / "out", tmp_path).close()
    (tmp_path / "out" / "units").mkdir()
    run = create(tmp_path / "out", tmp_path, resume=False)
    assert not (tmp_path / "out" / "units").exists()
    run.close()


def test_interrupted_run_of_another_recipe_is_refused(tmp_path: Path) -> None:
    create(tmp_path / "out", tmp_path).close()
    assert refused(tmp_path / "out", tmp_path, "seed: 2\n").code == Exit.USAGE
    assert not (tmp_path / "out" / "lock.json").exists()


def test_directory_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for force in (False, True):
        error = refused(tmp_path, tmp_path / "root", force=force)
        assert error.message == f"{tmp_path} is not empty and holds no run"
    assert names(tmp_path) == ["thesis.tex"]


def test_running_run_is_locked(tmp_path: Path) -> None:
    run = create(tmp_path / "out", tmp_path)
    error = refused(tmp_path / "out", tmp_path)
    assert error.code == Exit.LOCKED
    assert f"process {os.getpid()} on " in error.message
    run.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from workbench.runs import Run
root = Path(sys.argv[1])
run = Run.create(root / "out", "curate", "seed: 1\\n", root=root)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_run_of_a_killed_process_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == -signal.SIGKILL
    run = create(tmp_path / "out", tmp_path)
    run.finish()
    messages = [event.message for event in read_events(tmp_path / "out" / "events.jsonl")]
    assert messages[0] == "started"
    assert messages[1].endswith("which wrote this run, has ended early")
    assert messages[2:] == ["started", "finished"]


def test_file_in_the_way_is_exit_7(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        error = refused(out, tmp_path)
        assert (error.code, error.message) == (Exit.OUTPUT, f"cannot write to {out}: a file is in the way")


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EACCES, "permission denied"), (errno.ENOSPC, "the disk is full"), (errno.EROFS, "read")]
)
def test_unwritable_directory_is_exit_7(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("workbench.runs.write_text", refuse)
    error = refused(tmp_path / "out", tmp_path)
    assert error.code == Exit.OUTPUT
    assert said in error.message and error.message.startswith("cannot write to ")
    assert not (tmp_path / "out" / "lock.json").exists()


def test_without_a_directory_the_recipe_names_it(tmp_path: Path) -> None:
    run = create(None, tmp_path)
    assert run.path.parent == tmp_path
    assert run.path.name.startswith("curate-")
    assert run.id == run.path.name
    run.finish()
    assert create(None, tmp_path).is_finished


def test_open_by_path_and_by_id(tmp_path: Path) -> None:
    create(tmp_path / "elsewhere" / "first", tmp_path / "root").finish()
    for name in ("first", tmp_path / "elsewhere" / "first"):
        run = Run.open(name, tmp_path / "root")
        assert (run.id, run.is_finished) == ("first", True)
        run.emit(Event("info", "x", "a run that is only read writes nothing"))
    with pytest.raises(UserError, match="no run 'frist'") as caught:
        Run.open("frist", tmp_path / "root")
    assert (caught.value.code, caught.value.hint) == (Exit.INPUT, "did you mean 'first'?")


def test_damaged_manifest_is_exit_4(tmp_path: Path) -> None:
    create(tmp_path / "out", tmp_path).finish()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    with pytest.raises(UserError) as caught:
        Run.open(tmp_path / "out", tmp_path)
    assert caught.value.code == Exit.INPUT


def test_parent_must_be_finished(tmp_path: Path) -> None:
    parent = create(tmp_path / "parent", tmp_path)
    error = refused(tmp_path / "child", tmp_path, parents=[parent])
    assert error.message == f"{tmp_path}/parent is not finished"
    parent.close()
