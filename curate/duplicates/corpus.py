"""The documents of a search: the signed units in order, their documents numbered through, without those excluded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest

from curate.duplicates.store import Keys, Summary, read_keys, read_summary
from curate.duplicates.types import SignedUnit
from workbench.files import write_text
from workbench.units import fingerprint


class Numbered(NamedTuple):
    """Keys of one unit with the numbers of their documents in the search."""

    unit: int
    keys: Keys
    docs: NDArray[np.int64]


class Corpus:
    """The units of one search; documents from number `since` on are new."""

    def __init__(self, units: Sequence[SignedUnit], since: int) -> None:
        self.units = list(units)
        self.since = since
        self.first = np.zeros(len(units) + 1, np.int64)  # [units + 1] number of each unit's first document
        np.cumsum([unit.docs for unit in units], out=self.first[1:])

    @property
    def docs(self) -> int:
        """Documents of all units, with those excluded."""
        return int(self.first[-1])

    def keys(self, space: int, begin: int, end: int) -> Iterator[Numbered]:
        """The keys of a space with begin <= key < end, unit by unit."""
        for number, unit in enumerate(self.units):
            keys = read_keys(unit.directory, space, begin, end)
            if len(unit.excluded) and len(keys.row):
                taking = np.ones(unit.docs, np.bool_)
                taking[unit.excluded] = False
                stays = taking[keys.row]
                keys = Keys(keys.key[stays], keys.low[stays], keys.row[stays])
            if len(keys.row):
                yield Numbered(number, keys, keys.row.astype(np.int64) + self.first[number])

    def summaries(self) -> list[Summary]:
        """What each unit holds; raises ValueError where a unit has not the documents it is said to have."""
        summaries = [read_summary(unit.directory) for unit in self.units]
        for unit, summary in zip(self.units, summaries, strict=True):
            if unit.docs != summary.docs:
                raise ValueError(f"{unit.directory} holds {summary.docs} documents, not {unit.docs}")
        return summaries

    def fingerprint(self, summaries: Sequence[Summary]) -> str:
        """Digest of all that a search reads."""
        excluded = [xxh3_128_hexdigest(unit.excluded.astype("<u4").tobytes()) for unit in self.units]
        return fingerprint(units=[summary.digest for summary in summaries], excluded=excluded, since=self.since)

    def save(self, directory: Path) -> None:
        """Writes it where workers `load` it."""
        directory.mkdir(parents=True, exist_ok=True)
        excluded = np.concatenate([np.empty(0, np.uint32), *(unit.excluded for unit in self.units)])
        np.save(directory / "excluded.npy", excluded.astype(np.uint32))
        units = [[str(unit.directory.absolute()), unit.docs, len(unit.excluded)] for unit in self.units]
        write_text(directory / "corpus.json", json.dumps({"units": units, "since": self.since}) + "\n")

    @classmethod
    def load(cls, directory: Path) -> Corpus:
        """What `save` wrote."""
        fields = json.loads((directory / "corpus.json").read_bytes())
        excluded = np.load(directory / "excluded.npy")
        ends = np.cumsum([count for _, _, count in fields["units"]])
        units = [
            SignedUnit(Path(path), docs, excluded[end - count : end])
            for (path, docs, count), end in zip(fields["units"], ends.tolist(), strict=True)
        ]
        return cls(units, fields["since"])
