"""What looking for benchmark items adds to a whole run with resiliparse, interleaved on one machine.

    python benchmarks/beside_run.py

Real data is found by WINNOW_SHARED_DATA or in `../shared/data`: all of `crawl/*.warc.gz` against all of `benchmarks/`.
CPU seconds of each whole process, starting up and reading the items included, so that shared cores decide little;
medians of the rounds. Writes benchmarks/results/beside_run.json and .md.
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
DATA = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
PLAIN = "without"
ITEMS, INDEX = f"decontaminate.items=[{DATA / 'benchmarks'}]", "--no-index"
VARIANTS = {PLAIN: [INDEX], "with all items": [INDEX, "--set", ITEMS]}


def spent(out: Path, arguments: list[str]) -> float:
    """CPU seconds of one run."""
    code = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"
    command = [sys.executable, "-c", code, "run", "--input", str(DATA / "crawl" / "*.warc.gz"), "--out", str(out)]
    command += ["--set", "extract.engine=resiliparse", "-j", "1", "--json", "--no-progress", "--force", *arguments]
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["WORKBENCH_ROOT"] = scratch
        for _ in range(rounds):
            for name, arguments in VARIANTS.items():
                seconds[name].append(spent(Path(scratch) / "run", arguments))
        manifest = json.loads((Path(scratch) / "run" / "manifest.json").read_text())
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    records = manifest["counts"]["records"]
    lines = [
        f"# Benchmark items in a run: {records:,} records of a crawl, resiliparse, one core, median of {rounds} rounds",
        "",
        "| run | CPU s | more |",
        "|---|---:|---:|",
        *(f"| {name} | {s:.1f} | {100 * (s / middle[PLAIN] - 1):.1f} % |" for name, s in middle.items()),
        "",
        "All rounds, CPU s: "
        + "; ".join(f"{name} {', '.join(f'{s:.1f}' for s in row)}" for name, row in seconds.items()),
    ]
    RESULTS.mkdir(exist_ok=True)
    document = {"records": records, "cpu_s": seconds}
    (RESULTS / "beside_run.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "beside_run.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
