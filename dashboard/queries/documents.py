"""What the documents page asks of a curated run: lists by narrow columns, and one document by where it lies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboard.source import Source
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import polars as pl

FILTERS = ("state", "step", "rule", "lang", "host")
STATES = ("kept", "dropped", "failed")
HOSTS = 200
_LISTED = "id, state, step, rule, value, threshold, tokens, lang, host, url, error, snippet[:160] AS snippet"
_PLACE = "file_index, file_row_number"


class Count(NamedTuple):
    """Documents that pass the filters, and their tokens; exact."""

    documents: int
    tokens: int


class Choices(NamedTuple):
    """What the filters may be set to, from the counts that the run keeps: names in order, hosts by documents."""

    steps: list[str]
    rules: list[str]
    langs: list[str]
    hosts: list[str]


def choices(source: Source) -> Choices:
    """The steps, rules and languages that occur, and the `HOSTS` largest hosts."""

    def distinct(column: str) -> list[str]:
        rows = source.query(f"SELECT DISTINCT {column} FROM {{rollups}} WHERE {column} IS NOT NULL ORDER BY 1")  # noqa: S608
        return [str(row[0]) for row in rows.rows()]

    hosts = source.query(
        "SELECT host FROM {rollups} WHERE host IS NOT NULL "
        "GROUP BY host ORDER BY sum(documents) DESC, host LIMIT $most",
        most=HOSTS,
    )
    return Choices(distinct("step"), distinct("rule"), distinct("lang"), hosts["host"].to_list())


def count(source: Source, **filters: str | None) -> Count:
    """How many documents the filters leave, from the rollups: no row of the decisions is read."""
    where, values = _where(filters)
    rows = source.query(
        f"SELECT coalesce(sum(documents), 0)::BIGINT, coalesce(sum(tokens), 0)::BIGINT FROM {{rollups}}{where}",  # noqa: S608
        **values,
    )
    return Count(*rows.row(0))


def rows(source: Source, *, offset: int, limit: int, **filters: str | None) -> pl.DataFrame:
    """Decisions that pass the filters, in the order of the input, from `offset`; the text is not among the columns."""
    where, values = _where(filters)
    return source.query(
        f"SELECT {_LISTED} FROM {{decisions}}{where} LIMIT $limit OFFSET $offset",  # noqa: S608 - names of ours
        **values,
        limit=limit,
        offset=offset,
    )


def find(source: Source, *, key: str) -> dict[str, Any] | None:
    """The decision about the page named by its id, the first digits of it (8 or more), or its address.

    As in `curate explain`: of several records with one id the kept one is meant, else the first. None where there is
    none. `file_index` and `file_row_number` are its place in the table.
    """
    if re.fullmatch(r"[0-9a-f]{32}", key):
        which = "id = $key"
    elif re.fullmatch(r"[0-9a-f]{8,}", key):
        which = "starts_with(id, $key)"
    else:
        which = "url = $key"
    # In two steps: many columns of the few rows that match, not of all.
    found = source.query(
        f"SELECT {_PLACE}, state FROM {{decisions}} WHERE {which} "  # noqa: S608 - one of three conditions of ours
        f"ORDER BY state != 'kept', {_PLACE} LIMIT 1",
        key=key,
    )
    if found.is_empty():
        return None
    file, row, _ = found.row(0)
    whole = source.query(
        f"SELECT *, {_PLACE} FROM {{decisions}} WHERE file_index = $file AND file_row_number = $row",  # noqa: S608
        file=file,
        row=row,
    )
    return whole.row(0, named=True)


def named(source: Source, ids: list[str]) -> pl.DataFrame:
    """State, host and tokens of the documents with these ids, each once: id, state, host, tokens."""
    return source.query(
        "SELECT id, state, host, tokens FROM {decisions} WHERE id IN (SELECT unnest($ids)) "
        "AND rule IS DISTINCT FROM 'read.same_record'",
        ids=ids,
    ).unique("id", maintain_order=True)


def rank(source: Source, *, file_index: int, file_row_number: int, **filters: str | None) -> int | None:
    """The place of a decision among those that the filters leave, from 0; None where they leave it out."""
    where, values = _where(filters)
    joint = " AND " if where else " WHERE "
    place: dict[str, Any] = {"file": file_index, "row": file_row_number}
    here = "file_index = $file AND file_row_number = $row"
    own = source.query(f"SELECT count(*) FROM {{decisions}}{where}{joint}{here}", **values, **place)  # noqa: S608
    if not own.item():
        return None
    before = "(file_index < $file OR file_index = $file AND file_row_number < $row)"
    return int(source.query(f"SELECT count(*) FROM {{decisions}}{where}{joint}{before}", **values, **place).item())  # noqa: S608


def text(source: Source, *, key: str, state: str, file: str, row: int) -> dict[str, Any] | None:
    """The stored document with its text, None where the run kept no text of it.

    It is found by the file and offset of its record, which are stored in order: all but one or two row groups are
    passed over by their statistics.
    """
    table = "documents" if state == "kept" else "dropped"
    if not source.has(table):
        return None
    found = source.query(
        f"SELECT * FROM {{{table}}} WHERE file = $file AND row = $row AND id = $id LIMIT 1",  # noqa: S608 - of two names
        file=file,
        row=row,
        id=key,
    )
    return None if found.is_empty() else found.row(0, named=True)


def edits(source: Source, *, key: str) -> list[dict[str, Any]]:
    """What was changed in the document, in the order of its extracted text; empty where the run edits nothing."""
    if not source.has("edits"):
        return []
    names = 'step, kind, "start", "end", removed, digest, replacement'
    return source.query(f'SELECT {names} FROM {{edits}} WHERE id = $id ORDER BY "start", "end"', id=key).to_dicts()  # noqa: S608


def items(source: Source, *, key: str) -> list[dict[str, Any]]:
    """The places of the document where benchmark items stand, the best first; empty where nobody looked."""
    if not source.has("contamination"):
        return []
    order = 'score DESC, suite, item, part, "start"'
    return source.query(f"SELECT * FROM {{contamination}} WHERE id = $id ORDER BY {order}", id=key).to_dicts()  # noqa: S608


def measures(source: Source, *, key: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """These of the document's measures; no row for a page that no rule judged.

    columns: as the run's profile names them. Raises UserError for a name that no measure can have.
    """
    strange = [name for name in columns if not re.fullmatch(r"[\w.@-]+", name)]
    if strange:
        raise UserError(f"the run '{source.run.id}' has a measure of a strange name: {strange[0]!r}", code=Exit.INPUT)
    names = ", ".join(f'"{name}"' for name in columns)
    return source.query(f"SELECT {names} FROM {{measures}} WHERE id = $id LIMIT 1", id=key)  # noqa: S608 - checked


def duplicate(source: Source, *, key: str) -> dict[str, Any] | None:
    """How the document was found to be another's duplicate (None where it was not), with the other's address."""
    if not source.has("duplicates"):
        return None
    found = source.query("SELECT * FROM {duplicates} WHERE dropped_id = $id LIMIT 1", id=key)
    if found.is_empty():
        return None
    row = found.row(0, named=True)
    other = find(source, key=str(row["kept_id"]))
    return {**row, "kept_url": None if other is None else other["url"]}


def stands_for(source: Source, *, key: str) -> int:
    """For how many removed duplicates a kept document stands."""
    if not source.has("duplicates"):
        return 0
    return int(source.query("SELECT count(*) FROM {duplicates} WHERE kept_id = $id", id=key).item())


def inputs(source: Source) -> dict[str, str]:
    """The digest of every input file that the run read, by its path."""
    listed = source.json("manifest.json").get("inputs") or []
    return {str(one.get("path")): str(one.get("digest")) for one in listed}


def _where(filters: dict[str, str | None]) -> tuple[str, dict[str, str]]:
    """A condition on the filters that are set, and its values. Raises KeyError for a filter that does not exist."""
    chosen = {name: value for name, value in filters.items() if value is not None}
    unknown = [name for name in filters if name not in FILTERS]
    if unknown:
        raise KeyError(f"no filter {unknown}")
    clause = " AND ".join(f"{name} = ${name}" for name in chosen)
    return (f" WHERE {clause}" if clause else ""), chosen
