"""Where the rows of a task are, and reading them: local files, folders of data sets, URLs that the user names."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

import zstandard

from evalkit.tasks import made
from evalkit.tasks.schema import Data
from workbench.errors import Exit, UserError

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".arrow", ".json", ".json.gz", ".csv", ".csv.gz")
_ROWS = 1024  # of Parquet, at a time
_LONGEST_FIELD = 1 << 27
_DAMAGE = (OSError, EOFError, ValueError, RecursionError, csv.Error, zlib.error, zstandard.ZstdError, ImportError)


class Row(NamedTuple):
    """A row as it stands: file, number from 1 (the line, where the file has lines), and its fields or what is wrong."""

    file: str
    number: int
    fields: Mapping[str, Any]
    problem: str | None = None


class Sources(NamedTuple):
    """What the user says of where data are: `given` by the task's name (`arc-easy`, `mmlu:shots`) a file, folder or
    URL; `roots`, folders in which tasks look for the names they know."""

    given: Mapping[str, str] = {}
    roots: Sequence[Path] = ()

    def locate(self, task: str, data: Data, *, shots: bool = False) -> list[str]:
        """The files of a task's items (or of its examples). Raises UserError (exit 4) with all that was looked for."""
        named = self.given.get(f"{task}:shots" if shots else task)
        if named is None and shots:
            folder = self.given.get(task)
            named = folder if folder is not None and Path(folder).is_dir() else None
        if named is None and data.made is not None:
            return [made.url(data.made, data.seed, data.count)]
        if named is not None:
            found = _given(named, data)
            if found:
                return found
            what = f"{task}: nothing to read at {named}"
            raise UserError(what, hint=f"a file ({_kinds()}) or a folder with the split {data.split}", code=Exit.INPUT)
        for root in self.roots:
            found = _below(Path(root), data)
            if found:
                return found
        key = f"{task}:shots" if shots else task
        looked = ", ".join([*data.files, *([data.dataset] if data.dataset else [])])
        roots = [str(root) if Path(root).is_dir() else f"{root} (no such folder)" for root in self.roots]
        where = f" below {', '.join(roots)}" if roots else ""
        raise UserError(
            f"no data for {key}{where} (looked for {looked or 'nothing'})",
            hint=f"name them with --data {key}=FILE, or a folder that holds them with --data-root DIR",
            code=Exit.INPUT,
        )


def given_places(said: Sequence[str]) -> dict[str, str]:
    """`["piqa=piqa.jsonl"]` as a mapping. UserError for what is not of that form."""
    found = {}
    for each in said:
        name, equals, place = each.partition("=")
        if not equals or not name or not place:
            raise UserError(f"--data {each}: not of the form TASK=FILE", hint="for example --data piqa=piqa.jsonl")
        found[name] = place
    return found


def _kinds() -> str:
    return ", ".join(suffix for suffix in SUFFIXES if suffix.count(".") == 1) + "; .gz and .zst may follow"


def _given(named: str, data: Data) -> list[str]:
    if "://" in named:
        if not named.startswith(made.SCHEME):
            _check_bare(named)
        return [named]
    path = Path(named)
    if path.is_dir():
        return _below(path, data) or _split(path, data)
    if any(mark in named for mark in "*?["):
        return sorted(str(each) for each in Path().glob(named)) if not path.is_absolute() else _absolute(path)
    return [named] if path.is_file() else []


