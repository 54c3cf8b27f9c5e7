"""By which settings an index compares, and whether a run compared by the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.ask.finished import FinishedRun
from curate.duplicates.config import Duplicates
from workbench.errors import Exit, UserError

# What an index compares by when the run that begins it was made without a duplicate search.
DEFAULT = Duplicates.model_validate({"text": True, "url": True, "near": {"enabled": True}})
_KEPT = ("text", "url", "near", "lines", "survivor", "sources")


def of_run(run: FinishedRun) -> Duplicates:
    """The section `duplicates` of a finished run. Raises UserError (exit 4) when its settings cannot be read."""
    path = run.path / "settings.json"
    try:
        section = json.loads(path.read_bytes()).get("duplicates")
    except (OSError, ValueError) as error:
        hint = f"see curate verify {run.path}"
        raise UserError(f"cannot read {path}: {error}", hint=hint, code=Exit.INPUT) from None
    return Duplicates() if section is None else Duplicates.model_validate(section)


def of_index(asked: Duplicates) -> Duplicates:
    """What a new index compares by: as the run that begins it did, else by all kinds."""
    if not asked.documents:
        return DEFAULT.model_copy(update={"lines": asked.lines})
    return Duplicates.model_validate({name: getattr(asked, name) for name in _KEPT})


def require_same(index: Path, own: Duplicates, asked: Duplicates, who: str) -> None:
    """Raises UserError (exit 2) where `asked` compares by a kind that the index does not know, or by other settings of
    a kind; `who` names the run or recipe that asks."""
    different: list[tuple[str, Any, Any]] = [
        (name, True, False) for name in ("text", "url") if getattr(asked, name) and not getattr(own, name)
    ]
    for name, fields in (("near", list(type(own.near).model_fields)), ("lines", ["enabled", "max_chars"])):
        theirs, ours = getattr(asked, name), getattr(own, name)
        if theirs.enabled:
            both = ((field, getattr(theirs, field), getattr(ours, field)) for field in fields)
            different += [(f"{name}.{field}", one, other) for field, one, other in both if one != other]
    if different:
        field, one, other = different[0]
        more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
        raise UserError(
            f"{who} has duplicates.{field}={_shown(one)}, the index {index} has {_shown(other)}{more}",
            hint=f"run with --set duplicates.{field}={_shown(other)}, or use an index of its own",
        )


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)
