"""The arithmetic of the duplicate search from a million documents to a billion; writes docs/scale.md.

    python benchmarks/scale_table.py [--out docs/scale.md]

Foretold figures come from `curate.duplicates.budget`, measured ones from benchmarks/results: duplicates_scale.json (the
search on up to a million documents) and document_bytes.json (bytes of a page of the web, memory of resolving).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_tables import table

from curate.duplicates.budget import forecast
from curate.duplicates.config import Duplicates
from curate.duplicates.nodes import MAX_NODES
from curate.duplicates.repeats.forecast import forecast as forecast_repeats
from curate.duplicates.store import GROUP_ROWS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SIZES = (10**6, 10**7, 10**8, 10**9)
BILLION = SIZES[-1]
MACHINES = ((2, 2), (16, 64), (64, 256))  # cores, GB
BANDINGS = {"fineweb": 14, "olmo3": 26}
BANDS = BANDINGS["fineweb"]
SPACES = 3  # of keys, besides the bands
UNITS = (10**4, 10**5, 10**6)  # documents
WRITER = (60, 20)  # bytes that a UnitWriter holds for a document, and for each of its bands
MEMBERS = 0.3  # share of the documents of a web crawl that share anything, as the forecast has it
CANDIDATES = 2  # pairs for a document
NEAR_NODE = 16  # bytes for a node in a near pair while pairs are completed and written (missing.py, exchange.py)


def size(count: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"
        count /= 1000
    raise AssertionError


def hours(seconds: float) -> str:
    """Core hours."""
    found = seconds / 3600
    return f"{found:,.0f}" if found >= 10 else f"{found:.2g}"


def page_table(pages: Mapping[str, Any]) -> str:
    """Bytes of a page in each table that an exchange reads."""
    count = pages["pages"]

    def row(name: str, kinds: str, files: Mapping[str, int], chosen: tuple[str, ...]) -> list[str]:
        total = sum(files[one] for one in chosen) / count
        return [name, kinds, f"{total:,.0f}", size(total * BILLION)]

    found = pages["bytes"]
    rows = [
        row(f"near, {bands} bands ({name})", "keys of text, address, set and bands", found[name], ("keys.parquet",))
        for name, bands in BANDINGS.items()
    ]
    rows.append(row("near, any bands", "shingle sets", found["fineweb"], ("sets.u32", "sets.npy")))
    rows.append(row("lines of a host", "every distinct line of a page", found["lines"], ("lines",)))
    rows.append(row("paragraphs", "paragraphs of 200 characters", found["passages"], ("paragraphs",)))
    rows.append(row("substrings", "fingerprints for 400 characters", found["passages"], ("prints",)))
    rows.append(row("paragraphs and substrings", "the texts", found["passages"], ("texts.bin", "docs.npy")))
    return table(["exchange", "what a unit holds", "bytes a page", "a billion pages"], rows)


def disk_table(measured: Mapping[str, Any], documents: int) -> str:
    """Scratch of the near search, foretold for every size and measured at one."""
    jobs, gigabytes = MACHINES[0]
    told = {size_: forecast(size_, BANDS, 0, gigabytes * 10**9, jobs) for size_ in SIZES}
    spent = {one["name"]: one["measured_disk_bytes"] for one in measured["exchanges"]}
    rows = []
    for number, step in enumerate(told[BILLION][1:], 1):
        each = [size(told[count][number].disk_bytes) for count in SIZES]
        rows.append([step.name, f"{step.disk_bytes / BILLION:,.0f}", f"{spent[step.name] / documents:,.1f}", *each])
    sums = [size(sum(step.disk_bytes for step in told[count][1:])) for count in SIZES]
    whole = sum(step.disk_bytes for step in told[BILLION][1:]) / BILLION
    rows.append(["all", f"{whole:,.0f}", f"{sum(spent.values()) / documents:,.1f}", *sums])
    return table(["exchange", "bytes a document", "measured", *(f"{count:,}" for count in SIZES)], rows)


def partition_table() -> str:
    """Partitions and peak memory of the near search by machine."""
    rows = []
    for jobs, gigabytes in MACHINES:
        for count in SIZES:
            steps = forecast(count, BANDS, 0, gigabytes * 10**9, jobs)[1:]
            peak = max(step.peak_memory_bytes for step in steps)
            rows.append(
                [f"{jobs} cores, {gigabytes} GB", f"{count:,}", *(f"{step.partitions:,}" for step in steps), size(peak)]
            )
    names = [step.name for step in forecast(BILLION, BANDS, 0, 2 * 10**9, 2)[1:]]
    return table(["machine", "documents", *names, "peak memory"], rows)


def repeats_table(pages: Mapping[str, Any]) -> str:
    """The exchanges of repeated text for a billion pages: bytes of a page foretold and measured, and partitions."""
    on = {"enabled": True}
    config = Duplicates.model_validate({"lines": on, "paragraphs": on, "substrings": on})
    found = pages["bytes"]
    measured = {
        "repeated lines": found["lines"]["lines"],
        "repeated paragraphs": found["passages"]["paragraphs"],
        "repeated stretches": found["passages"]["prints"],
        "kept texts": found["passages"]["texts.bin"] + found["passages"]["docs.npy"],
    }
    chars = pages["chars"] / pages["pages"]
    told = [forecast_repeats(config, BILLION, chars, gigabytes * 10**9, jobs) for jobs, gigabytes in MACHINES]
    rows = []
    for steps in zip(*told, strict=True):
        name = steps[0].name
        bytes_a_page = f"{steps[0].disk_bytes / BILLION:,.0f}", f"{measured[name] / pages['pages']:,.0f}"
        rows.append([name, *bytes_a_page, *(f"{step.partitions:,}" for step in steps)])
    machines = (f"partitions, {jobs} cores, {gigabytes} GB" for jobs, gigabytes in MACHINES)
    return table(["exchange", "bytes a page, foretold", "measured", *machines], rows)


def reads_table(pages: Mapping[str, Any]) -> str:
    """What it costs that every partition opens every unit, by the size of the units."""
    rows = []
    for jobs, gigabytes in MACHINES:
        steps = {step.name: step.partitions for step in forecast(BILLION, BANDS, 0, gigabytes * 10**9, jobs)}
        # The groups read two spaces in their partitions, the nodes one (twice: keys, then numbers), the join the bands.
        ranges = steps["text and URL groups"] + steps["nodes"] + steps["band join"]
        for docs in UNITS:
            reads = BILLION // docs * ranges
            again = 1 + GROUP_ROWS * (steps["band join"] / BANDS) / docs
            held = docs * (WRITER[0] + WRITER[1] * BANDS)
            cost = hours(reads * pages["range_read_s"])
            rows.append([f"{jobs} cores, {gigabytes} GB", f"{docs:,}", f"{reads:,}", f"{again:,.1f}", cost, size(held)])
    header = [
        "machine",
        "documents a unit",
        "reads of a range",
        "times each key is read",
        "core hours",
        "memory of the writer",
    ]
    return table(header, rows)


def hours_table(run: Mapping[str, Any], documents: int, pages: Mapping[str, Any]) -> str:
    """Core hours, in proportion to measured CPU time."""
    signing = run["sign"]["cpu_s"] / run["text_bytes"] * pages["text_bytes"] / pages["pages"]
    exchange = run["exchange"]["cpu_s"] / documents
    resolve = pages["resolving"]["cpu_s"] / pages["resolving"]["members"] * MEMBERS
    each = (signing, exchange, resolve, signing + exchange + resolve)
    rows = [[f"{count:,}", *(hours(seconds * count) for seconds in each)] for count in SIZES]
    return table(["documents", "signing", "exchange", "resolving", "all"], rows)


def growth(runs: Mapping[str, Any]) -> str:
    """How CPU time grew between the two largest searches."""
    fewer, more = sorted(map(int, runs))[-2:]
    times = runs[str(more)]["exchange"]["cpu_s"] / runs[str(fewer)]["exchange"]["cpu_s"]
    return f"{times:.1f} times from {fewer:,} to {more:,} documents"


def document() -> str:
    """The whole page."""
    pages = json.loads((RESULTS / "document_bytes.json").read_text("utf-8"))
    scale = json.loads((RESULTS / "duplicates_scale.json").read_text("utf-8"))
    runs = scale["documents"]
    documents = max(map(int, runs))
    run = runs[str(documents)]
    resolving = pages["resolving"]
    member = resolving["bytes"] / resolving["members"]
    sets = pages["bytes"]["fineweb"]["sets.u32"] / pages["pages"]
    sign_rate = run["text_bytes"] / run["sign"]["cpu_s"]
    return PAGE.format(
        pages=f"{pages['pages']:,}",
        chars=f"{pages['chars'] / pages['pages']:,.0f}",
        page_table=page_table(pages),
        measured=f"{documents:,}",
        disk_table=disk_table(run, documents),
        partition_table=partition_table(),
        repeats_table=repeats_table(pages),
        hours_table=hours_table(run, documents, pages),
        growth=growth(runs),
        sign_rate=f"{sign_rate / 1e6:,.0f}",
        page_bytes=f"{pages['text_bytes'] / pages['pages']:,.0f}",
        exchange_us=f"{run['exchange']['cpu_s'] / documents * 1e6:,.0f}",
        reads_table=reads_table(pages),
        range_ms=f"{pages['range_read_s'] * 1e3:,.1f}",
        group=f"{GROUP_ROWS:,}",
        nodes=f"{MAX_NODES:,}",
        missing=size(NEAR_NODE * MEMBERS * BILLION),
        near_node=NEAR_NODE,
        member=f"{member:,.0f}",
        resolving=size(member * MEMBERS * BILLION),
        share=f"{100 * MEMBERS:.0f}",
        set_reads=f"{2 * CANDIDATES * BILLION:,}",
        set_bytes=size(sets),
        sets_read=size(2 * CANDIDATES * BILLION * sets),
    )


PAGE = """# From a million documents to a billion

