"""The duplicate search over 100,000 and 1,000,000 documents: time, memory, disk, and what was found.

    python benchmarks/duplicates_scale.py [--documents 100000 1000000] [--jobs 2] [--memory-gb 2]

Texts as `scale_corpus.py` makes them (kept in .bench; making them is not timed). Default settings: text, address and
near duplicates (word 5-grams, 14 bands x 8 rows, verified at 0.8). Memory is sampled 20 times a second from /proc: the
resident memory of the largest process, and of all of them together. Writes benchmarks/results/duplicates_scale.json
and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scale_corpus import PLANTED, SHARD_ROWS, make, planted_from

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WORK = HERE.parent / ".bench"
UNIT_ROWS = 10_000
PAGE = os.sysconf("SC_PAGE_SIZE")
CHECKED = 20_000  # planted documents of which the true similarity is computed


def measure(documents: int, jobs: int, memory_bytes: int, out: Path) -> None:
    """Signs and searches; prints what it took as JSON. Runs in a process of its own."""
    from curate.duplicates.config import Duplicates, Near
    from curate.duplicates.exchange import find
    from curate.duplicates.types import SignedUnit
    from workbench.executor import run_units
    from workbench.units import Unit, fingerprint

    shards = make(WORK / f"scale-{documents}", documents)
    config = Duplicates(text=True, url=True, near=Near(enabled=True))
    payloads = [
        {"file": str(shards[begin // SHARD_ROWS]), "begin": begin % SHARD_ROWS, "text": "text", "url": "url"}
        | {"count": min(UNIT_ROWS, documents - begin)}
        for begin in range(0, documents, UNIT_ROWS)
    ]
    began = clocks()
    signed = run_units(
        "curate.duplicates.sign_texts:sign_step",
        [Unit(fingerprint(**payload), payload) for payload in payloads],
        directory=out / "signed",
        step="sign",
        jobs=jobs,
        setup={"duplicates": config.model_dump_json()},
    )
    assert not any(part.failed for part in signed), [part.error for part in signed if part.failed]
    between = clocks()
    import numpy as np

    units = [SignedUnit(part.directory, part.unit.payload["count"], np.empty(0, np.uint32)) for part in signed]
    steps: list[tuple[float, str]] = []
    found = find(
        units,
        14,
        config.near.threshold,
        None,
        directory=out / "found",
        memory_bytes=memory_bytes,
        jobs=jobs,
        on_event=lambda event: steps.append((time.monotonic(), event.step)),
    )
    ended = clocks()
    result = {
        "sign": {name: between[name] - began[name] for name in began},
        "exchange": {name: ended[name] - between[name] for name in began},
        "steps_s": step_seconds(steps),
        "signed_bytes": sum(path.stat().st_size for part in signed for path in part.directory.iterdir()),
        "scratch_bytes": sum(step.disk_bytes for step in found.exchanges),
        "exchanges": [{**step.forecast._asdict(), "measured_disk_bytes": step.disk_bytes} for step in found.exchanges],
        "counts": found.counts,
        "planted": planted(documents, [part.directory for part in signed], found.pairs),
    }
    print(json.dumps(result))


def clocks() -> dict[str, float]:
    """Wall and CPU seconds so far, those of ended workers included."""
    times = os.times()
    return {"wall_s": times.elapsed, "cpu_s": times.user + times.system + times.children_user + times.children_system}


def step_seconds(steps: list[tuple[float, str]]) -> dict[str, float]:
    """Seconds between the first and the last event of each step."""
    spans: dict[str, list[float]] = {}
    for when, step in steps:
        spans.setdefault(step, []).append(when)
    return {step: round(max(times) - min(times), 2) for step, times in spans.items() if step != "duplicates"}


def planted(documents: int, units: list[Path], pairs: Path) -> dict[str, Any]:
    """Of planted duplicates whose sets are at least 0.8 alike: how many were found, and how many the bands promise."""
    import numpy as np
    import polars as pl

    from curate.duplicates.store import hex_keys, read_keys, read_set
    from curate.duplicates.types import SET

    keys: dict[int, str] = {}
    for number, unit in enumerate(units):
        sets = read_keys(unit, SET)
        rows = (sets.row.astype(np.int64) + number * UNIT_ROWS).tolist()
        keys.update(zip(rows, hex_keys(sets.key, sets.low).to_pylist(), strict=True))
    table = pl.read_parquet(pairs, columns=["left", "right"])
    known = set(zip(table["left"], table["right"], strict=True))
    chosen = random.Random(1).sample(range(documents // PLANTED), min(CHECKED, documents // PLANTED))
    checked = found = 0
    promised = 0.0
    for i in (number * PLANTED + PLANTED - 1 for number in chosen):
        source = (planted_from(i, documents) or (0, 0.0))[0]
        if i not in keys or source not in keys:
            continue
        one, two = (read_set(units[doc // UNIT_ROWS], doc % UNIT_ROWS) for doc in (i, source))
        shared = len(np.intersect1d(one, two, assume_unique=True))
        similarity = shared / (len(one) + len(two) - shared)
        if similarity >= 0.8:
            checked += 1
            promised += 1 - (1 - similarity**8) ** 14
            found += keys[i] == keys[source] or tuple(sorted((keys[i], keys[source]))) in known
    return {"checked": checked, "found": found, "promised": promised}


def watched(command: list[str]) -> tuple[dict[str, Any], int, int]:
    """What a command printed, and the resident memory of its largest process and of all of them at their peak."""
    largest = together = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            sizes = list(resident(process.pid))
            largest, together = max(largest, *sizes, 0), max(together, sum(sizes))
            time.sleep(0.05)
        assert process.stdout is not None
        printed = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return json.loads(printed), largest, together


def resident(pid: int) -> list[int]:
    """Resident bytes of a process and of all it started."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return []
    return [pages * PAGE, *(size for child in children for size in resident(int(child)))]


