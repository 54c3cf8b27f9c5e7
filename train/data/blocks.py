"""Blocks: pieces of a dataset's files that are read on their own, and how each kind of file becomes documents."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
import zstandard

from workbench.errors import Exit, UserError, did_you_mean
from workbench.recipes import Section

BLOCK_BYTES = 4 << 20  # of text that one worker takes at a time
BLOCK_CHARS = 4_000  # of a text file that is cut into documents, at least
_MOST_PARTS = 16  # of one row group: each part reads the group from its beginning
_ROWS = 256
_LOOKED_AT = 100  # rows of JSONL in which a text must be named
_PAGE_BREAK = re.compile(r"\n(?:[^\S\n]*\n)+")
_NAMES = {
    "text": ("text", "content", "raw_content"),
    "id": ("id",),
    "lang": ("lang", "language"),
    "domain": ("domain",),
    "source": ("source",),
    "url": ("url",),
}
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)


class Fields(Section):
    """Columns of Parquet or names in JSON; where one is not given, the first of the usual names that is there."""

    text: str | None = None  # default: text, content or raw_content
    id: str | None = None  # default: id; without it, a hash of file and row
    lang: str | None = None  # default: lang or language
    domain: str | None = None  # default: domain
    source: str | None = None  # default: source, else the file
    url: str | None = None  # default: url

    def among(self, present: Collection[str]) -> dict[str, str]:
        """The name in use for each field that is there."""
        found = {}
        for field, usual in _NAMES.items():
            given = getattr(self, field)
            name = next((name for name in ((given,) if given else usual) if name in present), None)
            if name is not None:
                found[field] = name
        return found

    def choose(self, present: Collection[str], file: str) -> dict[str, str]:
        """As `among`. Raises UserError (exit 4) where one that is named, or any text, is missing."""
        chosen = self.among(present)
        for field, usual in _NAMES.items():
            given = getattr(self, field)
            if field not in chosen and (given or field == "text"):
                what = f"no column '{given}'" if given else f"no text column ({', '.join(usual)})"
                near = did_you_mean(given or "text", present)
                hint = f"name the column with --text-field{'; ' + near if near else ''}" if field == "text" else near
                raise UserError(what, hint=hint, code=Exit.INPUT, file=file)
        return chosen


class Document(NamedTuple):
    """One text, None where the row has none.

    place: where it stands, as `file:row` (of JSONL and text the byte or the character where it begins). copy: above 0
    where an export of a mix repeats a document.
    """

    id: str
    text: str | None
    place: str
    lang: str | None = None
    domain: str | None = None
    source: str | None = None
    url: str | None = None
    copy: int = 0


class Block(NamedTuple):
    """What one worker reads: rows of a row group, bytes of a JSONL file whose lines begin there, or a whole file.

    path: where it lies. file: its name in the dataset. digest: SHA-256 of the file. split and phase: what the name of
    an export's file says.
    """

    kind: str  # parquet | jsonl | text
    path: str
    file: str
    digest: str
    begin: int
    end: int
    group: int = 0
    split: str | None = None
    phase: str | None = None


def kind_of(name: str) -> str | None:
    """What a file is by its name; None for what is not read."""
    lower = name.lower()
    for kind, endings in _ENDINGS.items():
        if lower.endswith(endings):
            return kind
    return None


_ENDINGS = {
    "parquet": (".parquet",),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.zst", ".ndjson.gz", ".ndjson.zst", ".json.gz", ".json.zst"),
    "text": (".txt", ".text", ".md", ".rst", ".py", ".txt.gz", ".txt.zst"),
}
ENDINGS = ", ".join(ending for endings in _ENDINGS.values() for ending in endings)


def cut(kind: str, path: Path, file: str, digest: str, fields: Fields) -> list[Block]:
    """The blocks of one file, in order. Raises UserError (exit 4) where it is damaged or holds no text column."""
    if kind == "parquet":
        return list(_cut_parquet(path, file, digest, fields))
    size = path.stat().st_size
    if kind == "jsonl":
        _check_jsonl(Block(kind, str(path), file, digest, 0, size), fields)
    if kind == "text" or path.suffix in (".gz", ".zst"):
        return [Block(kind, str(path), file, digest, 0, size)] if size else []
    return [
        Block(kind, str(path), file, digest, begin, min(begin + BLOCK_BYTES, size))
        for begin in range(0, size, BLOCK_BYTES)
    ]


def _cut_parquet(path: Path, file: str, digest: str, fields: Fields) -> Iterator[Block]:
    try:
        metadata = pq.read_metadata(path)
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, str(error).partition("\n")[0]) from None
    name = fields.choose(schema.names, file)["text"]
    kind = schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        hint = "name a column of text with --text-field"
        raise UserError(f"column '{name}' holds {kind}, not text", hint=hint, code=Exit.INPUT, file=file)
    first = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = (group.column(index) for index in range(group.num_columns))
        size = sum(column.total_uncompressed_size for column in columns if column.path_in_schema == name)
        parts = max(1, min(-(-size // BLOCK_BYTES), _MOST_PARTS, group.num_rows))
        bounds = [first + group.num_rows * part // parts for part in range(parts + 1)]
        for begin, end in pairwise(bounds):
            if begin < end:
                yield Block("parquet", str(path), file, digest, begin, end, number)
        first += group.num_rows


def read(block: Block, fields: Fields, *, whole: bool) -> Iterator[Document]:
    """The documents of a block, streamed. whole: a text file is one document, else cut at blank lines."""
    readers: dict[str, Callable[[], Iterator[Document]]] = {
        "parquet": lambda: _read_parquet(block, fields),
        "jsonl": lambda: _read_jsonl(block, fields),
        "text": lambda: _read_text(block, whole),
    }
    try:
        yield from readers[block.kind]()
    except _DAMAGE as error:
        raise _damaged(block.file, str(error) or type(error).__name__) from None
    except (pa.ArrowException, OSError) as error:
        raise _damaged(block.file, str(error).partition("\n")[0]) from None


def _damaged(file: str, what: str) -> UserError:
    return UserError(f"cannot be read: {what}", hint="bring the file back, or leave it out", code=Exit.INPUT, file=file)


def _read_parquet(block: Block, fields: Fields) -> Iterator[Document]:
    with pq.ParquetFile(block.path) as file:
        chosen = fields.choose(file.schema_arrow.names, block.file)
        columns = [*dict.fromkeys(chosen.values())]
        if block.phase is not None:
            columns.append("copy")
        row = sum(file.metadata.row_group(number).num_rows for number in range(block.group))
        for batch in file.iter_batches(_ROWS, [block.group], columns):
            low, high = max(block.begin - row, 0), min(block.end - row, batch.num_rows)
            if low < high:
                for number, values in enumerate(batch.slice(low, high - low).to_pylist(), row + low):
                    yield _document(values, chosen, block, number)
            row += batch.num_rows
            if row >= block.end:
                return


def _read_jsonl(block: Block, fields: Fields) -> Iterator[Document]:
    for offset, values in _objects(block):
        yield _document(values, fields.among(values), block, offset)


def _check_jsonl(block: Block, fields: Fields) -> None:
    """Whether the first rows have a text at all: a later one may lack it, and is counted then."""
    names: dict[str, None] = {}
    try:
        for _, values in islice(_objects(block), _LOOKED_AT):
            names |= dict.fromkeys(values)
    except (*_DAMAGE, OSError) as error:
        raise _damaged(block.file, str(error) or type(error).__name__) from None
    if names:
        fields.choose(names, block.file)


def _objects(block: Block) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of the lines that begin in the block, and the byte where each begins."""
    with _opened(block.path) as file:
        compressed = Path(block.path).suffix in (".gz", ".zst")
        offset, end = (0, None) if compressed else (block.begin, block.end)
        if offset:
            file.seek(offset - 1)
            offset += len(file.readline()) - 1  # the line that the block before it owns
        while (end is None or offset < end) and (line := file.readline()):
            if not line.isspace():
                yield offset, _object(line, block, offset)
            offset += len(line)


