"""Killing a run again and again, and feeding it files larger than memory allows."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.prove
Record = Callable[[str, str], None]
ROUNDS = 20
BIG_BYTES = 1 << 30
MEMORY_LIMIT_MB = 1000


def curate(*arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).parent / "curate"), *map(str, arguments), "--no-progress"]


def outputs(run: Path) -> dict[str, str]:
    manifest = json.loads((run / "manifest.json").read_text())
    return {file["path"]: file["sha256"] for file in manifest["outputs"]}


def test_kill_9_at_random_moments_of_real_data(shared_data: Path, tmp_path: Path, record: Record) -> None:
    """One crawl file in small units: killed ROUNDS times at random moments, then left to finish."""
    arguments = ["run", "--input", shared_data / "crawl" / "crawl-shared-00001.warc.gz", "--set", "read.unit_mb=0.5"]
    arguments += ["--set", "extract.engine=resiliparse"]
    began = time.monotonic()
    subprocess.run(curate(*arguments, "--out", tmp_path / "whole", "-j", "1"), check=True, stdout=subprocess.DEVNULL)
    whole_s = time.monotonic() - began
    chance = random.Random(0)
    kills = 0
    for _ in range(ROUNDS):
        process = subprocess.Popen(curate(*arguments, "--out", tmp_path / "run", "-j", "2"), stdout=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.3, max(3.0, whole_s / 4)))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    subprocess.run(curate(*arguments, "--out", tmp_path / "run", "-j", "2"), check=True, stdout=subprocess.DEVNULL)
    assert outputs(tmp_path / "run") == outputs(tmp_path / "whole")
    found = f"{kills} times kill -9 within one run of two workers; every file is byte-identical to that of one worker"
    record("kill and resume", found)


def resident_mb(root: int) -> dict[str, float]:
    """Resident memory of a process and all below it, by pid and name."""
    children: dict[int, list[int]] = {}
    sizes: dict[int, tuple[str, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)
                parent = int(fields[1].split()[1])
                pages = int((entry / "statm").read_text().split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
            sizes[int(entry.name)] = (fields[0].split("(", 1)[1], pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    found, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        if pid in sizes:
            found[f"{pid} {sizes[pid][0]}"] = sizes[pid][1]
        waiting += children.get(pid, [])
    return found


@pytest.mark.parametrize("layout", ["members", "one member"])
def test_memory_does_not_grow_with_the_file(shared_data: Path, tmp_path: Path, record: Record, layout: str) -> None:
    """A gigabyte of pages in one file: per-record gzip (many units), and one gzip member (one unit)."""
    big = tmp_path / "big.warc.gz"
    source = (shared_data / "crawl" / "crawl-shared-00000.warc.gz").read_bytes()
    plain = gzip.decompress(source)
    size = 0
    pieces = source if layout == "members" else plain
    with big.open("wb") if layout == "members" else gzip.open(big, "wb", compresslevel=1) as target:
        while size < BIG_BYTES:
            target.write(pieces)
            size += len(plain)
    arguments = ["run", "--input", big, "--out", tmp_path / "run", "-j", "2", "--set", "extract.engine=resiliparse"]
    process = subprocess.Popen(curate(*arguments), stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max([peak, *resident_mb(process.pid).values()])
        time.sleep(0.25)
    assert process.returncode == 0
    counts = json.loads((tmp_path / "run" / "manifest.json").read_text())["counts"]
    assert peak < MEMORY_LIMIT_MB
    record(
        f"memory, {layout}",
        f"{size / 1e9:.1f} GB of pages in one file, {counts['records']} records: "
        f"the largest of all processes had {peak:.0f} MB resident (limit {MEMORY_LIMIT_MB})",
    )