Written by `python benchmarks/scale_table.py`; do not edit. What is foretold comes from `curate.duplicates.budget`, as
`curate plan` prints it; what is measured from `benchmarks/results`. Nothing here was run on more than {measured}
documents: it is arithmetic, and the last section says where it stops being true.

## Bytes of a document

Of {pages} pages of a crawl, {chars} characters each, as the writers of a run leave them on the disk:

{page_table}

The sets are what verification reads: without them an unverified search would need the keys alone.

## Scratch on the disk

What the near search writes besides and deletes at its end, 14 bands. *Measured* are bytes a document in the search of
{measured} documents, of which a tenth are planted duplicates; the forecast allows for a crawl with more of them (two
candidate pairs a document, three documents in ten that share something).

{disk_table}

## Partitions

A partition is a range of keys of one space (of one band, in the join), as large as the memory of a worker lets it be.
Less memory means more partitions, not failure.

{partition_table}

Repeated text, a billion pages. What is foretold counts the rows of the units and the cuts, for pages of this length
with the lines and paragraphs of a usual crawl. What is measured counts the rows alone, of these pages: many short
lines, and as datatrove extracted them not one blank line, so that each page is a single paragraph.

{repeats_table}

## Hours of cores

Signing: {sign_rate} MB of text a core and second, measured over {measured} documents, taken to pages of {page_bytes}
bytes. Exchange: {exchange_us} microseconds of CPU a document; its CPU time grew {growth}.
Every step reads and sorts partitions of a fixed size, so that the work is in proportion; steps are independent work
units, so that the hours divide by the cores. Waiting for the disk is not in it.

{hours_table}

## Where the arithmetic stops

Every partition opens every unit, and reads at least one row group of {group} keys of it. While a unit has few keys in a
partition, most of what is read belongs to another one. A read of a range takes {range_ms} ms of CPU here. For a billion
documents:

{reads_table}

So units have to grow with the corpus: of {group} documents times the partitions of a band, or more, each key is read
twice at most. The writer of a unit has room for that.

Verification reads the sets of both nodes of each pair of candidates, in the order in which they lie. With two
candidates a document that are up to {set_reads} reads of {set_bytes}, {sets_read} in all: the sets want a solid-state
disk.

Three things are not partitioned. Nodes are numbered with 32 bits: one search takes {nodes} documents.
Completing and writing pairs holds {near_node} bytes for each shingle set that stands in one: {missing} if that are
{share} % of a billion. And `resolve` works in memory, {member} bytes for each document that shares anything with
another: {resolving} for {share} % of a billion. That wants a larger machine for this one step, or to be done component
by component, which would give the same answer: no removal reaches beyond a component.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "scale.md")
    options = parser.parse_args()
    options.out.write_text(document(), "utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
