from pathlib import Path

import numpy as np
import polars as pl
import pytest
from datasketch import LeanMinHash, MinHash

from curate.duplicates.interchange import Signatures, from_datasketch, read_signatures, to_datasketch, write_signatures
from curate.duplicates.minhash import permutations, signatures
from workbench.errors import Exit, UserError

SEED = 7
SHINGLES = np.array([3, 5, 2**32 - 1, 17, 4], dtype=np.uint32)
ROWS = signatures(SHINGLES, np.array([0, 3, 5, 5]), *permutations(24, SEED))
FOUND = Signatures(["a", "b", "ü"], ROWS, SEED)


def lean(row: "np.ndarray[tuple[int], np.dtype[np.uint32]]", seed: int = SEED) -> bytes:
    minhash = LeanMinHash(seed=seed, hashvalues=row, scheme="affine32")
    buffer = bytearray(minhash.bytesize())
    minhash.serialize(buffer)
    return bytes(buffer)


def test_there_and_back() -> None:
    minhash = to_datasketch(ROWS[0], SEED)
    assert minhash.jaccard(MinHash(24, seed=SEED)) == 0
    assert np.array_equal(from_datasketch(minhash, SEED), ROWS[0])
    assert np.array_equal(from_datasketch(LeanMinHash(minhash), SEED), ROWS[0])


def test_a_minhash_goes_on_with_more_shingles() -> None:
    minhash = to_datasketch(ROWS[0], SEED)
    minhash.update_batch(SHINGLES[3:].tolist())
    whole = signatures(SHINGLES, np.array([0, 5]), *permutations(24, SEED))
    assert np.array_equal(from_datasketch(minhash, SEED), whole[0])


@pytest.mark.parametrize("other", [MinHash(24, seed=8), MinHash(24, seed=SEED, scheme="legacy")])
def test_another_scheme_or_seed_is_refused(other: MinHash) -> None:
    with pytest.raises(ValueError, match="not of affine32 and 7"):
        from_datasketch(other, SEED)


@pytest.mark.oracle
def test_a_file_holds_what_datasketch_writes(tmp_path: Path) -> None:
    path = tmp_path / "signatures.parquet"
    assert write_signatures(path, FOUND).rows == 3
    table = pl.read_parquet(path)
    assert table["id"].to_list() == FOUND.ids
    assert table["signature"].to_list() == [lean(row) for row in ROWS]
    for row, packed in zip(ROWS, table["signature"], strict=True):
        read = LeanMinHash.deserialize(packed)
        assert (read.seed, read.scheme) == (SEED, "affine32")
        assert np.array_equal(read.hashvalues, row)


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "signatures.parquet"
    write_signatures(path, FOUND)
    read = read_signatures(path)
    assert (read.ids, read.seed) == (FOUND.ids, SEED)
    assert read.rows.dtype == np.uint32
    assert np.array_equal(read.rows, ROWS)


def test_no_signatures(tmp_path: Path) -> None:
    path = tmp_path / "signatures.parquet"
    write_signatures(path, Signatures([], ROWS[:0], SEED))
    assert read_signatures(path).ids == []


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        ([None], "the first signature"),
        ([b"short"], "the first signature"),
        ([b"\x07" + b"\0" * 7 + b"\x02\0\0\0" + b"\0" * 8], "the first signature"),  # scheme legacy
        ([lean(ROWS[0]), lean(ROWS[1], seed=8)], "signature 1 has another"),
        ([lean(ROWS[0]), lean(ROWS[1])[:-4]], "signature 1 has another"),
        ([lean(ROWS[0]), None], "signature 1 has another"),
    ],
)
def test_other_files_are_refused(packed: list[bytes | None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "signatures.parquet"
    ids = [str(i) for i in range(len(packed))]
    pl.DataFrame({"id": ids, "signature": packed}, schema={"id": pl.String, "signature": pl.Binary}).write_parquet(path)
    with pytest.raises(UserError, match=message) as caught:
        read_signatures(path)
    assert caught.value.code == Exit.INPUT


def test_a_table_without_signatures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pl.DataFrame({"id": ["a"]}).write_parquet(path)
    with pytest.raises(UserError, match="columns id and signature"):
        read_signatures(path)
