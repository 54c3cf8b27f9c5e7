"""Where the numbers come from: SQL over the Parquet files of one run, read only, limited in time and memory."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.workspace import RunRef
from workbench.errors import Exit, UserError
from workbench.tables import Database, connect

if TYPE_CHECKING:
    import polars as pl

MEMORY_MB = 384
QUERY_S = 8.0


def open_database(directories: Sequence[Path]) -> Database:
    """DuckDB for the pages: it sees these directories only, and no query takes more than `QUERY_S`."""
    return connect(directories, memory_mb=MEMORY_MB, threads=2, query_s=QUERY_S)


@dataclass(frozen=True, slots=True)
class Source:
    """One run to be asked; what every function of `dashboard.queries` gets first."""

    database: Database
    run: RunRef
    asked: list[str] = field(default_factory=list)
    """The SELECTs so far, as a person would type them."""
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of these tables only these files are read: parts of a table that grows."""
    other: RunRef | None = None
    """The run that it is compared with; `{other_items}` in a query is its table `items`."""

    def has(self, table: str) -> bool:
        """Whether the run has this table (a directory of Parquet files, or one file)."""
        return bool(self._files(table))

    def query(self, sql: str, **values: Any) -> pl.DataFrame:
        """Run one SELECT. `{name}` in it stands for a table of the run, `$name` for one of `values`.

        Table names are written by us; whatever comes from a page or a URL is a value. Raises UserError for a table that
        the run does not have (exit 4), or cannot be read, and for a query that takes too long.
        """
        import duckdb

        again = not self.run.readable  # while a run goes on, a part may be replaced between being listed and being read
        while True:
            named = {name: self._read(name) for name in _tables(sql)}
            try:
                found = self.database.query(sql.format_map(named), values or None)
                break
            except duckdb.Error as error:
                if not again:
                    raise UserError(
                        f"a table of the run '{self.run.id}' cannot be read: {str(error).splitlines()[0][:200]}",
                        hint=f"curate verify {self.run.path}" if self.run.kind.startswith("curate") else self._remake(),
                        code=Exit.INPUT,
                    ) from None
                again = False
        self.asked.append(sql.format_map({name: self._told(name) for name in named}) + _told(values))
        return found

    def reading(self, table: str, files: Sequence[str]) -> Source:
        """The same run, of which only these files of a table are read; names that it does not have are no files."""
        return replace(self, only={**self.only, table: tuple(files)})

    def json(self, name: str) -> Any:
        """A JSON file of the run; UserError (exit 4) where it is missing or torn."""
        try:
            return json.loads((self.run.path / name).read_bytes())
        except (OSError, ValueError) as error:
            why = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise UserError(f"{name} of the run '{self.run.id}' {why}", hint=self._remake(), code=Exit.INPUT) from None

    def columns(self, table: str) -> dict[str, str]:
        """The columns of a table of the run, with their DuckDB types."""
        rows = self.query("DESCRIBE SELECT * FROM {" + table + "}").rows()  # noqa: S608 - a name of ours
        return {str(row[0]): str(row[1]) for row in rows}

    def _read(self, table: str) -> str:
        files = self._files(table)
        if not files:
            raise UserError(
                f"the run '{self._of(table)[0].id}' has no table '{self._of(table)[1]}'",
                hint=self._remake() if self.run.readable else "it is not finished; look again when it is",
                code=Exit.INPUT,
            )
        names = ", ".join(_quoted(path) for path in files)
        return f"read_parquet([{names}], union_by_name=true)"

    def _files(self, table: str) -> list[Path]:
        run, name = self._of(table)
        source = run.path.resolve() / name
        if source.is_dir():
            return [
                path for path in sorted(source.glob("*.parquet")) if path.name in self.only.get(table, (path.name,))
            ]
        single = source.with_name(f"{source.name}.parquet")
        return [single] if single.is_file() else []

    def _of(self, table: str) -> tuple[RunRef, str]:
        if self.other is not None and table.startswith("other_"):
            return self.other, table.removeprefix("other_")
        return self.run, table

    def _told(self, table: str) -> str:
        run, name = self._of(table)
        return f"'{run.id}/{name}/*.parquet'"

    def _remake(self) -> str:
        return f"see how the run ended: workbench lineage {self.run.path}"


def _tables(sql: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(sql) if name]


def _told(values: Mapping[str, Any]) -> str:
    return "".join(f"\n-- ${name} = {value!r}" for name, value in values.items())


def _quoted(path: Path) -> str:
    """A path as SQL text that names this one file: DuckDB would take `*`, `?` and `[` in a run's name for patterns."""
    return "'" + re.sub(r"[*?\[]", r"[\g<0>]", str(path)).replace("'", "''") + "'"


def column(name: str) -> str:
    """A column as SQL for `Source.query`, whatever its name: some are named after what a recipe says."""
    return '"' + name.replace('"', '""').replace("{", "{{").replace("}", "}}") + '"'
