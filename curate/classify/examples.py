"""Examples: texts with a label, from every source a training names, checked and cut into pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import xxhash

from curate.ask.finished import FinishedRun
from curate.classify import files, labels
from curate.classify.files import Row
from curate.classify.settings import Source
from workbench.errors import UserError, did_you_mean
from workbench.files import sha256
from workbench.manifest import Input
from workbench.runs import Run

SCHEMA: dict[str, Any] = {
    "id": pl.String,  # of the document; its pieces share it
    "piece": pl.Int64,
    "label": pl.String,  # null where the source has none
    "source": pl.String,
    "group": pl.String,
    "url": pl.String,
    "host": pl.String,
    "lang": pl.String,
    "text": pl.String,
}
JOIN = " + "
"""Between the labels of an example that has several."""
_COLUMNS = ("id", "url", "host", "lang", "text")
_URL_FIELDS = ("url", "source_url", "uri")


@dataclass
class Examples:
    """frame: SCHEMA, one row a piece. parents and inputs: the runs and files that were read. notes: what to warn of."""

    frame: pl.DataFrame
    parents: list[Run] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Reader:
    """Reads sources relative to `folder`; runs are found under `root`."""

    def __init__(self, folder: Path, root: Path, *, piece: int, seed: int) -> None:
        self._folder, self._root, self._piece, self._seed = folder, root, piece, seed
        self._runs: dict[str, FinishedRun] = {}
        self._inputs: dict[str, Input] = {}
        self._notes: list[str] = []

    def read(self, by_label: Mapping[str, Sequence[Source]], labelled: Sequence[Source] = ()) -> Examples:
        """All examples; a document that is named twice counts once, by its first label.

        Raises UserError with the place of bad rows.
        """
        documents: list[dict[str, Any]] = []
        taken: dict[str, str | None] = {}
        twice: Counter[tuple[str | None, str | None]] = Counter()
        sources: list[tuple[str | None, Source]] = [(label, one) for label, many in by_label.items() for one in many]
        sources += [(None, one) for one in labelled]
        for label, source in sources:
            for row in self._limited(source, label):
                if row["id"] not in taken:
                    taken[row["id"]] = row["label"]
                    documents.append(row)
                elif taken[row["id"]] != row["label"]:
                    twice[taken[row["id"]], row["label"]] += 1
        for (first, second), many in twice.items():
            self._notes.append(f"{many:,} documents are named as {first} and as {second}; they count as {first}")
        pieces = [piece for row in documents for piece in self._pieces(row)]
        frame = pl.DataFrame(pieces, SCHEMA, orient="row")
        parents = {str(run.path.resolve()): run.run for run in self._runs.values()}
        return Examples(frame, list(parents.values()), list(self._inputs.values()), self._notes)

    def _pieces(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for number, text in enumerate(cut(row["text"], self._piece)):
            if has_words(text):
                yield {**row, "text": text, "piece": number}

    def _limited(self, source: Source, label: str | None) -> list[dict[str, Any]]:
        rows = list(self._run_rows(source, label) if source.run is not None else self._file_rows(source, label))
        if source.limit is None or len(rows) <= source.limit:
            return rows
        keys = [xxhash.xxh3_64_intdigest(row["id"].encode(), self._seed) for row in rows]
        order = sorted(range(len(rows)), key=lambda at: (keys[at], at))
        return [rows[at] for at in sorted(order[: source.limit])]

    def _run_rows(self, source: Source, label: str | None) -> Iterator[dict[str, Any]]:
        assert source.run is not None
        if source.run not in self._runs:
            local = self._folder / source.run
            name = str(local) if local.is_dir() else source.run
            self._runs[source.run] = FinishedRun.open(name, self._root)
        run = self._runs[source.run]
        if source.about is None:
            documents = run.scan("documents").select(_COLUMNS)
        else:
            documents = self._given(source, run)
        if source.langs is not None:
            documents = documents.filter(pl.col("lang").is_in(source.langs))
        if source.urls is not None:
            listed = self._listed(self._folder / source.urls)
            documents = documents.filter(pl.col("url").is_in(listed) | pl.col("host").is_in(listed))
        empty = 0
        for row in documents.collect().iter_rows(named=True):
            if not has_words(row["text"] or ""):
                empty += 1
                continue
            group = f"host {row['host']}" if row["host"] else row["id"]
            yield {**row, "label": label, "source": source.name, "group": group}
        if empty:
            self._notes.append(f"{empty:,} documents of {source.run} have no word and are left out")

    def _given(self, source: Source, run: FinishedRun) -> pl.LazyFrame:
        """The documents, kept and dropped, that people gave the source's label."""
        assert source.about is not None
        assert source.given is not None
        said = labels.of(run.run.id, source.about, self._root)
        if said.input.path not in self._inputs:
            self._inputs[said.input.path] = said.input
            self._notes += said.notes
        ids = [item for item, label in said.labels.items() if label == source.given]
        if not ids:
            there = ", ".join(sorted(set(said.labels.values())))
            self._notes.append(f"{source.run}: no document is '{source.given}' on '{source.about}', only: {there}")
        tables = [run.scan(name).select(_COLUMNS) for name in ("documents", "dropped") if run.has(name)]
        found = pl.concat(tables).filter(pl.col("id").is_in(ids)).collect()
        lost = len(ids) - found["id"].n_unique()
        if lost:
            self._notes.append(
                f"{lost:,} documents that people labelled are not in {source.run}, or without their text"
            )
        return found.lazy()

    def _listed(self, path: Path) -> list[str]:
        entries = [line.strip() for row in files.read_rows(path) for line in str(row.values["text"]).splitlines()]
        self._remember(path)
        found = [entry for entry in entries if entry and not entry.startswith("#")]
        if not found:
            raise UserError("the list is empty", hint="one URL or host a line", file=path)
        return found

    def _file_rows(self, source: Source, label: str | None) -> Iterator[dict[str, Any]]:
        assert source.path is not None
        found = 0
        for path in files.files_of(self._folder / source.path):
            self._remember(path)
            for row in files.read_rows(path):
                found += 1
                yield self._file_row(source, label, path, row)
        if not found:
            raise UserError(f"no example in {self._folder / source.path}", hint="the file is empty")

    def _file_row(self, source: Source, label: str | None, path: Path, row: Row) -> dict[str, Any]:
        table = files.is_table(path)
        text = _field(row, source.text if table else "text")
        if not isinstance(text, str):
            raise row.error(f"'{source.text}' is {type(text).__name__}, no text", "name the field of the text")
        if not has_words(text):
            raise row.error("the text has no word: only white space and punctuation", "remove the row")
        if label is None:
            label = _label(source, row)
        url = next((row.values[name] for name in _URL_FIELDS if isinstance(row.values.get(name), str)), None)
        host = _host(url)
        place = f"{path.name}:{row.line}" if table else path.name
        group = place if host is None else f"host {host}"
        if table and source.group is not None:
            group = f"{source.group} {_field(row, source.group)}"
        lang = row.values.get("lang")
        key = xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))
        return {
            "id": key,
            "label": label,
            "source": source.name,
            "group": group,
            "url": url,
            "host": host,
            "lang": lang if isinstance(lang, str) else None,
            "text": text,
        }

    def _remember(self, path: Path) -> None:
        name = path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else path.as_posix()
        if name not in self._inputs:
            self._inputs[name] = Input(path=name, bytes=path.stat().st_size, digest=sha256(path))


