"""Recipes of several runs side by side: only the settings in which they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dashboard.source import Source
from workbench.errors import Exit, UserError
from workbench.yamltree import parse

if TYPE_CHECKING:
    import polars as pl

ABSENT = "—"
LONGEST = 200


def recipe(source: Source) -> dict[str, str]:
    """Every setting of a run by its path (`optim.lr`), as JSON; UserError (exit 4) where its recipe cannot be read."""
    path = source.run.path / "recipe.yaml"
    try:
        found = parse(path.read_text("utf-8"), path.name).plain()
    except (OSError, UnicodeDecodeError):
        raise UserError(
            f"the recipe of the run '{source.run.id}' cannot be read", hint="is recipe.yaml there?", code=Exit.INPUT
        ) from None
    settings = found.pop("recipe", None)
    return dict(_leaves({**settings, **found} if isinstance(settings, dict) else {"recipe": settings, **found}))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Lists are values: what stands third in one list has nothing to do with what stands third in another."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def differing(recipes: Mapping[str, Mapping[str, str]]) -> pl.DataFrame:
    """A row for each setting that is not the same in all: setting, and a column a run; "—" where a run has none."""
    import polars as pl

    keys = dict.fromkeys(key for each in recipes.values() for key in each)
    rows = []
    for key in keys:
        values = [each.get(key, ABSENT) for each in recipes.values()]
        if len(set(values)) > 1:
            rows.append((key, *(value[:LONGEST] for value in values)))
    return pl.DataFrame(rows, schema=dict.fromkeys(("setting", *recipes), pl.String), orient="row")
