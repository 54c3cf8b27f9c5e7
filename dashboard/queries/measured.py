"""The measured documents of a run in memory, narrow: about twenty bytes each, and nine more for each measure held.

Decisions and measures lie in different files and in the same order, but not every decision has measures. They are
matched once, by id; afterwards row i is the i-th measured document, and a preview is a scan of arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dashboard.source import Source
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import polars as pl

    from curate.rules import Rule

MOST = 8_000_000
"""Measured documents that are held at once; a run with more is asked by `curate whatif`."""


class Documents(NamedTuple):
    """Every measured document, in the order of `measures/`.

    rows: `set` (index into `sets`), `tokens`, `lang` and `host` (indices into `langs` and `hosts`), `place` (row of
    `decisions/`). sets: `kept` and `fails` by index. starts: the first place of each file of `decisions/`.
    """

    rows: pl.DataFrame
    sets: pl.DataFrame
    langs: pl.Series
    hosts: pl.Series
    starts: list[int]


class Values(NamedTuple):
    """One rule's measure: `value`, and `applies`: whether the rule looks at the document's language."""

    rows: pl.DataFrame

    @property
    def numeric(self) -> bool:
        """Whether the measure is a number."""
        return self.rows.schema["value"].is_numeric()


def documents(source: Source) -> Documents:
    """Read a run's decisions, file by file. Raises UserError (exit 4) where there are none, or they do not match."""
    import polars as pl

    from curate.tokens import column

    counted = column(source.columns("measures"))
    total = int(source.query("SELECT count(*) AS n FROM {measures}")["n"][0])
    if total > MOST:
        raise UserError(
            f"the run '{source.run.id}' has {total:,} measured documents; the page holds at most {MOST:,}",
            hint=f"curate whatif {source.run.path} --set RULE=VALUE",
        )
    measured = source.query(f'SELECT hash(id) AS key, "{counted}"::UINTEGER AS tokens FROM {{measures}}')  # noqa: S608
    kinds, langs, hosts = _Names(), _Names(), _Names()
    parts: list[pl.DataFrame] = []
    starts: list[int] = []
    begin = 0
    # A rule's id has no blank: the list of them, joined, is as good as the list and far smaller.
    select = (
        "SELECT hash(id) AS key, concat_ws(' ', state, array_to_string(fails, ' ')) AS kind, lang, host, "
        "file_row_number::UINTEGER AS place FROM {decisions} "
        "WHERE file_index = $file AND rule IS DISTINCT FROM 'read.same_record'"
    )
    for file, height in source.query(
        "SELECT file_index, max(file_row_number) + 1 AS height FROM {decisions} GROUP BY ALL ORDER BY ALL"
    ).rows():
        starts += [begin] * (file + 1 - len(starts))
        found = source.query(select, file=file)
        parts.append(
            found.select(
                "key",
                kinds.numbers(found["kind"]).alias("set"),
                langs.numbers(found["lang"]).alias("lang"),
                hosts.numbers(found["host"]).alias("host"),
                (pl.col("place") + begin).alias("place").cast(pl.UInt32),
            )
        )
        begin += height
    rows = measured.join(pl.concat([_nothing(), *parts]), on="key", how="left", maintain_order="left")
    # A key that two ids share, here or there, would make another number of rows, or of keys.
    if rows.height != total or rows["set"].has_nulls() or rows["key"].n_unique() != total:
        raise UserError(
            f"decisions and measures of the run '{source.run.id}' are not about the same documents",
            hint=f"curate verify {source.run.path}",
            code=Exit.INPUT,
        )
    return Documents(rows.drop("key").rechunk(), kinds.sets(), langs.series(), hosts.series(), starts)


def values(source: Source, *, column: str, rule: Rule) -> Values:
    """The measure that a rule reads, in the order of `measures/`. UserError (exit 4) where there is no such column."""
    import polars as pl

    from curate.rules import applies

    if column not in source.columns("measures"):
        raise UserError(
            f"the run '{source.run.id}' has no measure '{column}'",
            hint=f"curate verify {source.run.path}",
            code=Exit.INPUT,
        )
    named = '"' + column.replace('"', '""').replace("{", "{{").replace("}", "}}") + '"'
    found = source.query(f'SELECT {named} AS value, "language.lang" FROM {{measures}}')  # noqa: S608 - quoted above
    looked_at = found.select(pl.repeat(True, pl.len()) & applies(rule)).to_series()
    return Values(pl.DataFrame({"value": found["value"], "applies": looked_at}).rechunk())


