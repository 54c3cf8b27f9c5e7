"""Texts through the duplicate search, and the same asked of plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import planted
import polars as pl

from curate.duplicates.config import Duplicates, Near
from curate.duplicates.exchange import find
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter, hex_keys, read_summary
from curate.duplicates.types import Signed, SignedUnit
from curate.segment import Segments


class Strings:
    """The shingles of documents as tuples of strings, by the keys of their sets; made when asked for."""

    def __init__(self, texts: Sequence[str], names: Sequence[str]) -> None:
        self.texts = dict(zip(names, texts, strict=True))
        self._made = lru_cache(10_000)(self._make)

    def _make(self, name: str) -> planted.Shingles:
        return planted.shingles(planted.words([self.texts[name]])[0])

    def similarity(self, left: str, right: str) -> tuple[float, float]:
        """Jaccard similarity and containment."""
        return planted.similarity(self._made(left), self._made(right))


def sign(texts: Sequence[str], near: Near) -> Signed:
    """Sign the texts, without addresses."""
    return Signer(Duplicates(near=near)).sign(Segments(list(texts)), [None] * len(texts))


def set_names(signed: Signed) -> list[str]:
    """The key of every document's shingle set as the tables have it."""
    return list(hex_keys(signed.set[:, 0], signed.set[:, 1]).to_pylist())


def sign_units(parts: Sequence[Sequence[str]], near: Near, directory: Path) -> list[SignedUnit]:
    """One unit on disk for every part."""
    units = []
    for number, part in enumerate(parts):
        signed = sign(part, near)
        with UnitWriter(directory / f"unit-{number}", signed.bands.shape[1]) as writer:
            writer.write(signed)
        units.append(SignedUnit(directory / f"unit-{number}", len(part), np.empty(0, np.uint32)))
    return units


def search(
    units: Sequence[SignedUnit], threshold: float, directory: Path, *, memory_bytes: int = 1 << 30, jobs: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Members and pairs."""
    bands = read_summary(units[0].directory).bands
    found = find(units, bands, threshold, None, directory=directory, memory_bytes=memory_bytes, jobs=jobs)
    return pl.read_parquet(found.members), pl.read_parquet(found.pairs)


def renumbered(members: pl.DataFrame, order: Sequence[int]) -> pl.DataFrame:
    """The members with document i called order[i]."""
    of = pl.Series(order, dtype=pl.Int64)
    return members.with_columns(doc=of.gather(members["doc"])).sort("doc")


def expected_pairs(signed: Signed, strings: Strings, threshold: float) -> set[tuple[str, str]]:
    """Pairs that meet in a band and are as similar as that, and those that complete what hangs together."""
    names = set_names(signed)
    buckets: dict[tuple[int, int], set[str]] = {}
    for name, keys in zip(names, signed.bands.tolist(), strict=True):
        for band, key in enumerate(keys):
            buckets.setdefault((band, key), set()).add(name)
    candidates = {pair for bucket in buckets.values() for pair in combinations(sorted(bucket), 2)}

    def near(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return {pair for pair in sorted(pairs) if strings.similarity(*pair)[0] >= threshold}

    found = near(candidates)
    groups: dict[str, set[str]] = {}
    for left, right in found:
        joined = groups.get(left, {left}) | groups.get(right, {right})
        groups.update(dict.fromkeys(joined, joined))
    within = {pair for group in groups.values() for pair in combinations(sorted(group), 2)}
    return found | near(within - found)


def wrong(reported: pl.DataFrame, strings: Strings, threshold: float) -> list[tuple[str, str]]:
    """Reported pairs whose similarities are not those of the strings, or below the threshold."""
    columns = reported.select("left", "right", "jaccard", "containment")
    return [
        (left, right)
        for left, right, *said in columns.iter_rows()
        if tuple(said) != strings.similarity(left, right) or said[0] < threshold
    ]
