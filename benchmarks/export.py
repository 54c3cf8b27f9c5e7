"""Export and cards: speed, memory, and whether any cluster straddles two splits.

    python benchmarks/export.py [--documents 200000]

Writes benchmarks/results/export.json and export.md. Nothing is downloaded, no data is needed: the documents are drawn
words, a fifth of them tied into clusters of two to six. The row of the tokenizer needs the library `tokenizers`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xxhash

from curate.duplicates.resolve import DUPLICATES
from curate.pipeline.schemas import DOCUMENTS, FINGERPRINTS, PAIRS
from curate.recipe import load
from workbench.processes import cores
from workbench.runs import Run
from workbench.tables import ShardWriter

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
CODE = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"
SPLITS = ["--splits", "train=0.98,validation=0.01,test=0.01"]
_CHUNK = 20_000


def make_run(path: Path, count: int) -> None:
    """A finished run of `count` documents of about 3,000 characters."""
    random = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = np.array(["".join(random.choice(letters[:18], size)) for size in random.integers(2, 11, 30_000)])
    ids = [xxhash.xxh3_128_hexdigest(str(number).encode()) for number in range(count)]
    with Run.create(path, "curate.run", f"{count}\n", root=path.parent / "workspace") as run:
        schema = pl.DataFrame(schema=DOCUMENTS).to_arrow().schema
        with ShardWriter(run.path / "documents", schema) as writer:
            for begin in range(0, count, _CHUNK):
                here = range(begin, min(begin + _CHUNK, count))
                sizes = random.geometric(1 / 460, len(here))
                texts = [" ".join(words[np.minimum(random.zipf(1.25, size), 30_000) - 1]) for size in sizes]
                host = [f"host{number % 5000}.example" for number in here]
                columns = {
                    "id": ids[begin : here.stop],
                    "url": [f"https://{one}/{number}" for one, number in zip(host, here, strict=True)],
                    "host": host,
                    "lang": "en",
                    "text": texts,
                    "chars": [len(text) for text in texts],
                    "tokens": [len(text) // 4 for text in texts],
                    "file": f"crawl-{begin}.warc.gz",
                    "row": list(here),
                }
                frame = pl.DataFrame(columns).with_columns(
                    pl.lit(None, kind).alias(name) for name, kind in DOCUMENTS.items() if name not in columns
                )
                writer.append(frame.select(pl.col(name).cast(kind) for name, kind in DOCUMENTS.items()))
        for name, frame in ties(ids, random).items():
            with ShardWriter(run.path / name, frame.to_arrow().schema) as writer:
                writer.append(frame)
        (run.path / "settings.json").write_text(load(None, {}, [], Path()).settings.model_dump_json())
        run.finish(counts={"documents": count})


def ties(ids: list[str], random: np.random.Generator) -> dict[str, pl.DataFrame]:
    """The first fifth of the documents in clusters: chains of pairs between sets of their own."""
    prints, pairs, at = [], [], 0
    while at < len(ids) // 5:
        size = int(random.integers(2, 7))
        chain = [f"{number:032x}" for number in range(at, at + size)]
        prints += list(zip(ids[at : at + size], chain, strict=True))
        pairs += list(pairwise(chain))
        at += size
    shared = pl.DataFrame(prints, ["id", "set"], orient="row")
    edges = pl.DataFrame(pairs, ["left", "right"], orient="row")

    def full(frame: pl.DataFrame, schema: dict[str, Any]) -> pl.DataFrame:
        missing = (pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns)
        return frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())

    empty = pl.DataFrame(schema=DUPLICATES)
    return {"fingerprints": full(shared, FINGERPRINTS), "pairs": full(edges, PAIRS), "duplicates": empty}


def curate(*arguments: str | Path) -> tuple[float, float]:
    """Seconds that a command takes, and the peak memory of its own process in MB."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", CODE, *map(str, arguments), "-q"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, arguments
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def straddling(run: Path, out: Path) -> int:
    """Pairs of the run whose two documents stand in different splits."""
    shared = pl.read_parquet(run / "fingerprints/*.parquet").select("id", "set")
    parts = [
        pl.read_parquet(path, columns=["id"]).with_columns(split=pl.lit(path.name.split("-")[0]))
        for path in (out / "data").iterdir()
    ]
    split = pl.concat(parts).join(shared, on="id").select("set", "split")
    pairs = pl.read_parquet(run / "pairs/*.parquet").select("left", "right")
    both = pairs.join(split, left_on="left", right_on="set").join(split, left_on="right", right_on="set", suffix="_2")
    assert both.height == pairs.height
    return both.filter(pl.col("split") != pl.col("split_2")).height


