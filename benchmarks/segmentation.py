"""Nanoseconds per code point of every view of `curate.segment`, on one core.

    python benchmarks/segmentation.py [--cold]

Texts: those of datatrove's stored verdicts on real pages where the data folder is found (WINNOW_SHARED_DATA or
`../shared/data`), else the help topics of the running Python. CPU seconds of the process, best of the rounds, batches
of 256 texts, each view from a fresh `Segments` whose underlying views stand already. `--cold` also measures, in a
process with an empty cache, how long the kernels take to compile. Writes benchmarks/results/segmentation.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BATCH = 256
ROUNDS = 5
# The views that the default profile and the parity profiles read; their sum is what segmentation costs.
COUNTED = ("decode", "lines", "paragraphs", "words_spacy", "words_uax29", "sentences")
NEEDS = {"sentences_spacy": ("words_spacy",), "lower_ids words_uax29": ("words_uax29",)}
COLD = """
import time; from curate.segment import Segments; begin = time.process_time(); view = Segments(["A b. C\\n\\nd's (e)."])
for name in ("lines", "lines_nonempty_runs", "paragraphs", "splitlines", "words_space", "words_spacy", "words_uax29",
    "sentences", "sentences_spacy"): getattr(view, name)
view.lower_ids("words_space"); view.sentence_counts_spacy(view.lines); print(time.process_time() - begin)
"""


def texts() -> tuple[str, list[str]]:
    """What is measured, and its name."""
    data = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    path = data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"
    if path.is_file():
        import zstandard

        with zstandard.open(path, "rt", encoding="utf-8") as lines:
            return "texts of real pages", [json.loads(line)["text"] for line in lines]
    from pydoc_data.topics import topics

    return "help topics of Python", list(topics.values())


def measure(batches: list[list[str]]) -> dict[str, float]:
    """CPU seconds of each view over all batches, best of the rounds."""
    from curate.segment import Segments

    views = ("lines", "lines_nonempty_runs", "paragraphs", "splitlines", "words_space", "words_spacy", "words_uax29")
    names = ("decode", *views, "sentences", "sentences_spacy", "lower_ids words_uax29")
    best = dict.fromkeys(names, float("inf"))
    for turn in range(ROUNDS + 1):
        spent = dict.fromkeys(names, 0.0)
        for batch in batches:
            for name in names:
                begin = time.process_time()
                view = Segments(batch)
                decoded = time.process_time()
                if name == "decode":
                    spent[name] += decoded - begin
                    continue
                for needed in NEEDS.get(name, ()):
                    getattr(view, needed)
                method, _, argument = name.partition(" ")
                begin = time.process_time()
                found = getattr(view, method)
                if argument:
                    found(argument)
                spent[name] += time.process_time() - begin
        if turn:  # the first round compiles or loads the kernels
            best = {name: min(best[name], spent[name]) for name in names}
    return best


def cold() -> float:
    """CPU seconds to compile all kernels."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", COLD]
        done = subprocess.run(
            command, env={**os.environ, "NUMBA_CACHE_DIR": cache}, cwd=HERE.parent, capture_output=True, check=True
        )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="measure the compilation too (a minute)")
    options = parser.parse_args()
    name, sample = texts()
    batches = [sample[i : i + BATCH] for i in range(0, len(sample), BATCH)]
    chars = sum(map(len, sample))
    spent = measure(batches)
    ns = {view: seconds / chars * 1e9 for view, seconds in spent.items()}
    total = sum(ns[view] for view in COUNTED)
    document = {"texts": name, "documents": len(sample), "chars": chars, "ns_per_char": ns, "total_ns_per_char": total}
    rows = [f"| {view} | {value:.2f} | {1e3 / value:.0f} |" for view, value in ns.items()]
    lines = [
        f"{len(sample):,} {name}, {chars / len(sample):,.0f} code points each on average; one core.",
        "",
        "| view | ns per code point | million code points per second |",
        "|---|---:|---:|",
        *rows,
        f"| **{' + '.join(COUNTED)}** | **{total:.2f}** | **{1e3 / total:.0f}** |",
    ]
    if options.cold:
        document["compile_s"] = cold()
        lines += ["", f"Compiling all kernels once per machine: {document['compile_s']:.0f} s of one core."]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "segmentation.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "segmentation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
