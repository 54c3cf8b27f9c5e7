"""The search: signed units in, groups of equal keys and verified pairs out; out of core, in steps of work units.

    groups    text and address keys: who shares one
    nodes     the distinct shingle sets by rank of their key; then the node of each document
    join      band buckets and address groups -> candidate pairs of nodes
    verify    candidates -> pairs judged by the sets; then the pairs that complete small components
    members   what each document shares

Everything is keyed by content: neither how units were cut, nor the order of documents, nor partitions and workers
leave a trace in the pairs, and in the members only through the documents' numbers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from curate.duplicates import groups, join, members, runs, verify
from curate.duplicates.budget import (
    CANDIDATE,
    DOCUMENT,
    GROUP_ROW,
    JOIN_ROW,
    ROW_OUT,
    Budget,
    Exchange,
    budget,
    forecast,
    workers,
)
from curate.duplicates.corpus import Corpus
from curate.duplicates.missing import write_missing
from curate.duplicates.nodes import MAX_NODES, NodeTable
from curate.duplicates.store import Summary, hex_keys
from curate.duplicates.types import BAND, SET, TEXT, URL, SignedUnit
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.files import remove, write_text
from workbench.tables import ShardWriter
from workbench.units import Outcome, Unit, fingerprint

VERSION = 1  # raised when the code changes what a step writes
_SMALL = 300_000  # rows that are done sooner than workers start
_DOCUMENT = 2 * CANDIDATE  # bytes of a document in the largest step, where it has as many candidates as in a web crawl
PAIRS_SCHEMA = pa.schema(
    [
        ("left", pa.string()),
        ("right", pa.string()),
        *((name, pa.int64()) for name in ("left_size", "right_size", "shared")),
        *((name, pa.float64()) for name in ("jaccard", "containment")),
    ]
)


class Spent(NamedTuple):
    """What was foretold of an exchange and what it left on the disk."""

    forecast: Exchange
    disk_bytes: int


class Found(NamedTuple):
    """The tables of a search, its counts, and its exchanges (none where an earlier call had done it all)."""

    members: Path  # doc, text, url, set: in order of doc
    pairs: Path  # left, right, left_size, right_size, shared, jaccard, containment: in order of (left, right)
    counts: dict[str, int]
    exchanges: list[Spent]


def find(
    units: Sequence[SignedUnit],
    bands: int,
    threshold: float,
    containment: float | None,
    *,
    directory: Path,
    memory_bytes: int,
    jobs: int,
    on_event: Listener = lambda event: None,
    since: int = 0,
) -> Found:
    """Groups of equal keys and verified near pairs of all documents of the units.

    bands=0 compares texts and addresses only. Documents are numbered through the units; with `since`, only groups and
    pairs that touch a document from that number on are wanted. `directory` takes the tables, and scratch while it
    works: an interrupted call goes on from there, and a finished one is not done again. The caller holds its lock.
    Raises UserError where a part failed twice.
    """
    corpus = Corpus(units, since)
    summaries = corpus.summaries()
    if any(summary.bands != bands for summary in summaries) and bands:
        raise ValueError(
            f"units were signed with {sorted({summary.bands for summary in summaries})} bands, not {bands}"
        )
    if corpus.docs >= MAX_NODES:
        raise UserError(f"{corpus.docs:,} documents are more than one search takes", hint="search shards of the corpus")
    name = fingerprint(
        version=VERSION, corpus=corpus.fingerprint(summaries), bands=bands, threshold=threshold, containment=containment
    )
    done = directory / "found.json"
    tables = directory / "members.parquet", directory / "pairs.parquet"
    if done.exists() and (document := json.loads(done.read_bytes()))["fingerprint"] == name:
        return Found(*tables, document["counts"], [])
    directory.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    search = _Search(corpus, summaries, bands, threshold, containment, directory, budget(memory_bytes, jobs), on_event)
    with workers(memory_bytes, jobs, corpus.docs * _DOCUMENT):
        search.run()
    shingles = sum(summary.shingles for summary in summaries) / max(corpus.docs, 1)
    foretold = forecast(corpus.docs, bands, shingles, memory_bytes, jobs)
    exchanges = [Spent(step, search.disk[step.name]) for step in foretold if step.name in search.disk]
    write_text(done, json.dumps({"fingerprint": name, "counts": search.counts}) + "\n")
    shutil.rmtree(directory / "scratch")
    return Found(*tables, search.counts, exchanges)


@dataclass
class _Search:
    corpus: Corpus
    summaries: list[Summary]
    bands: int
    threshold: float
    containment: float | None
    directory: Path
    budget: Budget
    on_event: Listener

    def __post_init__(self) -> None:
        self.scratch = self.directory / "scratch"
        self.corpus.save(self.scratch)
        self.name = self.corpus.fingerprint(self.summaries)
        self.setup: dict[str, Any] = {"corpus": str(self.scratch)}
        self.counts: dict[str, int] = {"documents": self.corpus.docs - sum(len(u.excluded) for u in self.corpus.units)}
        self.disk: dict[str, int] = {}
        self.nodes: dict[str, Any] = {"nodes": [], "counts": []}
        self.documents: dict[str, Any] = {"documents": [], "firsts": [0]}

    def run(self) -> None:
        """All steps; the tables stand at the end."""
        shared = {kind: self._groups(kind, space) for kind, space in (("text", TEXT), ("url", URL))}
        verified: list[Path] = []
        if self.bands:
            shared["set"] = self._number()
            verified = self._verify(*self._join())
        else:
            shared["set"] = []
        self.counts["oversized"] = sum(
            len(np.setdiff1d(summary.oversized, unit.excluded))
            for summary, unit in zip(self.summaries, self.corpus.units, strict=True)
        )
        paired = self._write_pairs(verified)
        self._write_members(shared, paired)

    def _keys(self, space: int) -> int:
        return sum(summary.keys[space] for summary in self.summaries)

    def _groups(self, kind: str, space: int) -> list[Path]:
        rows = self._keys(space)
        done = self._map(
            "groups:groups", kind, [{"space": space, **part} for part in self._ranges(rows, GROUP_ROW)], rows
        )
        self.counts[f"{kind}_groups"] = _total(done, "groups")
        self._spent("text and URL groups", done)
        return [part.directory / groups.SHARED for part in done]

    def _number(self) -> list[Path]:
        """Nodes, and the node of each document."""
        rows = self._keys(SET)
        done = self._map(
            "groups:groups", "nodes", [{"space": SET, **part} for part in self._ranges(rows, GROUP_ROW)], rows
        )
        counts = [(part.result or {})["keys"] for part in done]
        self.nodes = {"nodes": [str(part.directory / groups.NODES) for part in done], "counts": counts}
        bases = [0, *np.cumsum(counts).tolist()]
        sets = [[str(part.directory), base] for part, base in zip(done, bases, strict=False)]
        parts = self._documents()
        numbered = self._map("groups:number", "numbers", parts, self.corpus.docs, {"sets": sets})
        self.documents = {
            "documents": [str(part.directory / groups.DOCUMENT_NODES) for part in numbered],
            "firsts": [0, *(part["end"] for part in parts)],
        }
        self.counts |= {"nodes": bases[-1], "set_groups": _total(done, "groups")}
        self._spent("nodes", [*done, *numbered])
        return [part.directory / groups.SHARED for part in done]

    def _join(self) -> tuple[list[Path], list[Path]]:
        """Candidate pairs of the bands, and of the address groups."""
        setup = {"nodes": self.documents["documents"], "firsts": self.documents["firsts"], "room": self._codes}
        of_band = self._ranges(self._keys(SET), JOIN_ROW)
        pieces = [[BAND + band, part["begin"], part["end"]] for band in range(self.bands) for part in of_band]
        # A part does several pieces one after the other; a few parts for each worker make the end come together.
        rows = self._keys(SET) * self.bands
        size = -(-len(pieces) // max(1, min(len(pieces), 4 * self.budget.jobs, rows // _SMALL)))
        parts = [{"pieces": pieces[begin : begin + size]} for begin in range(0, len(pieces), size)]
        done = self._map("join:join", "bands", parts, rows, setup)
        self.counts |= {
            "buckets": _total(done, "buckets"),
            "largest_bucket": max((part.result or {})["largest"] for part in done),
            "buckets_cut": _total(done, "cut"),
        }
        urls = [{"pieces": [[URL, part["begin"], part["end"]]]} for part in self._ranges(self._keys(URL), JOIN_ROW)]
        of_urls = self._map("join:join", "addresses", urls, self._keys(URL), setup)
        self._spent("band join", [*done, *of_urls])
        return [part.directory / join.PAIRS for part in done], [part.directory / join.PAIRS for part in of_urls]

    def _verify(self, bands: list[Path], urls: list[Path]) -> list[Path]:
        """Verified pairs of the candidates, then of what completes the components."""
        done = self._judge("verify", bands, urls, [])
        self.counts |= {"candidates": _total(done, "candidates"), "verified": _total(done, "verified")}
        known = [part.directory / verify.VERIFIED for part in done]
        missing = self.scratch / "missing.run"
        write_missing(missing, known, self.threshold, self.containment, self._rows_out, self._codes)
        completed = self._judge("complete", [missing], [], known)
        self.counts["completed"] = _total(completed, "verified")
        self._spent("verification", [*done, *completed], missing)
        return known + [part.directory / verify.VERIFIED for part in completed]

    def _judge(self, step: str, bands: list[Path], urls: list[Path], known: list[Path]) -> list[Outcome]:
        files = {"bands": bands, "urls": urls, "known": known}
        setup = {
            **self.nodes,
            **{name: [str(path) for path in paths] for name, paths in files.items()},
            "threshold": self.threshold,
            "containment": self.containment,
            "room": self.budget.room // 8,  # half of the room, in shingles of four bytes
        }
        total = runs.count([*bands, *urls])
        rows = -(-total // self.budget.partitions(total, CANDIDATE))
        parts = [{"begin": begin, "end": end} for begin, end in runs.cuts([*bands, *urls], rows)]
        return self._map("verify:verify", step, parts, total, setup, near=[self.threshold, self.containment])

    @property
    def _codes(self) -> int:
        """Pairs that are held before they are sorted and written, three times eight bytes each, beside other data."""
        return min(1 << 22, self.budget.room // 96)

    @property
    def _rows_out(self) -> int:
        return self.budget.rows(ROW_OUT)

    def _write_pairs(self, verified: list[Path]) -> Path:
        """`pairs.parquet`; returns the file of the nodes that stand in it."""
        table = NodeTable([Path(path) for path in self.nodes["nodes"]], self.nodes["counts"])
        names = np.empty(0, np.uint32)

        def tables() -> Iterator[pa.Table]:
            nonlocal names
            for begin, end in runs.cuts(verified, self._rows_out):
                rows = runs.read(verified, verify.VERIFIED_ROW, begin, end)
                rows = rows[np.argsort(rows["key"])]
                left, right = verify.ends(rows["key"])
                here = runs.distinct(np.concatenate([left, right]))
                names = runs.distinct(np.concatenate([names, here]))
                yield _pairs(
                    rows, hex_keys(*_keys(table, here)), np.searchsorted(here, left), np.searchsorted(here, right)
                )

        self.counts["pairs"] = _one_file(self.directory / "pairs.parquet", PAIRS_SCHEMA, tables)
        path = self.scratch / "paired.u32"
        names.astype("<u4").tofile(path)
        return path

    def _write_members(self, shared: dict[str, list[Path]], paired: Path) -> None:
        setup = {
            **self.nodes,
            **self.documents,
            "shared": {kind: [str(path) for path in paths] for kind, paths in shared.items()},
            "paired": str(paired),
        }
        near = [self.bands, self.threshold, self.containment]
        done = self._map("members:members", "members", self._documents(), self.corpus.docs, setup, near=near)

        def tables() -> Iterator[pa.Table]:
            for part in done:
                path = part.directory / members.MEMBERS
                for begin, end in runs.cuts([path], self._rows_out):
                    yield members.to_table(runs.read([path], members.MEMBER_ROW, begin, end))

        self.counts["members"] = _one_file(self.directory / "members.parquet", members.SCHEMA, tables)
        self._spent("members", done, paired)

    def _ranges(self, rows: int, row_bytes: int) -> list[dict[str, Any]]:
        """Equal ranges of keys, which are hashes, one for each partition."""
        parts = self.budget.partitions(rows, row_bytes)
        edges = [(number << 64) // parts for number in range(parts + 1)]
        return [{"begin": begin, "end": end} for begin, end in pairwise(edges)]

    def _documents(self) -> list[dict[str, Any]]:
        parts = self.budget.partitions(self.corpus.docs, DOCUMENT)
        edges = [number * self.corpus.docs // parts for number in range(parts + 1)]
        return [{"begin": begin, "end": end} for begin, end in pairwise(edges)]

    def _map(
        self,
        function: str,
        step: str,
        payloads: list[dict[str, Any]],
        rows: int,
        setup: dict[str, Any] | None = None,
        near: list[Any] | None = None,
    ) -> list[Outcome]:
        """Runs the parts of a step. What a part writes depends on the corpus, on itself and on `near` alone."""
        units = [
            Unit(fingerprint(version=VERSION, corpus=self.name, step=step, near=near, part=payload), payload)
            for payload in payloads
        ]
        done = run_units(
            f"curate.duplicates.{function}_step",
            units,
            directory=self.scratch / step,
            step=f"duplicates.{step}",
            jobs=1 if rows < _SMALL else self.budget.jobs,
            setup={**self.setup, **(setup or {})},
            on_event=self.on_event,
        )
        if failed := [part for part in done if part.failed]:
            raise UserError(
                f"{len(failed)} of {len(done)} parts of the duplicate search failed ({step}): {failed[0].error}",
                hint="run it again: what is finished stays",
                code=Exit.PARTIAL,
            )
        return done

    def _spent(self, exchange: str, parts: Sequence[Outcome], *files: Path) -> None:
        paths = [path for part in parts for path in part.directory.iterdir()]
        self.disk[exchange] = self.disk.get(exchange, 0) + sum(path.stat().st_size for path in [*paths, *files])
        self.on_event(Event("info", "duplicates", f"{exchange}: {self.disk[exchange] / 1e6:.1f} MB on disk"))


def _total(parts: Sequence[Outcome], name: str) -> int:
    return sum((part.result or {})[name] for part in parts)


def _keys(table: NodeTable, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = table.take(nodes)
    return rows["high"], rows["low"]


def _pairs(rows: runs.Rows, names: pa.Array, left: np.ndarray, right: np.ndarray) -> pa.Table:
    columns = [
        names.take(pa.array(left)),
        names.take(pa.array(right)),
        *(rows[name].astype(np.int64) for name in ("left_size", "right_size", "shared")),
        verify.jaccard(rows),
        verify.containment(rows),
    ]
    return pa.table(columns, schema=PAIRS_SCHEMA)


def _one_file(path: Path, schema: pa.Schema, tables: Callable[[], Iterator[pa.Table]]) -> int:
    """Streams tables into one Parquet file whose bytes depend on the rows alone; returns how many rows."""
    parts = path.with_suffix(".parts")
    with ShardWriter(parts, schema, min_rows=1 << 62) as writer:
        for table in tables():
            writer.append(table)
    (parts / writer.written[0].path).replace(path)
    remove(parts)
    return int(writer.written[0].rows or 0)
