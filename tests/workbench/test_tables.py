import errno
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench import tables
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.tables import ShardWriter, connect, read_tables, row_bytes, write_table


def frame(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"{n:04d}" for n in range(rows)], "text": ["x" * (n % 50) for n in range(rows)]})


def shards(directory: Path, rows: pl.DataFrame, step: int, min_rows: int) -> list[bytes]:
    with ShardWriter(directory, rows.to_arrow().schema, min_rows) as writer:
        for begin in range(0, len(rows), step):
            writer.append(rows[begin : begin + step])
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def test_table_is_written_whole_and_described(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.parquet"
    written = write_table(path, frame(3))
    assert written == ("t.parquet", 3, path.stat().st_size, sha256(path))
    assert read_tables(path).collect().equals(frame(3))
    assert list(path.parent.iterdir()) == [path]
    odd = tmp_path / "a[1]*"  # no pattern, but the name of a run
    path.parent.rename(odd)
    assert read_tables(odd).collect().equals(frame(3))


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    one = write_table(tmp_path / "a.parquet", frame(100))
    two = write_table(tmp_path / "b.parquet", pl.concat([frame(100)[:7], frame(100)[7:]]))
    assert one.sha256 == two.sha256


def test_parquet_is_compressed_and_has_statistics(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", frame(10))
    column = pq.read_metadata(tmp_path / "a.parquet").row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert (column.statistics.min, column.statistics.max) == ("0000", "0009")


def test_shards_have_exactly_their_rows(tmp_path: Path) -> None:
    shards(tmp_path / "out", frame(250), 60, 100)
    rows = [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "out").iterdir())]
    assert rows == [100, 100, 50]
    assert read_tables(tmp_path / "out", ["id"]).collect()["id"].to_list() == frame(250)["id"].to_list()


@pytest.mark.parametrize("step", [1, 33, 100, 250])
def test_how_rows_arrive_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(tables, "GROUP_BYTES", 1000)
    monkeypatch.setattr(tables, "GROUP_ROWS", 40)
    assert shards(tmp_path / "a", frame(250), step, 100) == shards(tmp_path / "b", frame(250), 77, 100)


def test_row_groups_stay_below_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "GROUP_BYTES", 1000)
    texts = ["a" * 300, "b" * 300, "c" * 5000, "d", "e" * 980, "f"]
    write_table(tmp_path / "t.parquet", pl.DataFrame({"text": texts}))
    found = pq.ParquetFile(tmp_path / "t.parquet")
    groups = [found.read_row_group(index).column("text").to_pylist() for index in range(found.num_row_groups)]
    assert [[text[0] for text in group] for group in groups] == [["a", "b"], ["c"], ["d", "e"], ["f"]]


def test_row_bytes() -> None:
    table = pa.table(
        {
            "n": pa.array([1, 2, None], pa.int32()),
            "flag": [True, None, False],
            "text": ["ab", None, ""],
            "lists": [["x", "yz"], [], None],
            "struct": [{"a": 1}, {"a": 2}, None],
        }
    )
    # int32 4, bool 1, text 8 + length, list 8 + (8 + length) for each text, int64 in a struct 8
    assert row_bytes(table).tolist() == [4 + 1 + 10 + 8 + 9 + 10 + 8, 4 + 1 + 8 + 8 + 8, 4 + 1 + 8 + 8 + 8]


def test_sliced_lists_are_measured_by_their_own_items() -> None:
    table = pa.table({"l": [[1], [1, 2, 3], [], [1, 2]]})
    assert row_bytes(table.slice(1)).tolist() == row_bytes(table).tolist()[1:] == [32, 8, 24]


def test_no_rows_make_one_empty_shard(tmp_path: Path) -> None:
    schema = frame(1).to_arrow().schema
    with ShardWriter(tmp_path / "out", schema):
        pass
    assert read_tables(tmp_path / "out").collect().shape == (0, 2)


def test_failed_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), ShardWriter(tmp_path / "out", frame(1).to_arrow().schema) as writer:
        writer.append(frame(10))
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


def test_directory_is_replaced_and_leftovers_go(tmp_path: Path) -> None:
    shards(tmp_path / "out", frame(250), 50, 100)
    (tmp_path / "out.tmp-1").mkdir()
    shards(tmp_path / "out", frame(50), 50, 100)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "part-00000.parquet"]


def test_full_disk_is_passed_on_and_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tables, "sync", full)
    with (
        pytest.raises(OSError, match="No space left"),
        ShardWriter(tmp_path / "out", frame(1).to_arrow().schema, 5) as w,
    ):
        w.append(frame(10))
    assert list(tmp_path.iterdir()) == []


def test_missing_tables_are_exit_4(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_tables(tmp_path)
    assert caught.value.code == Exit.INPUT


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_table(tmp_path / "run" / "t.parquet", frame(10))
    write_table(tmp_path / "run-private" / "t.parquet", frame(10))
    return tmp_path


def test_query_with_parameters(data: Path) -> None:
    with connect([data / "run"]) as database:
        found = database.query(
            "SELECT id FROM read_parquet(?) WHERE id < ? ORDER BY id", [str(data / "run/*.parquet"), "0002"]
        )
    assert found["id"].to_list() == ["0000", "0001"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('{data}/run-private/t.parquet')",
        "SELECT * FROM read_parquet('{data}/run/../run-private/t.parquet')",
        "SELECT * FROM read_parquet('https://example.com/t.parquet')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH '{data}/x.db'",
        "COPY (SELECT 1) TO '{data}/x.parquet'",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SELECT * FROM data",
    ],
)
def test_queries_can_do_no_harm(data: Path, sql: str) -> None:
    import duckdb

    with connect([data / "run"]) as database, pytest.raises(duckdb.Error):
        database.query(sql.format(data=data))
    assert not (data / "x.parquet").exists()


def test_query_that_takes_too_long_is_stopped(data: Path) -> None:
    sql = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"
    with connect([data], query_s=0.2) as database, pytest.raises(UserError, match="took too long"):
        database.query(sql)


def test_query_that_needs_too_much_memory_is_stopped(data: Path) -> None:
    with connect([data], memory_mb=64) as database, pytest.raises(UserError, match="more memory"):
        database.query("SELECT list(range) FROM range(100000000)")