def examples(source: Source, *, starts: tuple[int, ...], places: tuple[int, ...]) -> pl.DataFrame:
    """Decisions by their places, a few: place, id, url, host, lang, state, rule, snippet; each file is opened once."""
    import bisect

    import polars as pl

    files: dict[int, list[int]] = {}
    for place in places:
        files.setdefault(bisect.bisect_right(starts, place) - 1, []).append(place)
    parts = [
        source.query(
            "SELECT (file_row_number + $start)::UINTEGER AS place, id, url, host, lang, state, rule, tokens, snippet "
            "FROM {decisions} WHERE file_index = $file AND file_row_number IN (SELECT unnest($rows))",
            start=starts[file],
            file=file,
            rows=[place - starts[file] for place in wanted],
        )
        for file, wanted in sorted(files.items())
    ]
    found = (
        pl.concat(parts)
        if parts
        else source.query(
            "SELECT 0::UINTEGER AS place, id, url, host, lang, state, rule, tokens, snippet FROM {decisions} LIMIT 0"
        )
    )
    order = pl.DataFrame({"place": pl.Series(places, dtype=pl.UInt32)})
    return order.join(found, on="place", how="left", maintain_order="left")


def rows_of(source: Source, *, ids: tuple[str, ...]) -> pl.DataFrame:
    """Where documents stand among the measured ones: id, row; those without measures are missing."""
    return source.query(
        "WITH files AS (SELECT file_index, max(file_row_number) + 1 AS height FROM {measures} GROUP BY ALL), "
        "starts AS (SELECT file_index, (sum(height) OVER (ORDER BY file_index) - height)::BIGINT AS start FROM files), "
        "found AS (SELECT id, file_index, file_row_number FROM {measures} WHERE id IN (SELECT unnest($ids))) "
        "SELECT id, start + file_row_number AS row FROM found JOIN starts USING (file_index) ORDER BY row",
        ids=list(ids),
    )


def text(source: Source, *, id: str, kept: bool, most: int) -> str | None:
    """The beginning of one document's text; None where the run did not store it."""
    table = "documents" if kept else "dropped"
    if not source.has(table):
        return None
    found = source.query(f"SELECT text[:$most] AS text FROM {{{table}}} WHERE id = $id LIMIT 1", id=id, most=most)  # noqa: S608
    return None if found.is_empty() else found["text"][0]


class _Names:
    """Strings as numbers, in the order in which they came."""

    def __init__(self) -> None:
        self._known: dict[str | None, int] = {}

    def numbers(self, column: pl.Series) -> pl.Series:
        import polars as pl

        names = column.unique(maintain_order=True)
        numbers = [self._known.setdefault(name, len(self._known)) for name in names.to_list()]
        table = pl.DataFrame({column.name: names, "number": pl.Series(numbers, dtype=pl.UInt32)})
        return column.to_frame().join(table, on=column.name, how="left", nulls_equal=True, maintain_order="left")[
            "number"
        ]

    def series(self) -> pl.Series:
        import polars as pl

        return pl.Series(list(self._known), dtype=pl.String)

    def sets(self) -> pl.DataFrame:
        """`kept` and `fails` of the kinds that were numbered."""
        import polars as pl

        parts = [(name or "").split(" ") for name in self._known]
        return pl.DataFrame(
            {
                "kept": [each[0] == "kept" for each in parts],
                "fails": [[rule for rule in each[1:] if rule] for each in parts],
            },
            schema={"kept": pl.Boolean, "fails": pl.List(pl.String)},
        )


def _nothing() -> pl.DataFrame:
    import polars as pl

    kinds = {"key": pl.UInt64, "set": pl.UInt32, "lang": pl.UInt32, "host": pl.UInt32, "place": pl.UInt32}
    return pl.DataFrame(schema=kinds)
