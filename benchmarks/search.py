"""The text index: how fast it is made, how large it is, how fast it answers; and words of scripts without blanks.

    python benchmarks/search.py [--documents 1000000] [--chars 2000] [--folder DIR]

Texts: datatrove's stored verdicts on real pages (WINNOW_SHARED_DATA or `../shared/data`). The large run is made of
them: each document is a page of which every second line was drawn from another one, cut at `--chars`, with a title that
holds a word of its own; one in five was dropped. Both runs are indexed whole, by `curate index-text --all` in a process
of its own. Queries are asked once before they are timed, so the file is in the system's memory as far as it fits.
Writes benchmarks/results/search.json and .md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import regex
import xxhash
import zstandard

from curate.pipeline.schemas import DECISIONS, DOCUMENTS
from curate.search.query import Filters, search
from curate.search.words import TOKENIZER, prepare
from workbench.runs import Run
from workbench.tables import ShardWriter

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CHUNK = 10_000
DROPPED_OF = 5
# Scripts that write no blanks, or fasten particles to words, by Unicode's names.
UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
QUESTION = "how many people live in the city and what is the weather like in winter"
QUERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "one word (large: of one document)": ("{own}", {}),
    "two words": ("water energy", {}),
    "a phrase": ('"in the world"', {}),
    "the commonest word": ("the", {}),
    "the commonest word, kept, by host": ("the", {"filters": Filters(state="kept", host="{host}")}),
    "any of 12 words": (QUESTION, {"any_word": True}),
    "two signs": ("中国", {}),
    "no words, by language": ("", {"filters": Filters(lang="de")}),
}


def pages(data: Path) -> list[dict[str, Any]]:
    packed = (data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst").read_bytes()
    lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8")
    return [json.loads(line) for line in lines]


def language(text: str) -> str:
    """By script and one common word: the filter only needs groups."""
    if len(UNSPACED.findall(text[:500])) > 50:
        return "zh"
    return "de" if " und " in text else "en" if " the " in text else "und"


def own_word(number: int) -> str:
    return "w" + xxhash.xxh3_64_hexdigest(str(number).encode())


def documents(found: list[dict[str, Any]], count: int, chars: int) -> Iterator[pl.DataFrame]:
    """The large run's documents, some at a time."""
    random = np.random.default_rng(0)
    lines = [[line for line in page["text"].split("\n") if line] or [""] for page in found]
    scripts: dict[bool, list[str]] = {True: [], False: []}
    unspaced = [bool(UNSPACED.search(page["text"][:500])) for page in found]
    for is_unspaced, own in zip(unspaced, lines, strict=True):
        scripts[is_unspaced] += own
    for begin in range(0, count, CHUNK):
        rows = []
        for number in range(begin, min(count, begin + CHUNK)):
            chosen = int(random.integers(len(found)))
            pool = scripts[unspaced[chosen]]
            drawn = random.integers(len(pool), size=len(lines[chosen]))
            text, at = [], 0
            for place, line in enumerate(lines[chosen]):
                text.append(pool[drawn[place]] if place % 2 else line)
                at += len(text[-1]) + 1
                if at > chars:
                    break
            rows.append(row(f"{number}", "\n".join(text)[:chars], f"{lines[chosen][0][:40]} {own_word(number)}"))
        yield pl.DataFrame(rows, DOCUMENTS, orient="row")


def row(name: str, text: str, title: str | None) -> dict[str, Any]:
    key = xxhash.xxh3_128_hexdigest(name.encode())
    host = f"host{int(key[:4], 16) % 1000}.example"
    facts = {"id": key, "url": f"https://{host}/{name}", "host": host, "lang": language(text), "title": title}
    return {**dict.fromkeys(DOCUMENTS), **facts, "text": text, "chars": len(text), "file": "made", "row": 0}


def make_run(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    """Writes a finished run; returns the bytes of its texts."""
    size = 0
    with Run.create(path, "curate.run", f"{path.name}\n", root=path.parent / "workspace") as run:
        schemas = {"documents": DOCUMENTS, "dropped": DOCUMENTS, "decisions": DECISIONS}
        writers = {
            name: ShardWriter(run.path / name, pl.DataFrame(schema=schema).to_arrow().schema)
            for name, schema in schemas.items()
        }
        for frame in frames:
            size += int(frame["text"].str.len_bytes().sum())
            dropped = pl.arange(frame.height, eager=True) % DROPPED_OF == 0
            writers["documents"].append(frame.filter(~dropped))
            writers["dropped"].append(frame.filter(dropped))
            decided = pl.concat([frame, pl.DataFrame(schema=DECISIONS)], how="diagonal").select(*DECISIONS)
            decided = decided.with_columns(
                state=pl.when(dropped).then(pl.lit("dropped")).otherwise(pl.lit("kept")),
                rule=pl.when(dropped).then(pl.lit("gopher.made")),
            )
            writers["decisions"].append(decided)
        for writer in writers.values():
            writer.close()
        (run.path / "settings.json").write_text("{}")
        run.finish()
    return size


def made(name: str, folder: Path, frames: Callable[[], Iterator[pl.DataFrame]]) -> dict[str, Any]:
    """A run, its index, and what both took."""
    path = folder / name
    text_bytes = make_run(path, frames())
    code = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, "index-text", str(path), "--all", "--json", "--no-progress"],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    data = json.loads(done.stdout)["data"]
    index = Path(data["index"])
    return {
        "run": name,
        "documents": data["indexed"],
        "text_mb": text_bytes / 1e6,
        "wall_s": wall,
        "cpu_s": cpu,
        "text_mb_per_cpu_s": text_bytes / 1e6 / cpu,
        "documents_per_cpu_s": data["indexed"] / cpu,
        "index_mb": data["bytes"] / 1e6,
        "index_of_text": data["bytes"] / text_bytes,
        "parts_mb": parts(index),
        "peak_memory_mb": after.ru_maxrss / 1e3,  # the largest child so far: runs grow
        "queries": [timed(index, what, *query) for what, query in QUERIES.items()],
    }


