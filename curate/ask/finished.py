"""A finished curate run as its readers see it: tables, profile, and the row a person names by id or URL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.recipe import Settings
from curate.rules import Profile
from workbench.errors import Exit, UserError
from workbench.runs import Run


@dataclass
class FinishedRun:
    """The run's directory, manifest and settings; every table is scanned lazily, in shard order."""

    run: Run
    settings: Settings

    @classmethod
    def open(cls, name: str, root: Path) -> FinishedRun:
        """Raises UserError (exit 4) when the run is missing, unfinished, or not one that `curate` made."""
        run = Run.open(name, root)
        manifest = run.manifest
        if manifest is None:
            raise UserError(
                f"the run {run.path} is not finished",
                hint=f"finish it: curate retry {run.path}",
                code=Exit.INPUT,
            )
        if not manifest.kind.startswith("curate."):
            raise UserError(f"{run.path} is a {manifest.kind} run", hint="name a curate run", code=Exit.INPUT)
        return cls(run, Settings.model_validate_json((run.path / "settings.json").read_text("utf-8")))

    @property
    def path(self) -> Path:
        """The run's directory."""
        return self.run.path

    @property
    def profile(self) -> Profile:
        """The resolved profile: thresholds as this run used them."""
        return self.settings.profile

    def scan(self, table: str) -> pl.LazyFrame:
        """All shards of a table, in order."""
        return pl.scan_parquet(sorted((self.path / table).glob("*.parquet")))

    def decision(self, key: str) -> dict[str, Any]:
        """The decision about one page, named by its id, the beginning of its id (8 digits or more) or its URL.

        Of several records with one URL or id, the one that was kept, else the first, is meant. Raises UserError
        (exit 4) when there is none, with near misses in the hint.
        """
        table = self.scan("decisions")
        by_id = len(key) >= 8 and all(digit in "0123456789abcdef" for digit in key)
        match = pl.col("id").str.starts_with(key) if by_id else pl.col("url") == key
        found = table.filter(match).collect()
        if found.is_empty():
            near = table.filter(pl.col("url").str.contains(key, literal=True)).select("url").head(3).collect()
            hint = "; ".join(near["url"].to_list()) or f"list pages with: curate sample {self.path}"
            raise UserError(f"no page of {self.path} has the id or URL '{key}'", hint=hint, code=Exit.INPUT)
        if found["id"].n_unique() > 1 and by_id:
            raise UserError(
                f"{found['id'].n_unique()} ids begin with '{key}'", hint="give more digits", code=Exit.INPUT
            )
        return found.sort(pl.col("state") != "kept", maintain_order=True).row(0, named=True)

    def row(self, table: str, key: str) -> dict[str, Any] | None:
        """The row with this id in `documents`, `dropped` or `measures`, or None."""
        found = self.scan(table).filter(pl.col("id") == key).head(1).collect()
        return None if found.is_empty() else found.row(0, named=True)
