"""Signatures to and from datasketch: as its objects, and as Parquet files of (id, signature).

`signature` is what `LeanMinHash(minhash).serialize(buffer)` writes on today's machines, so that
`LeanMinHash.deserialize(signature)` reads any row: seed (int64), minus the number of values (int32), 1 for the scheme
`affine32` (uint8), three zeros, the values (uint32 each), little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from datasketch import MinHash
from numpy.typing import NDArray

from curate.duplicates.minhash import Row
from workbench.errors import Exit, UserError
from workbench.files import Written
from workbench.tables import write_table

_HEADER = struct.Struct("<qiB3x")
_AFFINE32 = 1


class Signatures(NamedTuple):
    """Signatures of a file; those of different seeds or lengths cannot be compared."""

    ids: list[str]
    rows: NDArray[np.uint32]  # [documents, permutations]
    seed: int


def to_datasketch(row: Row, seed: int) -> MinHash:
    """A signature as datasketch's MinHash, which can be compared, indexed, merged and updated with shingle hashes."""
    return MinHash(seed=seed, hashvalues=row, scheme="affine32", hashfunc=int)


def from_datasketch(minhash: MinHash, seed: int) -> Row:
    """The values of a MinHash or LeanMinHash, uint32[permutations].

    Raises ValueError when they were made with another scheme or seed.
    """
    if (minhash.scheme, minhash.seed) != ("affine32", seed):
        raise ValueError(f"a MinHash of scheme {minhash.scheme} and seed {minhash.seed}, not of affine32 and {seed}")
    return np.array(minhash.hashvalues, dtype=np.uint32)


def write_signatures(path: Path, found: Signatures) -> Written:
    """Write a Parquet file of (id, signature)."""
    count, length = found.rows.shape
    size = _HEADER.size + 4 * length
    packed = np.empty((count, size), dtype=np.uint8)
    packed[:, : _HEADER.size] = np.frombuffer(_HEADER.pack(found.seed, -length, _AFFINE32), dtype=np.uint8)
    packed[:, _HEADER.size :] = found.rows.astype("<u4", order="C").view(np.uint8).reshape(count, 4 * length)
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), count, [None, pa.py_buffer(packed)])
    ids = pa.array(found.ids, pa.string())
    return write_table(path, pa.table({"id": ids, "signature": column.cast(pa.binary())}))


def read_signatures(path: Path) -> Signatures:
    """Read a file of `write_signatures`, or one that others filled with `LeanMinHash.serialize`.

    Raises UserError where a row is no signature of 32-bit hashes, or not of the seed and length of the first one.
    """
    try:
        frame = pl.read_parquet(path, columns=["id", "signature"], glob=False)
    except pl.exceptions.ColumnNotFoundError as error:
        raise UserError("no table of signatures: columns id and signature", code=Exit.INPUT, file=path) from error
    packed: Sequence[bytes | None] = frame["signature"].to_list()
    if not packed:
        return Signatures([], np.empty((0, 0), dtype=np.uint32), 0)
    header = (packed[0] or b"")[: _HEADER.size]
    seed, negated, scheme = _HEADER.unpack(header) if len(header) == _HEADER.size else (0, 0, 0)
    if negated >= 0 or scheme != _AFFINE32:
        raise UserError(
            "the first signature is none of datasketch's scheme affine32",
            hint="Signatures of datasketch before 2.0 (scheme legacy) have to be made again from the texts.",
            code=Exit.INPUT,
            file=path,
        )
    size = _HEADER.size - 4 * negated
    for number, row in enumerate(packed):
        if row is None or len(row) != size or row[: _HEADER.size] != header:
            raise UserError(
                f"signature {number} has another seed, length or scheme than the first", code=Exit.INPUT, file=path
            )
    values = np.frombuffer(b"".join(row for row in packed if row is not None), dtype="<u4").reshape(len(packed), -1)
    rows = values[:, _HEADER.size // 4 :].astype(np.uint32)
    return Signatures(frame["id"].to_list(), rows, seed)
