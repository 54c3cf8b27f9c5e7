"""Parquet files by row group and Arrow IPC files (as Hugging Face datasets save them) by record batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from curate.sources.fields import Fields, choose_fields, row_page
from curate.sources.files import is_url, open_binary
from curate.sources.options import ReadOptions
from curate.sources.page import Origin
from curate.sources.record import Record, UnitCounts, UnitSpec
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 64  # bounds memory where rows are pages of megabytes; larger batches are not faster


class Part(NamedTuple):
    """A stretch of a table: row groups or record batches [begin, end)."""

    begin: int
    end: int


def parquet_parts(path: str, unit_bytes: int, options: ReadOptions) -> list[Part]:
    """Row groups, small neighbours joined up to `unit_bytes`. Raises UserError for bad files and missing columns."""
    file = _open_parquet(path)
    _fields(file.schema_arrow.names, path, options)
    sizes = [file.metadata.row_group(index).total_byte_size for index in range(file.num_row_groups)]
    return _join(sizes, unit_bytes)


def read_parquet(spec: UnitSpec, options: ReadOptions, counts: UnitCounts) -> Iterator[Record]:
    """The rows of the unit's row groups; `row` counts from the start of the file."""
    file = _open_parquet(spec.path)
    fields = _fields(file.schema_arrow.names, spec.path, options)
    groups = [file.metadata.row_group(index) for index in range(spec.end)]
    first = sum(group.num_rows for group in groups[: spec.begin])
    counts.bytes_in = sum(_compressed_bytes(group) for group in groups[spec.begin :])
    batches = file.iter_batches(
        _ROWS_AT_ONCE, row_groups=list(range(spec.begin, spec.end)), columns=fields.names(), use_threads=False
    )
    yield from _rows(batches, fields, spec.file, first, options)


def arrow_parts(path: str, unit_bytes: int, options: ReadOptions) -> list[Part]:
    """Record batches, small neighbours joined up to `unit_bytes`. Raises UserError as `parquet_parts`."""
    schema, batches = _open_arrow(path)
    _fields(schema.names, path, options)
    try:
        return _join([batch.nbytes for batch in batches], unit_bytes)
    except _arrow_errors() as error:
        raise _unreadable(path, error) from error


def read_arrow(spec: UnitSpec, options: ReadOptions, counts: UnitCounts) -> Iterator[Record]:
    """The rows of the unit's record batches; batches before them are passed over without being read from disk."""
    schema, batches = _open_arrow(spec.path)
    fields = _fields(schema.names, spec.path, options)
    first = 0
    for index, batch in enumerate(batches):
        if index >= spec.end:
            return
        if index >= spec.begin:
            counts.bytes_in += batch.nbytes
            slices = (batch.slice(at, _ROWS_AT_ONCE) for at in range(0, batch.num_rows, _ROWS_AT_ONCE))
            yield from _rows((piece.select(fields.names()) for piece in slices), fields, spec.file, first, options)
        first += batch.num_rows


def _rows(
    batches: Iterator[pa.RecordBatch], fields: Fields, file: str, first: int, options: ReadOptions
) -> Iterator[Record]:
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            names, columns = batch.schema.names, [_values(column) for column in batch.columns]
        except _arrow_errors() as error:
            reason = str(error).partition("\n")[0][:200]
            yield Origin(file, first).failed(f"rows from {first} on cannot be read: {reason}")
            return
        for number, values in enumerate(zip(*columns, strict=True), first):
            yield row_page(dict(zip(names, values, strict=True)), fields, file, number, options)
        first += batch.num_rows


def _values(column: pa.Array) -> list[Any]:
    """A column as Python values; text that is no valid UTF-8 costs a few characters, not the batch."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        cells = column.cast(pa.large_string()).view(pa.large_binary()).to_pylist()
        return [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
    return column.to_pylist()


def _fields(names: list[str], path: str, options: ReadOptions) -> Fields:
    fields = choose_fields(names, options)
    missing = [
        name
        for name in (options.text_field, options.html_field, options.url_field, options.date_field, options.id_field)
        if name and name not in names
    ]
    if fields is None or missing:
        wanted = f"column {missing[0]}" if missing else "column text, content, html or raw_content"
        raise UserError(
            f"{path}: no {wanted}; it has: {', '.join(names)}",
            hint="name the column that holds the text",
            code=Exit.INPUT,
        )
    return fields


def _open_parquet(path: str) -> Any:
    import pyarrow.parquet as pq

    source = open_binary(path) if is_url(path) else path
    try:
        return pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False)
    except _arrow_errors() as error:
        raise _unreadable(path, error) from error


def _open_arrow(path: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Schema and batches of an IPC file or stream; local files are mapped: a batch costs nothing until it is read."""
    import pyarrow as pa

    try:
        source = pa.PythonFile(open_binary(path), "r") if is_url(path) else pa.memory_map(path)
        if source.read(6) == b"ARROW1":
            source.seek(0)
            file = pa.ipc.open_file(source)
            return file.schema, (file.get_batch(index) for index in range(file.num_record_batches))
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)
    except _arrow_errors() as error:
        raise _unreadable(path, error) from error


def _arrow_errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError)


def _unreadable(path: str, error: Exception) -> UserError:
    return UserError(f"cannot read {path}: {str(error).partition(chr(10))[0]}", code=Exit.INPUT)


def _join(sizes: list[int], unit_bytes: int) -> list[Part]:
    """Neighbouring pieces joined while they stay within `unit_bytes`."""
    parts: list[Part] = []
    total = 0
    for index, size in enumerate(sizes):
        if parts and total + size <= unit_bytes:
            parts[-1] = Part(parts[-1].begin, index + 1)
            total += size
        else:
            parts.append(Part(index, index + 1))
            total = size
    return parts


def _compressed_bytes(group: Any) -> int:
    return sum(group.column(index).total_compressed_size for index in range(group.num_columns))