def _object(line: bytes, block: Block, offset: int) -> dict[str, Any]:
    try:
        values = _parse(line.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        what = f"no JSON: {str(error).partition(chr(10))[0]}"
    except RecursionError:
        what = "no JSON: nested too deeply"
    else:
        if isinstance(values, dict):
            return values
        what = "no JSON object"
    raise UserError(
        what, hint="put the line right, or take it out", code=Exit.INPUT, file=block.file, line=_line(block, offset)
    )


def _parse(line: bytes) -> Any:
    """What the strict parser refuses but writers produce is read too: lone surrogates, NaN."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode("utf-8"))


def _line(block: Block, offset: int) -> int:
    """The number of the line at an offset of the decompressed file, from 1: counted only for a message."""
    lines = 1
    with _opened(block.path) as file:
        while offset > 0 and (chunk := file.read(min(offset, 1 << 20))):
            lines += chunk.count(b"\n")
            offset -= len(chunk)
    return lines


def _document(values: Mapping[str, Any], chosen: Mapping[str, str], block: Block, row: int) -> Document:
    file = block.file
    found = {field: values.get(name) for field, name in chosen.items()}
    text = found.pop("text", None)
    if text is not None and not isinstance(text, str):
        hint = "name a column of text with --text-field"
        what = f"row {row}: '{chosen['text']}' holds {type(text).__name__}, not text"
        raise UserError(what, hint=hint, code=Exit.INPUT, file=file)
    labels = {name: None if value is None else str(value) for name, value in found.items()}
    key = labels.pop("id", None)
    labels["source"] = labels.get("source") or file
    return Document(
        id=key or xxhash.xxh3_128_hexdigest(f"{file}:{row}".encode("utf-8", "surrogateescape")),
        text=clean(text) if text else None,
        place=f"{file}:{row}",
        copy=0 if block.phase is None else int(values["copy"]),
        **labels,
    )


def clean(text: str) -> str:
    """Halves of surrogate pairs, which JSON can spell and no file can hold, become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _read_text(block: Block, whole: bool) -> Iterator[Document]:
    with _opened(block.path) as file:
        data = file.read()
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise UserError(what, hint="save it as UTF-8", code=Exit.INPUT, file=block.file, line=line) from None
    begin = 0
    for end in [len(text)] if whole else _ends(text):
        key = xxhash.xxh3_128_hexdigest(f"{block.file}:{begin}".encode("utf-8", "surrogateescape"))
        yield Document(key, text[begin:end] or None, f"{block.file}:{begin}", source=block.file)
        begin = end


def _ends(text: str) -> Iterator[int]:
    """Where documents of a text end: after the first blank line that follows BLOCK_CHARS characters."""
    begin = 0
    while found := _PAGE_BREAK.search(text, begin + BLOCK_CHARS):
        begin = found.end()
        if begin < len(text):
            yield begin
    yield len(text)


def _opened(path: str) -> io.BufferedIOBase:
    if path.endswith(".gz"):
        return gzip.open(path, "rb")
    if path.endswith(".zst"):
        packed = Path(path).open("rb")  # noqa: SIM115  (closed with the reader)
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True))
    return Path(path).open("rb")
