"""Deleting 1,000 documents from an index of 1,000,000, and proving that none is left.

    python benchmarks/index_delete.py [--documents 1000000] [--delete 1000] [--jobs 2]

Two runs of synthetic texts (50 to 110 words of a vocabulary of 20,000; kept in .bench, making them is not timed): a
tenth of the second run are copies or near copies of documents of the first. Of the documents to be deleted half have
copies, one of which takes their place. Every step is the command of a user in a process of its own. What is left is
looked for by `verify` and, beside it, by reading every file of the index here. Writes
benchmarks/results/index_delete.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WORK = HERE.parent / ".bench" / "index"
SHARD_ROWS = 100_000
COPIES = 0.1  # of the second run
VOCABULARY = 20_000
COMMAND = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"


def texts(count: int, seed: int, of: list[str] | None = None) -> Iterator[str]:
    """Synthetic texts; where `of` are given, a tenth are one of these, every second with one word changed."""
    random = np.random.default_rng(seed)
    words = [f"{a}{b}{c}" for a in "bdfgklmnprstv" for b in "aeiou" for c in range(400)][:VOCABULARY]
    copied = set(random.choice(count, int(COPIES * count), replace=False).tolist()) if of else set()
    for number in range(count):
        if number in copied and of:
            text = of[int(random.integers(len(of)))]
            if number % 2:
                head, _, rest = text.partition(" ")
                text = f"{rest} {head}"
            yield text
        else:
            yield " ".join([words[at] for at in random.integers(VOCABULARY, size=int(random.integers(50, 110)))])


def make_run(path: Path, lines: list[str]) -> None:
    """A finished run that kept these texts."""
    import xxhash

    from curate.pipeline.schemas import DECISIONS, DOCUMENTS, EDITS
    from workbench.runs import Run
    from workbench.tables import ShardWriter

    def frame(schema: dict[str, Any], **columns: Any) -> pl.DataFrame:
        height = len(columns["id"])
        return pl.DataFrame({name: columns.get(name, [None] * height) for name in schema}, schema)

    with Run.create(path, "curate.run", f"{path}\n", root=path.parent) as run:
        (run.path / "settings.json").write_text("{}")
        tables: dict[str, dict[str, Any]] = {
            "documents": DOCUMENTS,
            "dropped": DOCUMENTS,
            "decisions": DECISIONS,
            "measures": {"id": pl.String},
            "edits": EDITS,
        }
        writers = {
            name: ShardWriter(run.path / name, pl.DataFrame(schema=schema).to_arrow().schema, SHARD_ROWS)
            for name, schema in tables.items()
        }
        for begin in range(0, len(lines), SHARD_ROWS):
            part = lines[begin : begin + SHARD_ROWS]
            names = [f"{path.name}-{begin + at}" for at in range(len(part))]
            columns = {
                "id": [xxhash.xxh3_128_hexdigest(name.encode()) for name in names],
                "url": [f"https://{name}.example/page" for name in names],
                "host": [f"{name}.example" for name in names],
                "text": part,
                "chars": [len(text) for text in part],
                "state": ["kept"] * len(part),
            }
            for name in ("documents", "decisions", "measures"):
                writers[name].append(frame(tables[name], **columns))
        for writer in writers.values():
            writer.close()
        run.finish(counts={"documents": len(lines)})


def curate(*arguments: object) -> tuple[dict[str, Any], dict[str, float]]:
    """The envelope of a command, and what it took, its workers included; memory is that of its largest process."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, "-c", COMMAND, *map(str, arguments), "--json", "--quiet"]
        process = subprocess.Popen(command, stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{arguments} failed")
        out.seek(0)
        data = json.load(out)["data"]
    spent = {"wall_s": time.monotonic() - began, "cpu_s": used.ru_utime + used.ru_stime}
    return data, {**spent, "largest_rss_mb": used.ru_maxrss / 1024}


def chosen(index: Path, count: int) -> list[str]:
    """Ids to be deleted: half of documents that others were removed for, half of any."""
    table = pl.concat([pl.read_parquet(path) for path in sorted(index.glob("segments/*/documents.parquet"))])
    kept = table["kept_id"].drop_nulls().unique().sort().sample(count // 2, seed=1)
    rest = table.filter(~pl.col("id").is_in(kept.implode()))["id"].sort().sample(count - len(kept), seed=1)
    return [*kept, *rest]


def left(index: Path, ids: list[str]) -> int:
    """Entries of the ids in the tables of documents, and keys and sets of rows that no document has."""
    found = 0
    for segment in sorted((index / "segments").iterdir()):
        table = pl.read_parquet(segment / "documents.parquet")
        named = table.filter(pl.col("id").is_in(ids) | pl.col("kept_id").is_in(ids))
        keys = pl.read_parquet(segment / "keys.parquet", columns=["row"])
        sized = np.flatnonzero(np.diff(np.load(segment / "sets.npy")))
        rows = table["row"].to_numpy()
        found += named.height + int((~keys["row"].is_in(table["row"].implode())).sum())
        found += int((~np.isin(sized, rows)).sum())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--delete", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    half = options.documents // 2
    runs = [WORK / f"{name}-{options.documents}" for name in ("first", "second")]
    if not all((run / "manifest.json").exists() for run in runs):
        first = list(texts(half, 1))
        for run, lines in zip(runs, (first, list(texts(half, 2, first))), strict=True):
            shutil.rmtree(run, ignore_errors=True)
            make_run(run, lines)
        del first
    index = WORK / f"index-{options.documents}"
    shutil.rmtree(index, ignore_errors=True)
    spent: dict[str, dict[str, float]] = {}
    root = ("--root", WORK)
    for name, run in zip(("add the first half", "add the second half"), runs, strict=True):
        _, spent[name] = curate("index", "add", index, run, "-j", options.jobs, *root)
    status, _ = curate("index", "status", index)
    ids = chosen(index, options.delete)
    asked = WORK / "asked.txt"
    asked.write_text("".join(f"{one}\n" for one in ids))
    deletion, spent[f"delete {options.delete:,} of them"] = curate("index", "delete", index, "--from", asked, *root)
    checks, spent["verify"] = curate("index", "verify", index)
    assert all(check["ok"] for check in checks["checks"])
    document = {
        "documents": status["documents"],
        "duplicates": status["documents"] - status["survivors"],
        "bytes": status["bytes"],
        "segments": status["segments"],
        "jobs": options.jobs,
        "cores": len(os.sched_getaffinity(0)),
        "deletion": deletion["counts"],
        "left": left(index, ids),
        "checks": checks["checks"],
        "spent": spent,
    }
    rows = [
        f"| {name} | {one['wall_s']:.1f} | {one['cpu_s']:.1f} | {one['largest_rss_mb']:,.0f} |"
        for name, one in spent.items()
    ]
    counts = document["deletion"]
    lines = [
        f"An index of {document['documents']:,} documents ({document['duplicates']:,} of them duplicates), "
        f"{document['bytes'] / 1e9:.2f} GB in {document['segments']} segments; {options.jobs} workers for `add`, "
        f"one process for the rest, {document['cores']} cores.",
        "",
        "| step | wall s | CPU s | largest process MB |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        f"{counts['documents']:,} documents were deleted, {counts['promoted']:,} copies took their place, "
        f"{counts['moved']:,} were moved to another; {counts['texts_left']:,} texts still lie in "
        f"{counts['files']} files of the two runs, named in the proof. Left in the index: {document['left']}; "
        f"`verify` passed all {len(checks['checks'])} checks.",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "index_delete.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "index_delete.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
