"""Memory and disk of each exchange: foretold before a run, and the sizes of the partitions that keep to it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from curate.duplicates.nodes import NODE
from workbench.crew import KEPT_MB, apart

PROCESS = 220 << 20  # an interpreter with the libraries and compiled kernels, before it holds any data
_LEAST = 24 << 20  # a worker with less room for data would read for ever

# Bytes of memory that a step takes for each row of its partition. Of the verification's room half is for the sets.
GROUP_ROW, JOIN_ROW, CANDIDATE, DOCUMENT, ROW_OUT = 96, 72, 480, 96, 400
_SHARED_DISK, _NODE_DISK, _PAIR_DISK, _VERIFIED_DISK, _MEMBER_DISK = 24, NODE.itemsize + 12, 8, 20, 57
# What is not known before: shares of web crawls, only for the forecast.
_SHARED, _CANDIDATES, _VERIFIED, _MEMBERS = 0.2, 2.0, 0.5, 0.3
_KEY_DISK = 21  # of a key in a unit: space, key, low, row; half of a band's is zeros
_BAND_DISK = 13


class Exchange(NamedTuple):
    """What one exchange takes: memory of all processes together, scratch on disk, and its partitions."""

    name: str
    peak_memory_bytes: int
    disk_bytes: int
    partitions: int


class Budget(NamedTuple):
    """Workers and the bytes of data that each may hold."""

    jobs: int
    room: int

    def partitions(self, rows: int, row_bytes: int) -> int:
        """Partitions such that each fits the room; at least one for each worker where there is enough to do."""
        return max(1, -(-rows * row_bytes // self.room), min(self.jobs, rows // 200_000))

    def rows(self, row_bytes: int) -> int:
        """Rows of a partition."""
        return max(1, self.room // row_bytes)

    def memory(self, rows: int, row_bytes: int) -> int:
        """Bytes of all processes while a step works on `rows` rows in all."""
        parts = self.partitions(rows, row_bytes)
        busy = min(self.jobs, parts)
        return PROCESS * (1 + (busy if busy > 1 else 0)) + busy * min(self.room, -(-rows // parts) * row_bytes)


def budget(memory_bytes: int, jobs: int) -> Budget:
    """As many workers as the memory has room for, and what is left for the data of each."""
    while jobs > 1 and (memory_bytes - (jobs + 1) * PROCESS) // jobs < _LEAST:
        jobs -= 1
    processes = jobs + 1 if jobs > 1 else 1
    return Budget(jobs, max(_LEAST, (memory_bytes - processes * PROCESS) // jobs))


def workers(memory_bytes: int, jobs: int, data_bytes: int) -> AbstractContextManager[None]:
    """The workers of a step that keeps to a memory: those of the run, where all of them fit beside all the data.

    Else they end, and new ones take their place, which hold less: PROCESS, as the budget reckons.
    """
    return nullcontext() if (jobs + 1) * (KEPT_MB << 20) + data_bytes <= memory_bytes else apart()


def sets_bytes(documents: int, bands: int, shingles_per_doc: float) -> int:
    """Bytes on disk of the signed units: keys, sets, and where each set begins."""
    return int(documents * (3 * _KEY_DISK + bands * _BAND_DISK + 8 + 4 * shingles_per_doc))


def forecast(documents: int, bands: int, shingles_per_doc: float, memory_bytes: int, jobs: int) -> list[Exchange]:
    """What the search will take, step by step, for a corpus of which only the size is known.

    Shares of duplicates are those of a web crawl (2 candidate pairs a document). Memory is never above
    `memory_bytes` where that leaves any room for data at all (about 0.3 GB).
    """
    room = budget(memory_bytes, jobs)
    near = bands > 0
    steps = [("text and URL groups", 2 * documents, GROUP_ROW, int(documents * _SHARED) * 2 * _SHARED_DISK)]
    if near:
        candidates = int(documents * _CANDIDATES)
        steps += [
            ("nodes", documents, GROUP_ROW, documents * (_NODE_DISK + 4) + int(documents * _SHARED) * _SHARED_DISK),
            ("band join", documents, JOIN_ROW, int(1.5 * candidates) * _PAIR_DISK),
            ("verification", candidates, CANDIDATE, int(documents * _VERIFIED) * _VERIFIED_DISK),
        ]
    steps.append(("members", documents, DOCUMENT, int(documents * _MEMBERS) * _MEMBER_DISK))
    parts = {"text and URL groups": 2, "band join": bands}
    signed = Exchange("signed documents", 0, sets_bytes(documents, bands, shingles_per_doc), 1)
    return [signed] + [
        Exchange(name, room.memory(rows, width), disk, room.partitions(rows, width) * parts.get(name, 1))
        for name, rows, width, disk in steps
    ]
