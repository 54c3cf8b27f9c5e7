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
MIXES = {"language and host": ("lang", "host"), "topic and language": ("domain", "lang")}
"""How the kept documents may be shared out: the names of two columns, the larger groups first."""
_OF_ROLLUPS = {"lang", "host"}
_GROUPS = 12
_PARTS = 240
_UNKNOWN = "unknown"


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


def has_topics(source: Source) -> bool:
    """Whether a classifier gave the documents a topic."""
    if not source.has("documents") or "domain" not in source.columns("documents"):
        return False
    return not source.query("SELECT 1 FROM {documents} WHERE domain IS NOT NULL LIMIT 1").is_empty()


def mix(source: Source, by: str) -> pl.DataFrame:
    """The kept tokens shared out `by` one of `MIXES`: outer, inner, documents, tokens, largest first.

    The smaller ones of an outer group are summed up in a row whose `rest` says how many they are (else 0).
    """
    outer, inner = MIXES[by]
    return source.query(
        f"""WITH shared AS ({_shared(outer, inner)}),
ranked AS (SELECT *, row_number() OVER (ORDER BY tokens DESC, outer_name, inner_name) AS place,
  dense_rank() OVER (ORDER BY total DESC, outer_name) AS grade FROM
    (SELECT *, sum(tokens) OVER (PARTITION BY outer_name) AS total FROM shared)),
named AS (SELECT documents, tokens, CASE WHEN grade <= {_GROUPS} THEN outer_name ELSE 'others' END AS outer_name,
  CASE WHEN place <= {_PARTS} AND grade <= {_GROUPS} THEN inner_name END AS inner_name FROM ranked)
SELECT outer_name, inner_name, sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens,
  count(*) FILTER (inner_name IS NULL) AS rest FROM named
GROUP BY ALL ORDER BY tokens DESC, outer_name, inner_name"""  # noqa: S608 - names of ours
    )


def shares(source: Source, by: str) -> pl.DataFrame:
    """The groups of `mix`, the 5,000 largest, and what is left summed up: outer_name, inner_name, documents, tokens."""
    outer, inner = MIXES[by]
    return source.query(
        f"""WITH ranked AS (SELECT *, row_number() OVER (ORDER BY tokens DESC, outer_name, inner_name) AS place
FROM ({_shared(outer, inner)}))
SELECT CASE WHEN place <= 5000 THEN outer_name END AS outer_name,
  CASE WHEN place <= 5000 THEN inner_name END AS inner_name,
  sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens
FROM ranked GROUP BY ALL ORDER BY tokens DESC, outer_name, inner_name"""  # noqa: S608 - names of ours
    )


def _shared(outer: str, inner: str) -> str:
    names = f"coalesce({outer}, '{_UNKNOWN}') AS outer_name, coalesce({inner}, '{_UNKNOWN}') AS inner_name"
    if {outer, inner} <= _OF_ROLLUPS:
        return (
            f"SELECT {names}, sum(documents) AS documents, sum(tokens) AS tokens FROM {{rollups}} "  # noqa: S608
            "WHERE state = 'kept' GROUP BY ALL"
        )
    return f"SELECT {names}, count(*) AS documents, sum(tokens) AS tokens FROM {{documents}} GROUP BY ALL"  # noqa: S608


def changes(now: pl.DataFrame, before: pl.DataFrame, most: int = 15) -> pl.DataFrame:
    """The largest differences between two results of `shares`: outer_name, inner_name, share and share_before (of 1),
    points (their difference, of 100), tokens, tokens_before; rows in both or in one."""
    import polars as pl

    keys = ["outer_name", "inner_name"]
    total, total_before = max(1, now["tokens"].sum()), max(1, before["tokens"].sum())
    both = now.select(*keys, "tokens").join(
        before.select(*keys, tokens_before="tokens"), on=keys, how="full", coalesce=True, nulls_equal=True
    )
    return (
        both.with_columns(pl.col("tokens", "tokens_before").fill_null(0))
        .with_columns(share=pl.col("tokens") / total, share_before=pl.col("tokens_before") / total_before)
        .with_columns(points=100 * (pl.col("share") - pl.col("share_before")))
        .filter(pl.col("points") != 0, pl.col("outer_name").is_not_null())
        .sort(pl.col("points").abs(), *keys, descending=[True, False, False])
        .head(most)
        .select(*keys, "share_before", "share", "points", "tokens_before", "tokens")
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
