"""The whole run against datatrove's FineWeb pipeline and against trafilatura's own time, interleaved on one machine.

    python benchmarks/pipeline.py --warc 'crawl/crawl-0000[0-2].warc.gz' --peer .bench/datatrove/bin/python

CPU seconds of each whole process with its children, so that shared cores do not decide; medians over the rounds.
Writes benchmarks/results/pipeline.json and pipeline.md, or others of another name.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ENGINES = ("resiliparse", "winnow", "trafilatura")


def cpu_seconds(command: list[str]) -> tuple[float, str]:
    """CPU seconds of a process and everything it started, and its standard output."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode not in (0, 3):
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, done.stdout


def winnow(engine: str, warc: Path, limit: int, out: Path, profile: str) -> tuple[float, int]:
    """CPU seconds of a run, and the records it read."""
    curate = Path(sys.executable).parent / "curate"
    command = [str(curate), "run", "--input", str(warc), "--limit", str(limit), "--out", str(out), "--profile", profile]
    spent, said = cpu_seconds([*command, "--set", f"extract.engine={engine}", "-j", "1", "--json", "--no-progress"])
    return spent, json.loads(said)["data"]["records"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warc", type=Path, required=True, help="a WARC file, or a glob of some in one folder")
    parser.add_argument("--peer", type=Path, help="a Python that has datatrove 0.10.1 with its processing extra")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="one of ours (default: all); repeatable")
    parser.add_argument("--profile", default="winnow")
    parser.add_argument("--name", default="pipeline", help="what the results are called")
    options = parser.parse_args()
    engines = options.engine or ENGINES
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        # One uncounted run each fills the file cache and compiles the kernels.
        for engine in engines:
            winnow(engine, options.warc, 1, Path(scratch) / f"warm-{engine}", options.profile)
        for turn in range(options.rounds):
            for engine in engines:
                out = Path(scratch) / f"{engine}-{turn}"
                spent, records = winnow(engine, options.warc, options.limit, out, options.profile)
                rows.setdefault(f"winnow, {engine}", []).append(spent)
            if "trafilatura" in engines:
                own = [str(HERE / "peers" / "trafilatura_only.py"), str(options.warc), str(options.limit)]
                spent = json.loads(cpu_seconds([sys.executable, *own])[1])["cpu_s"]
                rows.setdefault("trafilatura alone", []).append(spent)
            if options.peer:
                peer = [str(options.peer), str(HERE / "peers" / "datatrove_fineweb.py"), str(options.warc)]
                spent, _ = cpu_seconds([*peer, str(options.limit), f"{scratch}/peer-{turn}"])
                rows.setdefault("datatrove FineWeb pipeline", []).append(spent)
    report(rows, records, options.name)


def report(rows: dict[str, list[float]], records: int, name: str) -> None:
    """Writes medians, rates and ratios."""
    median = {name: statistics.median(values) for name, values in rows.items()}
    rounds = len(next(iter(rows.values())))
    result = {"records": records, "rounds": rows, "median_s": median, "ratios": {}}
    if "datatrove FineWeb pipeline" in median:
        for engine in ("resiliparse", "winnow"):
            if f"winnow, {engine}" in median:
                ratio = median["datatrove FineWeb pipeline"] / median[f"winnow, {engine}"]
                result["ratios"][f"datatrove / winnow with {engine}"] = ratio
    if "trafilatura alone" in median:
        above = median["winnow, trafilatura"] / median["trafilatura alone"]
        result["ratios"]["winnow with trafilatura / trafilatura alone"] = above
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    lines = [
        "# The whole run from WARC, one core",
        "",
        f"{records} records, median of {rounds} interleaved rounds, CPU seconds of each process",
        "with its children, starting up included.",
        "",
        "| program | CPU s | ms a record | records/s/core |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {s:.2f} | {1000 * s / records:.2f} | {records / s:.0f} |" for name, s in median.items()),
        "",
        *(f"- {name}: **{ratio:.2f}**" for name, ratio in result["ratios"].items()),
        "",
    ]
    (RESULTS / f"{name}.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
