"""A corpus of any size from the shared texts, with planted near duplicates of known similarity.

Documents are drawn sentence by sentence from all shared texts (books, news, encyclopedia, reviews, crawled pages), 2 KB
on average, their lengths log-normal as on the web; two of them share a sentence now and then and are no duplicates.
One in ten is a near duplicate of another document, wherever that lies: some of its words are replaced, as many as the
Jaccard similarity of word 5-grams that was drawn for it (0.5 to 0.95) calls for. Document i depends on i and on the
size of the corpus alone.
"""

from __future__ import annotations

import json
import os
import random
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SHARD_ROWS = 50_000
PLANTED = 10  # one document in so many
MEDIAN_CHARS, SPREAD = 1500, 0.75
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def sentences() -> list[str]:
    """Different sentences of 20 to 400 characters of every shared text."""
    import zstandard

    data = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    files = [*sorted((data / "text").rglob("*.zst")), data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"]
    found: dict[str, None] = {}
    for file in files:
        with zstandard.open(file, "rt", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                text = json.loads(line).get("text", "") if ".jsonl" in file.name else line
                for sentence in _SENTENCE.split(text):
                    if 20 <= len(sentence) <= 400:
                        found[sentence.strip()] = None
    return list(found)


def original(i: int, pool: list[str]) -> str:
    """Document i as it is where it is not planted."""
    chance = random.Random(i)
    wanted = chance.lognormvariate(0, SPREAD) * MEDIAN_CHARS
    parts, chars = [], 0
    while chars < wanted:
        parts.append(chance.choice(pool))
        chars += len(parts[-1]) + 1
    return " ".join(parts)


def planted_from(i: int, documents: int) -> tuple[int, float] | None:
    """Which document i is made from, and how similar to it; None where it is an original."""
    if i % PLANTED != PLANTED - 1:
        return None
    chance = random.Random(-i)
    source = chance.randrange(documents // PLANTED) * PLANTED + chance.randrange(PLANTED - 1)
    return source, chance.uniform(0.5, 0.95)


def document(i: int, documents: int, pool: list[str]) -> str:
    """The text of document i."""
    planted = planted_from(i, documents)
    if planted is None:
        return original(i, pool)
    source, similarity = planted
    words = original(source, pool).split(" ")
    # A replaced word takes 5 shingles with it on either side: (n - 5k) / (n + 5k) = similarity.
    count = round(len(words) * (1 - similarity) / (1 + similarity) / 5)
    chance = random.Random(-i)
    step = len(words) / max(count, 1)
    for number in range(count):
        words[int((number + chance.random() / 2) * step)] = f"word{chance.randrange(10**6)}"
    return " ".join(words)


def _write(shard: int, documents: int, directory: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pool = sentences()
    rows = range(shard * SHARD_ROWS, min((shard + 1) * SHARD_ROWS, documents))
    texts = [document(i, documents, pool) for i in rows]
    urls = [f"https://host{i % 5000}.example/page/{i}" for i in rows]
    path = directory / f"part-{shard:05d}.parquet"
    pq.write_table(pa.table({"url": urls, "text": texts}), path, row_group_size=5000, compression="zstd")


def make(directory: Path, documents: int) -> list[Path]:
    """The corpus as Parquet shards (`url`, `text`); made once."""
    done = directory / "done"
    shards = range(-(-documents // SHARD_ROWS))
    if not done.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(os.cpu_count()) as workers:
            list(workers.map(_write, shards, [documents] * len(shards), [directory] * len(shards)))
        done.touch()
    return [directory / f"part-{shard:05d}.parquet" for shard in shards]
