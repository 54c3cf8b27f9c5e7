"""A finished curate run as its readers see it: tables, profile, and the row a person names by id or URL."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from curate.recipe import Settings
from curate.rules import Profile
from workbench.errors import Exit, UserError
from workbench.runs import Run


@dataclass
class FinishedRun:
    """The run's directory, manifest and settings; every table is scanned lazily, in shard order.

    Settings and tables are opened when they are first asked for, so that `verify` can look at a damaged run.
    """

    run: Run
    _tables: dict[str, pl.LazyFrame] = field(default_factory=dict)

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
        return cls(run)

    @cached_property
    def settings(self) -> Settings:
        """What the run was told. Raises UserError (exit 4) when `settings.json` is missing or damaged."""
        path = self.path / "settings.json"
        try:
            return Settings.model_validate_json(path.read_bytes())
        except OSError as error:
            raise self._damaged(path, error.strerror or str(error)) from None
        except ValidationError:
            raise self._damaged(path, "not the settings of a run of this version") from None

    @cached_property
    def tokenizer(self) -> str | None:
        """The tokenizer that counted the run's tokens, by path; None where they are an estimate, as in runs that were
        not made by `curate run`."""
        try:
            found = json.loads((self.path / "settings.json").read_bytes()).get("tokenizer")
        except (OSError, ValueError, AttributeError):
            return None
        return found if isinstance(found, str) else None

    @property
    def path(self) -> Path:
        """The run's directory."""
        return self.run.path

    @property
    def profile(self) -> Profile:
        """The resolved profile: thresholds as this run used them."""
        return self.settings.profile

    @cached_property
    def searched(self) -> tuple[str, str]:
        """By which rule benchmark items were looked for, and what was removed: none, document or span. A run of `curate
        decontaminate` has the settings of its parent, and says these in its own recipe."""
        assert self.run.manifest is not None
        if self.run.manifest.kind != "curate.decontaminate":
            return self.settings.decontaminate.rule, self.settings.decontaminate.remove
        try:
            recipe = yaml.safe_load((self.path / "recipe.yaml").read_text("utf-8"))
            return f"contamination.{recipe['variant']['name']}", recipe["remove"] or "none"
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
            raise self._damaged(self.path / "recipe.yaml", str(error)) from None

    @property
    def steps(self) -> list[str]:
        """The steps in which records may have ended, in order."""
        from curate.pipeline import decide

        assert self.run.manifest is not None
        last = [decide.CONTAMINATION_STEP] if self.run.manifest.kind == "curate.decontaminate" else []
        return list(dict.fromkeys([*decide.steps(self.settings), *last]))

    def scan(self, table: str) -> pl.LazyFrame:
        """The shards of a table that the manifest lists, in order.

        Raises UserError (exit 4) when it lists none, or one of them is missing or not Parquet.
        """
        if table not in self._tables:
            self._tables[table] = self._open(table)
        return self._tables[table]

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

    def has(self, table: str) -> bool:
        """Whether the manifest lists a file of this table."""
        return bool(self._shards(table))

    def _shards(self, table: str) -> list[Path]:
        assert self.run.manifest is not None
        files = (Path(entry.path) for entry in self.run.manifest.outputs)
        return sorted(self.path / file for file in files if file.parts[0] == table and file.suffix == ".parquet")

    def _open(self, table: str) -> pl.LazyFrame:
        shards = self._shards(table)
        if not shards:
            raise self._damaged(self.path / table, "the manifest lists no file of this table")
        for shard in shards:  # glob=False: the directory's name may hold brackets
            try:
                pl.scan_parquet(shard, glob=False).collect_schema()
            except OSError as error:
                raise self._damaged(shard, "no such file" if not shard.exists() else str(error)) from None
            except pl.exceptions.PolarsError as error:
                raise self._damaged(shard, str(error)) from None
        return pl.scan_parquet(shards, glob=False)

    def _damaged(self, path: Path, what: str) -> UserError:
        return UserError(f"cannot read {path}: {what}", hint=f"see curate verify {self.path}", code=Exit.INPUT)