def _check_bare(url: str) -> None:
    """UserError for what may hold a secret, which would stand in the files of every run; it is not told."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UserError(f"{url.partition('://')[0]}://...: not a URL", hint="name a file, or correct it") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        place = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        hint = "download it and name the file, or give the bare address"
        raise UserError(f"the URL {place} has a user's name, a password or a query beside it", hint=hint)


def _absolute(path: Path) -> list[str]:
    return sorted(str(each) for each in Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _below(root: Path, data: Data) -> list[str]:
    for name in data.files:
        for suffix in ("", *SUFFIXES):
            path = root / f"{name}{suffix}"
            if path.is_file():
                return [str(path)]
    if data.dataset is not None:
        for folder in (data.dataset, data.dataset.replace("/", "___"), data.dataset.rpartition("/")[2]):
            found = _split(root / folder, data) if (root / folder).is_dir() else []
            if found:
                return found
    return []


def _split(folder: Path, data: Data) -> list[str]:
    """The files of one split of a data set's folder, as the Hugging Face hub or `save_to_disk` lays them out."""
    saved = sorted(folder.glob(f"{data.split}/data-*.arrow")) or sorted(folder.glob("data-*.arrow"))
    if saved:
        return [str(path) for path in saved]
    places = [folder / data.config] if data.config and (folder / data.config).is_dir() else [folder / "data", folder]
    for place in places:
        found = [
            path
            for path in sorted(place.glob("*"))
            if path.name.startswith((f"{data.split}-", f"{data.split}.", f"{data.split}_"))
            and path.name.lower().endswith(SUFFIXES)
            and path.is_file()
        ]
        if found:
            return [str(path) for path in found]
    return []


def read_rows(files: Sequence[str]) -> Iterator[Row]:
    """The rows of the files in order; one that cannot be read is a row with a problem.

    Raises UserError with file and line where a file is damaged, so that what follows cannot be read at all.
    """
    for file in files:
        if file.startswith(made.SCHEME):
            yield from (Row(file, number, fields) for number, fields in enumerate(made.rows(file), 1))
            continue
        name = Path(file).name
        try:
            with _opened(file) as stream:
                for number, fields, problem in _rows(file.lower(), stream):
                    if problem is None and not isinstance(fields, dict):
                        problem, fields = "not an object", {}
                    yield Row(name, number, fields if problem is None else {}, problem)
        except FileNotFoundError:
            raise UserError(f"no file {file}", hint="check the path", code=Exit.INPUT) from None
        except _DAMAGE as error:
            what = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"cannot be read: {what}", hint=f"a file of {_kinds()}", code=Exit.INPUT, file=file
            ) from None


def digest(files: Sequence[str]) -> str:
    """SHA-256 of the files' bytes, as they lie on the disk; of items that the package makes, of these."""
    found = hashlib.sha256()
    for file in files:
        if file.startswith(made.SCHEME):
            for fields in made.rows(file):
                found.update(json.dumps(fields, sort_keys=True).encode() + b"\n")
            continue
        with _raw(file) as stream:
            while part := stream.read(1 << 20):
                found.update(part)
    return found.hexdigest()


def _raw(file: str) -> BinaryIO:
    if "://" not in file:
        return Path(file).open("rb")
    import fsspec

    opened: BinaryIO = fsspec.open(file, "rb").open()
    return opened


def _opened(file: str) -> BinaryIO:
    stream, name = _raw(file), file.lower()
    if name.endswith(".gz"):
        import gzip

        return gzip.open(stream)  # type: ignore[return-value]
    if name.endswith(".zst"):
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))
    return stream


def _rows(name: str, stream: BinaryIO) -> Iterator[tuple[int, Any, str | None]]:
    kind = name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    if kind in ("parquet", "arrow"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            number = 0
            batches = pq.ParquetFile(stream).iter_batches(_ROWS) if kind == "parquet" else pa.ipc.open_stream(stream)
            for batch in batches:
                for fields in batch.to_pylist():
                    number += 1
                    yield number, fields, None
        except pa.ArrowException as error:
            raise ValueError(str(error)) from None
    elif kind == "csv":
        csv.field_size_limit(_LONGEST_FIELD)
        table = csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
        for fields in table:
            # A line of more fields than there are names files them under None.
            whole = None not in fields and None not in fields.values()
            yield table.line_num, fields, None if whole else "not as many fields as the header has names"
    elif kind == "json":
        rows = json.loads(stream.read())
        if not isinstance(rows, list):
            raise ValueError("not a list of objects")
        for number, fields in enumerate(rows, 1):
            yield number, fields, None
    elif kind in ("jsonl", "ndjson"):
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, *_parsed(line)
    else:
        raise ValueError("cannot tell what it is by its name")


def _parsed(line: bytes) -> tuple[Any, str | None]:
    try:
        return json.loads(line), None
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON: {str(error).splitlines()[0]}"
