"""What the overview asks of a run: rollups and small JSON files, never a table of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.source import Source
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import polars as pl

    from curate.pipeline.rollups import Funnel

# As curate.pipeline meets them: before the rules of the profile, and after them.
_FIRST = ("read", "extract")
_LAST = ("duplicates", "contamination")
_DUPLICATES = "duplicates"


@dataclass(frozen=True, slots=True)
class Figures:
    """The key figures of a run, counted exactly. None: the run has no such table. edits: of personal data, in all
    documents whose text was taken out, which are `extracted`. looked_at: items that could be looked for."""

    documents_in: int
    documents: int
    tokens_in: int
    tokens: int
    bytes: int
    failed: int
    duplicates: int
    compared: int
    extracted: int
    edits: int | None
    contaminated: int | None
    looked_at: int | None


def steps(source: Source) -> pl.DataFrame:
    """What ended at each step and state: step, state, documents, tokens, bytes."""
    return source.query(
        "SELECT step, state, sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens, "
        "sum(bytes)::BIGINT AS bytes FROM {rollups} GROUP BY ALL ORDER BY step, state"
    )


def levels(source: Source) -> Funnel:
    """What each step took and left, in the order in which documents meet the steps.

    Raises UserError (exit 4) where the counts of the run do not add up.
    """
    from curate.pipeline.rollups import funnel

    counted = steps(source)
    try:
        return funnel(counted, _order(source, set(counted["step"].drop_nulls().to_list())))
    except ValueError as error:
        hint = f"curate verify {source.run.path}"
        raise UserError(f"the counts of '{source.run.id}': {error}", hint=hint, code=Exit.INPUT) from None


def _order(source: Source, ended: set[str]) -> list[str]:
    """The steps of the run: those of its profile, and those in which documents ended (`ended`)."""
    try:
        rules = source.json("settings.json")["profile"]["declared"]
        families = [str(rule["id"]).split(".")[0] for rule in rules]
    except (UserError, KeyError, TypeError):
        families = []  # without its settings the order of the rules is not known, the counts are
    middle = [*families, *sorted(ended - {*families, *_FIRST, *_LAST})]
    return list(dict.fromkeys([*_FIRST, *(step for step in middle if step not in _LAST), *_LAST]))


def figures(source: Source) -> Figures:
    """The key figures."""
    found = levels(source)
    by_step = {level.step: level for level in found.levels}
    extract = by_step["extract"]
    duplicates = by_step[_DUPLICATES]
    items = _items(source)
    return Figures(
        documents_in=found.total,
        documents=found.kept,
        tokens_in=found.tokens_kept + sum(level.tokens_dropped for level in found.levels),
        tokens=found.tokens_kept,
        bytes=found.bytes_kept,
        failed=found.failed,
        duplicates=duplicates.dropped,
        compared=duplicates.documents_in,
        extracted=extract.documents_out,
        edits=_edits(source),
        contaminated=items[0],
        looked_at=items[1],
    )


def _edits(source: Source) -> int | None:
    if not source.has("edits"):
        return None
    found = source.query("SELECT count(*) AS edits FROM {edits} WHERE starts_with(kind, 'pii:')")
    return int(found.item())


def _items(source: Source) -> tuple[int | None, int | None]:
    if not source.has("suites"):
        return None, None
    found = source.query("SELECT sum(contaminated)::BIGINT, sum(testable)::BIGINT FROM {suites}").row(0)
    return (None, None) if found[0] is None else (int(found[0]), int(found[1]))


def has_tokenizer(source: Source) -> bool:
    """Whether a tokenizer counted the tokens; else they are an estimate from the characters."""
    try:
        settings = source.json("settings.json")
    except UserError:
        return False
    return isinstance(settings, dict) and isinstance(settings.get("tokenizer"), str)


def rules(source: Source, step: str) -> pl.DataFrame:
    """What ended in one step, by rule: rule (null for failures), state, documents, tokens; the largest first."""
    return source.query(
        "SELECT rule, state, sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens FROM {rollups} "
        "WHERE step = $step GROUP BY ALL ORDER BY documents DESC, rule LIMIT 50",
        step=step,
    )


def trained(source: Source) -> dict[str, Any]:
    """What a training run came to: checkpoint, steps, tokens, parameters, held_out_loss, training_loss; {} without."""
    try:
        stage = source.json("stage.json")
    except UserError:
        return {}
    if not isinstance(stage, dict):
        return {}
    parameters = stage.get("parameters")
    measured = stage.get("measured")
    whole = next((row for row in _rows(measured) if row.get("part") == ""), {})  # of all parts together
    checkpoint = stage.get("checkpoint")
    return {
        "checkpoint": checkpoint if isinstance(checkpoint, str) else None,
        "steps": _number(stage.get("steps")),
        "tokens": _number(stage.get("tokens")),
        "parameters": _number(parameters.get("total")) if isinstance(parameters, dict) else None,
        "held_out_loss": _number(whole.get("loss")),
        "training_loss": _number(stage.get("training_loss")),
    }


def scored(source: Source) -> dict[str, Any]:
    """The average over all tasks of an evaluation with its interval: model, tasks, value, low, high, n; {} without a
    summary, and no value where the tasks have no average."""
    try:
        summary = source.json("summary.json")
    except UserError:
        return {}
    if not isinstance(summary, dict):
        return {}
    averages, model = summary.get("averages"), summary.get("model")
    average = averages.get("all") if isinstance(averages, dict) else None
    if not isinstance(average, dict):  # one task under several presets has no average
        average = {}
    return {
        "model": str(model.get("name", "")) if isinstance(model, dict) else "",
        "tasks": len(_rows(summary.get("tasks"))),
        **{name: _number(average.get(name)) for name in ("value", "low", "high", "n")},
    }


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
