"""Parquet that is the same bytes for the same rows, and DuckDB that can do no harm."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import Exit, UserError
from workbench.files import Written, beside, leftovers, remove, sha256, sync, whole_file

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import polars as pl
    import pyarrow as pa

GROUP_BYTES = 64 << 20  # of a row group, before compression
GROUP_ROWS = 50_000
SHARD_ROWS = 100_000
QUERY_S = 60.0

_PARQUET = {"compression": "zstd", "compression_level": 3, "write_statistics": True, "version": "2.6"}


def write_table(path: Path, table: "pl.DataFrame | pa.Table") -> Written:
    """Write a table to one Parquet file, atomically; returns its name, rows, bytes and SHA-256."""
    rows = _arrow(table)
    with whole_file(path) as temporary:
        groups = _Groups(temporary, rows.schema)
        groups.append(rows)
        groups.close()
        written = Written(path.name, rows.num_rows, temporary.stat().st_size, sha256(temporary))
    return written


def _arrow(table: "pl.DataFrame | pa.Table") -> "pa.Table":
    return table.to_arrow() if hasattr(table, "to_arrow") else table


class ShardWriter:
    """Streams rows into `directory/part-00000.parquet`, ...: each shard but the last has exactly `min_rows` rows.

    Where shards and row groups end depends on the rows alone, not on how they were cut into tables, so the same rows
    give the same bytes. Memory: the rows of one row group. The directory appears, complete, on `close`; an earlier
    one is replaced. As a context manager it closes on success and leaves nothing behind on an exception.
    """

    def __init__(self, directory: Path, schema: "pa.Schema", min_rows: int = SHARD_ROWS) -> None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        for path in leftovers(directory.parent, directory.name):
            remove(path)
        self.directory = directory
        self.written: list[Written] = []
        self._schema = schema
        self._min_rows = min_rows
        self._temporary = beside(directory)
        self._temporary.mkdir()
        self._groups: _Groups | None = None

    def append(self, table: "pl.DataFrame | pa.Table") -> None:
        """Add rows; their columns must be those of the schema, in its order."""
        rows = _arrow(table).cast(self._schema)
        while rows.num_rows:
            groups = self._groups or self._open()
            taken = rows.slice(0, self._min_rows - groups.rows)
            groups.append(taken)
            rows = rows.slice(taken.num_rows)
            if groups.rows == self._min_rows:
                self._finish_shard()

    def _open(self) -> "_Groups":
        self._groups = _Groups(self._temporary / f"part-{len(self.written):05d}.parquet", self._schema)
        return self._groups

    def _finish_shard(self) -> None:
        assert self._groups is not None
        groups, self._groups = self._groups, None
        groups.close()
        sync(groups.path)
        self.written.append(Written(groups.path.name, groups.rows, groups.path.stat().st_size, sha256(groups.path)))

    def close(self) -> list[Written]:
        """Finish the last shard (an empty one where no rows came) and publish the directory."""
        if self._groups is None and not self.written:
            self._open()
        if self._groups is not None:
            self._finish_shard()
        sync(self._temporary)
        remove(self.directory)
        self._temporary.rename(self.directory)
        sync(self.directory.parent)
        return self.written

    def abort(self) -> None:
        """Throw away what was written."""
        if self._groups is not None:
            self._groups.abort()
        remove(self._temporary)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class _Groups:
    """One Parquet file whose row groups end where the next row would pass `GROUP_BYTES` or `GROUP_ROWS`."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.rows = 0
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, **_PARQUET)
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self._held_bytes = 0

    def append(self, rows: "pa.Table") -> None:
        import numpy as np

        ends = np.cumsum(row_bytes(rows))
        begin = 0
        while begin < rows.num_rows:
            before = int(ends[begin - 1]) if begin else 0
            room = GROUP_BYTES - self._held_bytes
            end = int(np.searchsorted(ends, before + room, side="right"))
            end = min(end, begin + GROUP_ROWS - self._held_rows)
            if end <= begin:
                if self._held_rows:
                    self._flush()
                    continue
                end = begin + 1  # one row larger than a row group
            self._held.append(rows.slice(begin, end - begin))
            self._held_rows += end - begin
            self._held_bytes += int(ends[end - 1]) - before
            begin = end
        self.rows += rows.num_rows

    def _flush(self) -> None:
        import pyarrow as pa

        group = pa.concat_tables(self._held).combine_chunks()
        self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self._held, self._held_rows, self._held_bytes = [], 0, 0

    def close(self) -> None:
        if self._held:
            self._flush()
        self._writer.close()

    def abort(self) -> None:
        with contextlib.suppress(OSError):  # the disk may be full: that is why we stop
            self._writer.close()


