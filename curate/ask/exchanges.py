"""What the exchanges of a run will take, foretold from whatever is known of the corpus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from curate.duplicates import budget
from curate.duplicates.banding import banding
from curate.duplicates.budget import Exchange
from curate.duplicates.config import Duplicates
from curate.duplicates.repeats import forecast as repeats
from curate.sources import UnitSpec
from workbench.render import size


class Corpus(NamedTuple):
    """The size of a corpus: measured by a probe or a finished map, or guessed from the input's bytes."""

    documents: int
    chars_per_doc: float
    shingles_per_doc: float


# Bytes of input a text costs, compressed and not: pages of the crawl archives, and tables and lines of text.
_PAGE, _TEXT = (8_000, 60_000), (1_500, 4_000)
_CHARS, _SHINGLES = 3_000.0, 450.0
_PAGES = ("warc", "arc", "html")
_COMPRESSED = (".gz", ".zst", ".lz4", ".br", ".bz2", ".xz", ".parquet")


def guessed(specs: Iterable[UnitSpec]) -> Corpus:
    """A corpus of typical pages of the size of this input: right within a factor of a few."""
    files = {spec.path: spec for spec in specs}.values()
    total = 0.0
    for spec in files:
        packed, plain = _PAGE if spec.source in _PAGES else _TEXT
        total += spec.size / (packed if spec.path.endswith(_COMPRESSED) else plain)
    return Corpus(round(total), _CHARS, _SHINGLES)


def exchanges(config: Duplicates, corpus: Corpus, jobs: int) -> list[Exchange]:
    """Memory of all processes and scratch on disk of each exchange that the settings ask for."""
    memory = int(config.memory_gb * 1e9)
    found: list[Exchange] = []
    if config.documents:
        bands = banding(config.near).bands if config.near.enabled else 0
        shingles = corpus.shingles_per_doc if bands else 0.0
        found += budget.forecast(corpus.documents, bands, shingles, memory, jobs)
    return found + repeats.forecast(config, corpus.documents, corpus.chars_per_doc, memory, jobs)


def told(found: Iterable[Exchange], of: str) -> list[str]:
    """Lines for people; `of` says what the forecast is made from."""
    lines = [
        f"  {one.name}: {size(one.peak_memory_bytes)} of memory, {size(one.disk_bytes)} of disk, "
        f"{one.partitions:,} partition{'s' * (one.partitions != 1)}"
        for one in found
    ]
    return [f"exchanges, foretold from {of}:", *lines] if lines else []