def report(rows: dict[int, dict[str, Any]], jobs: int, memory_gb: float) -> str:
    """The table."""

    def minutes(row: dict[str, Any], name: str) -> str:
        return f"{row[name]['wall_s'] / 60:.1f} min ({row[name]['cpu_s'] / 60:.1f})"

    lines = [
        f"# The duplicate search at scale: {jobs} workers, {memory_gb:g} GB",
        "",
        "Generated from real sentences, 10 % planted near duplicates; wall minutes (CPU minutes of all processes).",
        "",
        f"| | {' | '.join(f'{n:,} documents' for n in rows)} |",
        f"|---|{'---:|' * len(rows)}",
    ]
    cells: dict[str, Any] = {
        "text": lambda row: f"{row['text_bytes'] / 1e9:.2f} GB",
        "signing": lambda row: minutes(row, "sign"),
        "exchange": lambda row: minutes(row, "exchange"),
        "both": lambda row: minutes(row, "both"),
        "resident memory, largest process": lambda row: f"{row['largest_bytes'] / 1e9:.2f} GB",
        "resident memory, all processes": lambda row: f"{row['together_bytes'] / 1e9:.2f} GB",
        "signed units on disk": lambda row: f"{row['signed_bytes'] / 1e9:.2f} GB",
        "scratch on disk": lambda row: f"{row['scratch_bytes'] / 1e9:.3f} GB",
        "distinct shingle sets": lambda row: f"{row['counts']['nodes']:,}",
        "candidate pairs": lambda row: f"{row['counts']['candidates']:,}",
        "verified pairs": lambda row: f"{row['counts']['pairs']:,}",
        "planted at 0.8 or more, found": lambda row: f"{row['planted']['found'] / row['planted']['checked']:.2%}",
        "promised by the bands": lambda row: f"{row['planted']['promised'] / row['planted']['checked']:.2%}",
    }
    lines += [f"| {name} | {' | '.join(cell(row) for row in rows.values())} |" for name, cell in cells.items()]
    if len(rows) > 1:
        small, large = (rows[n] for n in (min(rows), max(rows)))
        growth = {name: large[name]["wall_s"] / small[name]["wall_s"] for name in ("sign", "exchange", "both")}
        growth_cpu = {name: large[name]["cpu_s"] / small[name]["cpu_s"] for name in growth}
        lines += [
            "",
            f"Growth from {min(rows):,} to {max(rows):,} documents ({max(rows) / min(rows):g} times), wall (CPU):",
        ]
        lines.append(", ".join(f"{name} {growth[name]:.1f} ({growth_cpu[name]:.1f})" for name in growth) + ".")
    last = rows[max(rows)]
    steps = ", ".join(f"{step.removeprefix('duplicates.')} {spent:g}" for step, spent in last["steps_s"].items())
    lines += ["", f"Steps of the largest search, wall seconds: {steps}.", ""]
    lines += [
        "| exchange | partitions | memory foretold | disk foretold | disk measured |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {e['name']} | {e['partitions']} | {e['peak_memory_bytes'] / 1e9:.2f} GB | {e['disk_bytes'] / 1e6:.0f} MB "
        f"| {e['measured_disk_bytes'] / 1e6:.0f} MB |"
        for e in last["exchanges"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--memory-gb", type=float, default=2.0)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.documents[0], options.jobs, int(options.memory_gb * 1e9), options.measure)
        return
    rows = {}
    for documents in sorted(options.documents):
        shards = make(WORK / f"scale-{documents}", documents)
        out = WORK / "scale-out"
        shutil.rmtree(out, ignore_errors=True)
        arguments = ["--documents", str(documents), "--jobs", str(options.jobs), "--memory-gb", str(options.memory_gb)]
        row, largest, together = watched([sys.executable, __file__, *arguments, "--measure", str(out)])
        row |= {"largest_bytes": largest, "together_bytes": together, "text_bytes": text_bytes(shards)}
        row["both"] = {name: row["sign"][name] + row["exchange"][name] for name in row["sign"]}
        rows[documents] = row
        shutil.rmtree(out)
    RESULTS.mkdir(exist_ok=True)
    document = {"jobs": options.jobs, "memory_gb": options.memory_gb, "documents": rows}
    (RESULTS / "duplicates_scale.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    table = report(rows, options.jobs, options.memory_gb)
    (RESULTS / "duplicates_scale.md").write_text(table, encoding="utf-8")
    print(table)


def text_bytes(shards: list[Path]) -> int:
    """Bytes of UTF-8 text."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    return sum(pc.sum(pc.binary_length(pq.read_table(shard, columns=["text"])["text"])).as_py() for shard in shards)


if __name__ == "__main__":
    main()