def has_words(text: str) -> bool:
    """Whether there is a letter or digit: what only has punctuation teaches nothing."""
    return any(character.isalnum() for character in text)


def cut(text: str, size: int) -> list[str]:
    """Pieces of about `size` characters that end at line ends, else at spaces; the last is never under half of it."""
    if not size or len(text) <= 1.5 * size:
        return [text]
    pieces = []
    at = 0
    while len(text) - at > 1.5 * size:
        stop = -1
        for mark in ("\n\n", "\n", " "):
            stop = text.rfind(mark, at + max(1, size // 2), at + size)
            if stop > 0:
                break
        stop = stop if stop > 0 else at + size  # one word longer than a piece
        pieces.append(text[at:stop].strip())
        at = stop
    pieces.append(text[at:].strip())
    return pieces


def _label(source: Source, row: Row) -> str | None:
    """The label of a row; several are joined, none of several is an empty text."""
    if source.labels is not None:
        there = [(name, _field(row, name)) for name in source.labels]
        for name, value in there:
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise row.error(f"'{name}' is {value!r}, not between 0 and 1", "0 or 1, false or true, or a share")
        return JOIN.join(name for name, value in there if value >= 0.5)
    if source.label is None:
        return None
    value = _field(row, source.label)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return JOIN.join(value)
    if not isinstance(value, str | int | bool):
        raise row.error(f"'{source.label}' is {value!r}, no label", "a label is a word or a whole number")
    return str(value)


def _field(row: Row, name: str) -> Any:
    if row.values.get(name) is None:
        hint = did_you_mean(name, list(row.values)) or f"its fields: {', '.join(list(row.values)[:12])}"
        raise row.error(f"no field '{name}'", hint)
    return row.values[name]


def _host(url: str | None) -> str | None:
    try:
        return urlsplit(url).hostname if url else None
    except ValueError:
        return None