def parts(index: Path) -> dict[str, float]:
    """What the bytes of an index are for."""
    found = {"words": 0.0, "texts": 0.0, "facts": 0.0}
    with closing(sqlite3.connect(index)) as database:
        for name, size in database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            part = "words" if name.startswith("words") else "texts" if name == "texts" else "facts"
            found[part] += size / 1e6
    return found


def timed(index: Path, what: str, text: str, options: dict[str, Any]) -> dict[str, Any]:
    everything = search(index, "", limit=1, offset=7)
    host = everything.hits[0].host
    own = (everything.hits[0].title or "").split()[-1:] or ["nothing"]
    options = dict(options)
    if "filters" in options and options["filters"].host:
        options["filters"] = Filters(state="kept", host=host)
    text = text.format(own=own[0])
    hits = search(index, text, **options)
    spent = []
    while len(spent) < 5 and sum(spent) < 20:
        began = time.perf_counter()
        search(index, text, **options)
        spent.append(time.perf_counter() - began)
    return {"query": what, "found": hits.total, "ms": 1e3 * float(np.median(spent))}


def tokenizers(texts: list[str]) -> list[dict[str, Any]]:
    """One sign a word beside SQLite's trigrams: time, size, and how many of the pages that hold two signs are found."""
    pairs = [regex.search(r"\p{Han}{2}", text) for text in texts]
    asked = sorted({pair[0] for pair in pairs if pair})[:200]
    rows = []
    for name, tokenizer, prepared in (("signs", TOKENIZER, prepare), ("trigram", "trigram", str)):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            database.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize=\"{tokenizer}\")")
            database.execute("INSERT INTO words(words, rank) VALUES ('hashsize', 67108864)")
            began = time.process_time()
            database.execute("BEGIN")
            database.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", enumerate(map(prepared, texts)))
            database.execute("COMMIT")
            spent = time.process_time() - began
            (size,) = database.execute("SELECT sum(pgsize) FROM dbstat").fetchone()
            found = 0
            for pair in asked:
                match = '"' + prepared(pair) + '"'
                found += database.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).fetchone()[0]
        there = sum(pair in text for pair in asked for text in texts)
        text_mb = sum(len(text.encode()) for text in texts) / 1e6
        rows.append(
            {
                "words": name,
                "pages": len(texts),
                "text_mb": text_mb,
                "cpu_s": spent,
                "mb_per_cpu_s": text_mb / spent,
                "index_of_text": size / 1e6 / text_mb,
                "found": found,
                "there": there,
            }
        )
    return rows


def report(found: dict[str, Any]) -> str:
    lines = [
        f"{found['machine']}; SQLite {found['sqlite']}; Python {found['python']}.",
        "",
        "| run | documents | text MB | made in CPU s | wall s | text MB / CPU s | documents / CPU s | index MB "
        "| of the text | words, texts, facts MB | peak memory MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {run['run']} | {run['documents']:,} | {run['text_mb']:,.0f} | {run['cpu_s']:.1f} | {run['wall_s']:.1f} "
        f"| {run['text_mb_per_cpu_s']:.1f} | {run['documents_per_cpu_s']:,.0f} | {run['index_mb']:,.0f} "
        f"| {run['index_of_text']:.2f} | {', '.join(f'{size:,.0f}' for size in run['parts_mb'].values())} "
        f"| {run['peak_memory_mb']:,.0f} |"
        for run in found["runs"]
    ]
    heads = "".join(f" {run['run']}: found | ms |" for run in found["runs"])
    lines += ["", f"| query, 10 hits with snippets |{heads}", "|---|" + "--:|--:|" * len(found["runs"])]
    for place, what in enumerate(QUERIES):
        asked = [run["queries"][place] for run in found["runs"]]
        lines.append(f"| {what} |" + "".join(f" {one['found']:,} | {one['ms']:,.1f} |" for one in asked))
    lines += [
        "",
        "| scripts without blanks | text MB | text MB / CPU s | index, of the text | two signs: found of there |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one['words']} ({one['pages']} pages) | {one['text_mb']:.1f} | {one['mb_per_cpu_s']:.1f} "
        f"| {one['index_of_text']:.2f} | {one['found']:,} of {one['there']:,} |"
        for one in found["tokenizers"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--chars", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="where the runs are made, and deleted (default: temporary)")
    options = parser.parse_args()
    data = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "DATA.md").is_file():
        raise SystemExit(f"no data at {data}: set WINNOW_SHARED_DATA")
    found = pages(data)
    real = [row(page["id"], page["text"], None) for page in found]
    unspaced = [page["text"] for page in found if len(UNSPACED.findall(page["text"])) > 0.3 * len(page["text"])]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        runs = [
            made("real pages", Path(folder), lambda: iter([pl.DataFrame(real, DOCUMENTS, orient="row")])),
            made("large", Path(folder), lambda: documents(found, options.documents, options.chars)),
        ]
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "runs": runs,
        "tokenizers": tokenizers(unspaced),
    }
    (RESULTS / "search.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    (RESULTS / "search.md").write_text(report(result), "utf-8")
    print(report(result))


if __name__ == "__main__":
    main()
