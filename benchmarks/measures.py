"""Segmentation plus all families of measures, one core, and the same pages through datatrove's four rule families.

    python benchmarks/measures.py --peer .bench/datatrove/bin/python

Both work through the same pages turn by turn, in CPU seconds of the process, so that other load on the machine meets
both alike. The peer runs Gopher repetition, Gopher quality, C4 quality (terminal punctuation off) and FineWeb
quality on the original text of every page, without early exit between the families, as its stored verdicts were made;
its tokens are cached from filter to filter as they are in its pipeline. Start-up and compilation are not counted.
Writes benchmarks/results/measures.json and measures.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
CHUNK = 64
BATCH = 256


def pages(path: Path, count: int) -> list[dict[str, str]]:
    """A fixed random sample of the pages of a JSONL(.zst) file with `text` and `url`."""
    import zstandard

    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    chosen = random.Random(20261121).sample(range(len(rows)), min(count, len(rows)))
    return [{"text": rows[i]["text"], "url": rows[i].get("url") or ""} for i in sorted(chosen)]


def ours(sample: list[dict[str, str]]) -> dict[str, float]:
    """CPU seconds by part for one batch."""
    from curate.measures import Batch, Measurer
    from curate.segment import Segments

    measurer = ours.__dict__.setdefault("measurer", Measurer())
    begin = time.process_time()
    texts = [page["text"] for page in sample]
    segments = Segments(texts)
    for view in ("lines", "splitlines", "words_space", "words_spacy", "words_uax29", "sentences"):
        getattr(segments, view)
    segments.lower_ids("words_uax29")
    segmented = time.process_time()
    nothing = [None] * len(texts)
    batch = Batch(segments, texts, [page["url"] for page in sample], nothing, ["en"] * len(texts))
    measurer.measure(batch)
    end = time.process_time()
    return {"segmentation": segmented - begin, "measures": end - segmented}


class Peer:
    """datatrove in its own interpreter, asked chunk by chunk."""

    def __init__(self, python: Path, sample: list[dict[str, str]]) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        command = [str(python), str(Path(__file__).resolve()), "--worker"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.ask([page["text"] for page in sample])

    def ask(self, message: Any) -> Any:
        """One line of JSON there, one back."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the peer ended with {self.process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """Ends the peer."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def worker() -> None:
    """The peer's side: texts first, then ranges of them, each answered with the CPU seconds by family."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    families = {
        "gopher_repetition": GopherRepetitionFilter(),
        "gopher_quality": GopherQualityFilter(),
        "c4_quality": C4QualityFilter(filter_no_terminal_punct=False),
        "fineweb_quality": FineWebQualityFilter(),
    }
    out = sys.stdout
    sys.stdout = sys.stderr
    texts = json.loads(sys.stdin.readline())
    for family in families.values():
        family.filter(Document(text="One sentence to load the tokenizer. Another one.", id="0"))
    print(json.dumps("ready"), file=out, flush=True)
    for line in sys.stdin:
        begin, end = json.loads(line)
        spent = dict.fromkeys(families, 0.0)
        for text in texts[begin:end]:
            for name, family in families.items():
                before = time.process_time()
                family.filter(Document(text=text, id="0"))
                spent[name] += time.process_time() - before
        print(json.dumps(spent), file=out, flush=True)


def spans(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of `size` up to `total`."""
    return ((begin, min(total, begin + size)) for begin in range(0, total, size))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--pages", type=Path, default=data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst")
    parser.add_argument("--peer", type=Path, help="a Python that has datatrove 0.10.1 with its processing extra")
    parser.add_argument("--docs", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7, help="passes of ours for each pass of the peer")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker()
    sys.path.insert(0, str(ROOT))
    sample = pages(options.pages, options.docs)
    ours(sample[:BATCH])  # compiles, loads tables and lists
    peer = Peer(options.peer, sample) if options.peer else None
    passes: list[dict[str, float]] = [{} for _ in range(options.rounds)]
    theirs: dict[str, float] = {}
    for begin, end in spans(len(sample), BATCH):
        chunks = list(spans(end - begin, CHUNK))
        for turn in range(max(options.rounds, len(chunks))):
            if turn < options.rounds:
                add(passes[turn], ours(sample[begin:end]))
            if peer and turn < len(chunks):
                add(theirs, peer.ask([begin + chunks[turn][0], begin + chunks[turn][1]]))
    if peer:
        peer.close()
    report(sample, passes, theirs)
    return None


def add(total: dict[str, float], part: dict[str, float]) -> None:
    """total += part, name by name."""
    for name, seconds in part.items():
        total[name] = total.get(name, 0.0) + seconds


def report(sample: list[dict[str, str]], passes: list[dict[str, float]], theirs: dict[str, float]) -> None:
    """Prints the table and writes it with the raw numbers."""
    docs = len(sample)
    chars = sum(len(page["text"]) for page in sample)
    median = {name: statistics.median(turn[name] for turn in passes) for name in passes[0]}
    total = statistics.median(sum(turn.values()) for turn in passes)
    result: dict[str, Any] = {"docs": docs, "chars": chars, "passes_s": passes, "peer_s": theirs}
    rows = [(f"winnow, {name}", seconds) for name, seconds in median.items()] + [("winnow, all", total)]
    if theirs:
        whole = sum(theirs.values())
        rows += [(f"datatrove 0.10.1, {name}", seconds) for name, seconds in theirs.items()]
        rows += [("datatrove 0.10.1, the four families", whole)]
        result["ratio"] = whole / total
    lines = [
        "# Segmentation and all measures, one core",
        "",
        f"{docs} pages, {chars / docs:,.0f} characters each on average; CPU seconds, our median of {len(passes)}",
        "passes interleaved with one pass of the peer.",
        "",
        "| program | CPU s | ms a page | pages/s/core | MB of characters/s |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {name} | {s:.3f} | {1000 * s / docs:.3f} | {docs / s:,.0f} | {chars / s / 1e6:.2f} |"
            for name, s in rows
        ),
        "",
        *([f"datatrove / winnow: **{result['ratio']:.1f}**", ""] if theirs else []),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "measures.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "measures.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