def killed(run: Path, out: Path, whole: Path, seconds: float, root: Path) -> bool:
    """Whether an export that is killed twice and begun again gives the bytes of one that was not."""
    line = [sys.executable, "-c", CODE, "export", str(run), "--to", str(out), "--root", str(root), *SPLITS, "-q"]
    line += ["--shard-chars", "30000000"]
    for share in (0.4, 0.7):
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds * share)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return (out / "SHA256SUMS").read_bytes() == (whole / "SHA256SUMS").read_bytes()


def tokenizer(run: Path, path: Path) -> Path:
    """A byte-level BPE of 8,000 tokens, trained on some of the documents."""
    from tokenizers import ByteLevelBPETokenizer

    texts = pl.read_parquet(run / "documents/part-00000.parquet", columns=["text"], n_rows=3000)["text"]
    one = ByteLevelBPETokenizer()
    one.train_from_iterator(texts.to_list(), vocab_size=8000, show_progress=False)
    one.save(str(path))
    return path


def measure(folder: Path, count: int) -> dict[str, Any]:
    run, root = folder / "run", folder / "root"
    make_run(run, count)
    chars = int(pl.scan_parquet(run / "documents/*.parquet").select(pl.col("chars").sum()).collect().item())
    jobs = cores()
    cases: dict[str, list[Any]] = {
        "parquet, 1 worker": ["--format", "parquet", "-j", "1"],
        f"parquet, {jobs} workers": ["--format", "parquet", "-j", str(jobs)],
        "jsonl.zst, 1 worker": ["--format", "jsonl.zst", "-j", "1"],
        "datasets, with the card": ["--format", "datasets", "-j", "1"],
    }
    if find_spec("tokenizers"):
        counter = tokenizer(run, folder / "tokenizer.json")
        cases["parquet, tokens counted"] = ["--format", "parquet", "-j", "1", "--tokenizer", counter]
    rows = []
    for name, options in cases.items():
        out = folder / f"out{len(rows)}"
        options += [*SPLITS, "--shard-chars", "30000000", "--root", root]
        seconds, memory = curate("export", run, "--to", out, *options)
        files = list((out / "data").iterdir())
        row = {"case": name, "seconds": seconds, "memory_mb": memory, "files": len(files)}
        rows.append({**row, "mb": sum(path.stat().st_size for path in files) / 1e6})
    seconds, memory = curate("card", run, "--to", folder / "card", "--root", root)
    rows.append({"case": "card alone", "seconds": seconds, "memory_mb": memory, "files": 2, "mb": None})
    same = (folder / "out0/SHA256SUMS").read_bytes() == (folder / "out1/SHA256SUMS").read_bytes()
    return {
        "documents": count,
        "chars": chars,
        "rows": rows,
        "same_bytes_for_any_workers": same,
        "same_bytes_after_kill_9": killed(run, folder / "killed", folder / "out0", rows[0]["seconds"], root),
        "pairs": int(pl.scan_parquet(run / "pairs/*.parquet").select(pl.len()).collect().item()),
        "pairs_that_straddle": straddling(run, folder / "out0"),
    }


def table(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Export",
        "",
        "<!-- written by python benchmarks/export.py; do not edit -->",
        "",
        f"{found['documents']:,} documents, {found['chars'] / 1e6:,.0f} million characters, three splits.",
        "",
        "| case | s | documents/s | MB of text/s | peak memory MB | files | MB written |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        rate, text = found["documents"] / row["seconds"], found["chars"] / 1e6 / row["seconds"]
        size = "-" if row["mb"] is None else f"{row['mb']:,.0f}"
        lines.append(
            f"| {row['case']} | {row['seconds']:.1f} | {rate:,.0f} | {text:,.0f} | {row['memory_mb']:,.0f} | "
            f"{row['files']} | {size} |"
        )
    answers = {True: "yes", False: "NO"}
    lines += [
        "",
        f"- pairs of near-duplicates that straddle two splits: {found['pairs_that_straddle']} of {found['pairs']:,}",
        f"- the same bytes for one worker and many: {answers[found['same_bytes_for_any_workers']]}",
        f"- the same bytes after two times `kill -9`: {answers[found['same_bytes_after_kill_9']]}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000)
    count = parser.parse_args().documents
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        found = measure(Path(folder), count)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "export.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "export.md").write_text(table(found))
    print(table(found))


if __name__ == "__main__":
    main()
