"""A run that is killed again and again, and started again each time, ends with the very files of one left in peace."""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
import polars as pl
from workbench.executor import run_units
from workbench.runs import Run
from workbench.tables import ShardWriter, write_table, read_tables
from workbench.units import Unit, fingerprint

@contextmanager
def step(setup):
    def work(payload, out, progress):
        rows = pl.DataFrame({"n": range(payload["n"] * 100, payload["n"] * 100 + 100)})
        time.sleep(0.01)
        write_table(out / "t.parquet", rows)
        return {"records": len(rows)}
    yield work

def main(out, jobs):
    root = out.parent
    with Run.create(out, "curate", "a: 1\\n", root=root) as run:
        if run.is_finished:
            return
        units = [Unit(fingerprint(n=n), {"n": n}) for n in range(40)]
        done = run_units("killed_run:step", units, directory=out / "units", step="map", jobs=jobs, on_event=run.emit)
        with ShardWriter(out / "documents", pl.DataFrame({"n": [1]}).to_arrow().schema, 1500) as writer:
            for outcome in done:
                writer.append(read_tables(outcome.directory / "t.parquet").collect())
        run.finish(counts={"documents": sum(outcome.result["records"] for outcome in done)})

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
"""


def outputs(out: Path) -> dict[str, str]:
    files = [path for path in out.rglob("*") if path.is_file() and path.name not in ("manifest.json", "events.jsonl")]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("kills", "seed"), [(3, 1), *(pytest.param(25, seed, marks=pytest.mark.prove) for seed in range(2, 8))]
)
def test_kill_and_go_on(tmp_path: Path, kills: int, seed: int) -> None:
    code = tmp_path / "killed_run.py"
    code.write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    def start(out: str, jobs: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, str(code), str(tmp_path / out), str(jobs)], env=environment)

    assert start("peaceful", 1).wait(60) == 0
    moments = random.Random(seed)
    for _ in range(kills):
        process = start("killed", 2)
        time.sleep(moments.uniform(0.2, 1.2))
        process.kill()
        process.wait()
    assert start("killed", 2).wait(60) == 0
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "peaceful")