def row_bytes(table: "pa.Table") -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Bytes of each row before compression [rows]: values of fixed width, and text and lists by their length."""
    import numpy as np

    total = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        if column.num_chunks:
            total += np.concatenate([_array_bytes(chunk) for chunk in column.chunks])
    return total


def _array_bytes(array: "pa.Array") -> "np.ndarray[Any, np.dtype[np.int64]]":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_struct(kind):
        return np.sum([_array_bytes(child) for child in array.flatten()], axis=0, dtype=np.int64)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        inner = np.concatenate([[0], np.cumsum(_array_bytes(array.flatten()))])
        ends = np.cumsum(lengths)
        return inner[ends] - inner[ends - lengths] + 8
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        return pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64) + 8
    width = kind.bit_width // 8 if pa.types.is_primitive(kind) else 8
    return np.full(len(array), max(1, width), np.int64)


def parquet_files(source: Path) -> list[Path]:
    """The Parquet files of a directory (by name) or the one file named; UserError (exit 4) when there are none."""
    files = sorted(source.glob("*.parquet")) if source.is_dir() else [source] if source.is_file() else []
    if not files:
        raise UserError(f"no Parquet files at {source}", hint="is the run finished?", code=Exit.INPUT)
    return files


def read_tables(source: Path, columns: Sequence[str] | None = None) -> "pl.LazyFrame":
    """A table of a run (a directory of shards, in order, or one file) as a lazy frame."""
    import polars as pl

    frame = pl.scan_parquet(parquet_files(source), glob=False)  # a run's name may hold `[` or `*`
    return frame if columns is None else frame.select(columns)


class Database:
    """DuckDB in memory, for queries over Parquet files: made by `connect`."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> "pl.DataFrame":
        """Run one SELECT on a cursor of its own; UserError when it takes too long or more memory than allowed."""
        import duckdb
        import polars as pl

        with self._cursor() as cursor:
            try:
                return pl.DataFrame(cursor.sql(sql, params=parameters).to_arrow_table())
            except duckdb.InterruptException:
                message, hint = "the query took too long and was stopped", "ask for less, or allow it more time"
            except duckdb.OutOfMemoryException:
                message, hint = "the query needs more memory than it may use", "ask for less, or allow it more memory"
        raise UserError(message, hint=hint)

    @contextlib.contextmanager
    def _cursor(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        """Give its memory back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    directories: Sequence[Path],
    *,
    memory_mb: int = 2048,
    threads: int = 0,
    query_s: float = QUERY_S,
    scratch: Path | None = None,
) -> Database:
    """DuckDB that sees only `directories` (and `scratch`, where it may spill): no other file, no network, no
    extension, no Python variable; each query is limited in memory and time, and no query can lift the limits.

    threads=0 takes every core of this process. `query_s=0` sets no limit.
    """
    import duckdb

    from workbench.processes import cores

    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_mb}MB",
            "threads": threads or cores(),
            "max_execution_time": int(1000 * query_s),
            "temp_directory": "" if scratch is None else str(scratch),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_extension_repositories": "forbidden",
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        },
    )
    # A directory is a prefix to DuckDB: without the slash, /runs/a would open /runs/a-private too.
    allowed = [f"{path.resolve()}/" for path in directories]
    connection.execute("SET allowed_directories = ?", [allowed])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return Database(connection)
