"""Bytes that each exchange of the duplicate search keeps for a page of the web, and what resolving takes in memory.

    python benchmarks/document_bytes.py

Pages: the texts of datatrove's stored verdicts (WINNOW_SHARED_DATA or `../shared/data`), written by the same writers as
in a run. Resolving is measured on made-up members of pairs, in a process of its own. Writes
benchmarks/results/document_bytes.json, from which `scale_table.py` reckons on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import zstandard

from curate.duplicates.config import Duplicates, Near
from curate.duplicates.repeats.lines import LineWriter
from curate.duplicates.repeats.passages import PassageWriter
from curate.duplicates.resolve import resolve
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter, hex_keys, read_keys
from curate.duplicates.types import BAND
from curate.segment import Segments

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "document_bytes.json"
BATCH = 256
MEMBERS = 1_000_000
RANGES = 500


def pages() -> list[dict[str, Any]]:
    """The pages: `text` and `url`."""
    data = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    path = data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"
    if not path.is_file():
        raise SystemExit(f"no pages at {path}: set WINNOW_SHARED_DATA")
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def batches(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[Segments, list[str]]]:
    """Segments and addresses, a batch at a time."""
    for begin in range(0, len(rows), BATCH):
        part = rows[begin : begin + BATCH]
        yield Segments([row["text"] for row in part]), [row["url"] for row in part]


def written(rows: Sequence[dict[str, Any]], place: Path) -> dict[str, dict[str, int]]:
    """Bytes of every kind of file, by exchange."""
    out = {}
    for banding in ("fineweb", "olmo3"):
        signer = Signer(Duplicates(text=True, url=True, near=Near(enabled=True, banding=banding)))
        with UnitWriter(place / banding, signer.bands) as units:
            for segments, urls in batches(rows):
                units.write(signer.sign(segments, urls))
        out[banding] = sizes(place / banding)
    repeats = Duplicates.model_validate({"paragraphs": {"enabled": True}, "substrings": {"enabled": True}})
    at = 0
    (place / "lines").mkdir()
    with (
        LineWriter(place / "lines", repeats.lines.max_chars) as lines,
        PassageWriter(place / "passages", repeats) as passages,
    ):
        for segments, urls in batches(rows):
            docs = segments.text.docs
            lines.write(segments.text, [urlsplit(url).hostname for url in urls], urls)
            passages.write(segments.text, np.arange(at, at + docs))
            at += docs
    out["lines"], out["passages"] = sizes(place / "lines"), sizes(place / "passages")
    return out


def sizes(directory: Path) -> dict[str, int]:
    """Bytes by kind of file: `prints-00000.npy` and its like are one kind."""
    found: dict[str, int] = {}
    for path in sorted(directory.iterdir()):
        kind = path.name.partition("-")[0]
        found[kind] = found.get(kind, 0) + path.stat().st_size
    return found


def resolving(members: int) -> dict[str, float]:
    """Memory and CPU time of resolving made-up members that come in pairs."""
    before, began = resident(), time.process_time()
    chance = np.random.default_rng(0)
    ids, names = (pl.Series(hex_keys(*chance.integers(0, 1 << 63, (2, members), np.uint64))) for _ in range(2))
    rank = pl.Series(chance.permutation(members))
    none = pl.Series([None] * members, dtype=pl.String)
    frame = pl.DataFrame({"id": ids, "text": none, "url": none, "set": names, "rank": rank})
    half = {"left": names.gather_every(2), "right": names.gather_every(2, 1)}
    pairs = pl.DataFrame(half).with_columns(jaccard=pl.lit(0.9), containment=pl.lit(0.95))
    removed = resolve(frame, pairs, 0.8, None, text=True, url=True, near=True).height
    assert removed == members // 2
    return {"members": members, "bytes": resident() - before, "cpu_s": time.process_time() - began}


def resident() -> int:
    """The most memory this process has had resident, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def reading(unit: Path) -> float:
    """CPU seconds to read a small range of keys of one space from one unit."""
    step = (1 << 64) // RANGES
    began = time.process_time()
    for number in range(RANGES):
        read_keys(unit, BAND + number % 14, number * step, (number + 1) * step)
    return (time.process_time() - began) / RANGES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolving", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resolving:
        resolving(1000)  # compiles or loads the kernels
        print(json.dumps(resolving(options.resolving)))
        return
    rows = pages()
    with tempfile.TemporaryDirectory() as place:
        files = written(rows, Path(place))
        range_s = reading(Path(place, "fineweb"))
    command = [sys.executable, __file__, "--resolving", str(MEMBERS)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    document = {
        "pages": len(rows),
        "chars": sum(len(row["text"]) for row in rows),
        "text_bytes": sum(len(row["text"].encode()) for row in rows),
        "bytes": files,
        "range_read_s": range_s,
        "resolving": json.loads(done.stdout),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
