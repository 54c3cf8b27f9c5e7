"""What an export writes: every row of every file, before a text is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.ask.finished import FinishedRun
from curate.ask.lineage import holder_of_documents
from curate.export import clusters, splits
from workbench.errors import Exit, UserError
from workbench.tables import SHARD_ROWS

ENDINGS = {"parquet": "parquet", "jsonl.zst": "jsonl.zst", "datasets": "parquet"}
MIX = "curate.mix"
_Ints = npt.NDArray[np.int64]


class Shard(NamedTuple):
    """A file to be: its path in the export, and its rows (begin to before end) in the plan's table."""

    path: str
    split: str
    phase: str | None
    begin: int
    end: int


@dataclass
class Plan:
    """documents: the run that holds the texts. rows: `position` (of the document among them) and `copy`, in the order
    of the files. shards: the files. splits: documents and rows of each. clusters: the components that were kept
    together, None where the run looked for no duplicates."""

    source: FinishedRun
    documents: FinishedRun
    rows: pl.DataFrame
    shards: list[Shard]
    splits: list[dict[str, Any]]
    clusters: dict[str, int] | None

    def counted_by(self, tokenizer: Path | None) -> str | None:
        """The name of the tokenizer that counted the exported tokens: the one that is asked for, else the run's."""
        path = self.documents.tokenizer if tokenizer is None else tokenizer
        return None if path is None else Path(path).name

    @property
    def is_mix(self) -> bool:
        """Whether documents are written as often as a mix says."""
        return self.source is not self.documents


class _Part(NamedTuple):
    """The rows of one split of one phase."""

    phase: str | None
    split: str
    positions: _Ints
    copy: _Ints


def make(runs: Sequence[FinishedRun], shares: dict[str, float], seed: int, shard_chars: int, format: str) -> Plan:
    """The plan of exporting `runs[0]`; the others are what it was made from. Raises UserError (exit 4) where no texts
    are there."""
    source, documents = runs[0], holder_of_documents(runs)
    if source is not documents and source.run.started.kind != MIX:
        message = f"{source.path} holds no documents of its own: it is a run of {source.run.started.kind}"
        raise UserError(message, hint=f"export {documents.path}, or a mix of it", code=Exit.INPUT)
    table = documents.scan("documents")
    chars = "chars" if "chars" in table.collect_schema() else pl.col("text").str.len_chars().alias("chars")
    frame = table.select("id", chars).collect()
    edges = clusters.edges(runs)
    keys = frame["id"] if edges is None else clusters.cluster_keys(frame["id"], edges)
    split = splits.assign(keys, shares, seed)
    parts = list(_mixed(source, frame["id"], split, list(shares)) if source is not documents else _all(split, shares))
    sizes = frame["chars"].fill_null(0).to_numpy()
    rows = pl.concat([pl.DataFrame({"position": part.positions, "copy": part.copy}) for part in parts])
    shards, told, begin = [], [], 0
    for part in parts:
        ends = _ends(sizes[part.positions], shard_chars)
        folder = "data" if part.phase is None else f"data/{part.phase}"
        for number, (low, high) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            path = f"{folder}/{part.split}-{number:05d}-of-{len(ends):05d}.{ENDINGS[format]}"
            shards.append(Shard(path, part.split, part.phase, begin + low, begin + high))
        begin += len(part.positions)
        phase = {} if part.phase is None else {"phase": part.phase}
        distinct = len(np.unique(part.positions))
        count = {"documents": distinct, "rows": len(part.positions), "files": len(ends)}
        told.append({**phase, "split": part.split, **count})
    return Plan(source, documents, rows, shards, told, None if edges is None else _kept_together(keys))


def _all(split: _Ints, shares: dict[str, float]) -> Iterator[_Part]:
    for number, name in enumerate(shares):
        positions = np.flatnonzero(split == number)
        yield _Part(None, name, positions, np.zeros(len(positions), np.int64))


def _mixed(mix: FinishedRun, ids: pl.Series, split: _Ints, names: list[str]) -> Iterator[_Part]:
    """Phase by phase; in the first split a document as often as the mix says, in the others once over all phases."""
    places = pl.DataFrame({"id": ids}).with_row_index("position")
    mixture = mix.scan("mixture").select("id", "copies", "phase").collect()
    found = mixture.join(places, on="id", how="left", maintain_order="left")
    if found["position"].null_count():
        message = f"{found['position'].null_count()} documents of {mix.path} are not in the run that it mixes"
        raise UserError(message, hint="make the mix again", code=Exit.INPUT)
    seen = np.zeros(len(ids), np.bool_)
    for phase in found["phase"].unique(maintain_order=True):
        here = found.filter(pl.col("phase") == phase)
        positions, copies = here["position"].to_numpy().astype(np.int64), here["copies"].to_numpy()
        for number, name in enumerate(names):
            own = split[positions] == number
            if number == 0:
                yield _Part(phase, name, *_epochs(positions[own], copies[own]))
                continue
            first = positions[own & ~seen[positions]]
            seen[first] = True
            yield _Part(phase, name, first, np.zeros(len(first), np.int64))


def _epochs(positions: _Ints, copies: _Ints) -> tuple[_Ints, _Ints]:
    """Every document once, then those read twice once more, and so on; and which reading a row is, from 0."""
    rounds = [positions[copies > number] for number in range(int(copies.max(initial=0)))]
    count = [np.full(len(one), number) for number, one in enumerate(rounds)]
    return np.concatenate([np.empty(0, np.int64), *rounds]), np.concatenate([np.empty(0, np.int64), *count])


def _ends(chars: _Ints, most: int) -> list[int]:
    """Where files end: at most so many characters (or one document) and SHARD_ROWS rows each; at least one file."""
    sums = np.cumsum(chars)
    ends: list[int] = []
    begin = 0
    while begin < len(chars):
        before = int(sums[begin - 1]) if begin else 0
        end = int(np.searchsorted(sums, before + most, side="right"))
        begin = min(max(end, begin + 1), begin + SHARD_ROWS, len(chars))
        ends.append(begin)
    return ends or [0]


def _kept_together(keys: pl.Series) -> dict[str, int]:
    sizes = keys.value_counts()["count"]
    together = sizes.filter(sizes > 1)
    return {
        "clusters": together.len(),
        "documents_in_clusters": int(together.sum() or 0),
        "largest_cluster": int(sizes.max() or 0),  # type: ignore[arg-type]
    }
