"""What the page of evaluations asks of two runs on the same items. `source.other` is B, `source.run` is A."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.source import Source
from evalkit.compare.runs import Comparison, compare_runs, of_task, paired
from evalkit.run.rows import SCORES, read_summary
from evalkit.statistics.paired import Difference, Verdict, holm, verdict
from evalkit.tasks.metrics import metric_of
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import polars as pl

FLIPS = ("gained", "lost", "wrong", "failed", "right", "same")
"""How an item stands: B better, A better, both wrong, without a score in one of the runs, both right, equal."""
_BINS = 5


def compared(source: Source, metric: str | None, different: bool) -> Comparison:
    """Every task that both runs have, by `evalkit compare`."""
    assert source.other is not None
    metrics = () if metric is None else (metric,)
    with _readable(source):
        return compare_runs(source.run.path, source.other.path, metrics=metrics, different_prompts=different)


@contextmanager
def _readable(source: Source) -> Iterator[None]:
    """A torn table is no traceback: these are not read by `Source.query`. UserError (exit 4) with both runs."""
    import polars as pl

    assert source.other is not None
    try:
        yield
    except (pl.exceptions.ComputeError, pl.exceptions.ColumnNotFoundError, pl.exceptions.SchemaError, OSError) as error:
        why = str(error).partition("\n")[0][:200]
        raise UserError(
            f"a table of '{source.run.id}' or '{source.other.id}' cannot be read: {why}",
            hint="the page Lineage verifies the files of a run",
            code=Exit.INPUT,
        ) from None


_JOINED = """
WITH a AS (SELECT item, state, file, line, "group", predicted, extracted, gold FROM {items}
           WHERE task = $task AND preset = $preset),
     b AS (SELECT item, state, predicted, extracted FROM {other_items} WHERE task = $task AND preset = $preset),
     x AS (SELECT item, value FROM {scores} WHERE task = $task AND preset = $preset AND metric = $metric),
     y AS (SELECT item, value FROM {other_scores} WHERE task = $task AND preset = $preset AND metric = $metric),
     joined AS (
       SELECT a.item, a.file, a.line, a."group", x.value AS a, y.value AS b, $sign * (y.value - x.value) AS gain,
              coalesce(a.extracted, a.predicted::VARCHAR) AS said_a,
              coalesce(b.extracted, b.predicted::VARCHAR) AS said_b,
              CASE WHEN x.value IS NULL OR y.value IS NULL THEN 'failed'
                   WHEN $sign * (y.value - x.value) > 0 THEN 'gained' WHEN $sign * (y.value - x.value) < 0 THEN 'lost'
                   WHEN NOT $share THEN 'same' WHEN $sign * x.value > 0 OR ($sign < 0 AND x.value = 0) THEN 'right'
                   ELSE 'wrong' END AS flip
       FROM a JOIN b USING (item) LEFT JOIN x USING (item) LEFT JOIN y USING (item))
"""


def _values(label: tuple[str, str], metric: str) -> dict[str, Any]:
    kind = metric_of(metric)
    sign = -1 if kind.better == "lower" else 1
    return {"task": label[0], "preset": label[1], "metric": metric, "sign": sign, "share": kind.share}


def flips(source: Source, task: tuple[str, str], metric: str) -> dict[str, int]:
    """How many items stand each way (`FLIPS`)."""
    count = f"{_JOINED} SELECT flip, count(*) FROM joined GROUP BY flip"  # noqa: S608 - no value in it
    rows = source.query(count, **_values(task, metric)).rows()
    found = {str(name): int(count) for name, count in rows}
    return {name: found.get(name, 0) for name in FLIPS}


def flipped(source: Source, task: tuple[str, str], metric: str, flip: str, offset: int, rows: int) -> pl.DataFrame:
    """One page of the items that stand so, the largest differences first, by id among equals; no texts."""
    return source.query(
        _JOINED + 'SELECT item, file, line, "group", a, b, left(said_a, 80) AS said_a, left(said_b, 80) AS said_b '
        "FROM joined WHERE flip = $flip ORDER BY abs(gain) DESC NULLS LAST, item LIMIT $rows OFFSET $offset",
        **_values(task, metric),
        flip=flip,
        rows=rows,
        offset=offset,
    )


def questions(source: Source, task: tuple[str, str], items: tuple[str, ...]) -> pl.DataFrame:
    """The ends of what was asked about these items: item, asked."""
    return source.query(
        "SELECT item, trim(right(prompts[1], 160)) AS asked FROM {items} "
        "WHERE task = $task AND preset = $preset AND item IN (SELECT unnest($items::VARCHAR[]))",
        task=task[0],
        preset=task[1],
        items=list(items),
    )


def item(source: Source, task: tuple[str, str], item: str) -> dict[str, Any] | None:
    """One item of the run whole, with its scores by metric; None where the run does not have it."""
    where = {"task": task[0], "preset": task[1], "item": item}
    place = "task = $task AND preset = $preset AND item = $item"
    found = source.query(f"SELECT filename, file_row_number FROM {{items}} WHERE {place} LIMIT 1", **where).rows()  # noqa: S608
    if not found:
        return None
    # Keys first: only the row group that holds the row is then read with its texts.
    columns = "SELECT * FROM {items} WHERE filename = $file AND file_row_number = $row"
    [row] = source.query(columns, file=found[0][0], row=found[0][1]).to_dicts()
    scores = source.query(f"SELECT metric, value FROM {{scores}} WHERE {place}", **where).rows()  # noqa: S608
    return {**row, "scores": {str(metric): value for metric, value in scores}}


def history(source: Source, task: tuple[str, str], metric: str, item: str) -> pl.DataFrame:
    """What the run made of an item under every preset: preset, state, reason, value, said."""
    return source.query(
        "SELECT i.preset, i.state, i.reason, s.value, "
        "left(coalesce(i.extracted, i.choices[i.predicted + 1]), 120) AS said "
        "FROM {items} i LEFT JOIN {scores} s ON s.task = i.task AND s.preset = i.preset AND s.item = i.item "
        "AND s.metric = $metric WHERE i.task = $task AND i.item = $item ORDER BY i.preset",
        task=task[0],
        metric=metric,
        item=item,
    )


def reading(source: Source, task: str, item: str) -> dict[str, Any] | None:
    """What a run of `contamination known` says of an item: its set, best scores, and how often it was read."""
    rows = source.query(
        'SELECT "set", score, answer_score, documents, reads FROM {items} WHERE task = $task AND item = $item LIMIT 1',
        task=task,
        item=item,
    ).to_dicts()
    return rows[0] if rows else None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of a task's items. p: adjusted (Holm) for all slices that are shown together."""

    name: str
    difference: Difference
    p: float
    verdict: Verdict


def by_group(source: Source, task: tuple[str, str], metric: str) -> list[Slice]:
    """A against B in each group of items, such as a subject; empty where the task has no groups."""
    left, right = _scored(source, task, metric)
    names = sorted(left["group"].drop_nulls().unique().to_list())
    rows = ((name, left.filter(group=name)) for name in names)
    return _sliced(rows, right, metric)


def by_length(source: Source, task: tuple[str, str], metric: str) -> list[Slice]:
    """A against B on the shortest fifth of the prompts (in characters, of A), the next fifth, and so on."""
    import polars as pl

    left, right = _scored(source, task, metric)
    lengths = source.query(
        "SELECT item, characters FROM (SELECT item, length(prompts[1]) AS characters FROM {items} "
        "WHERE task = $task AND preset = $preset AND len(prompts) > 0) ORDER BY characters, item",
        task=task[0],
        preset=task[1],
    )
    lengths = lengths.with_row_index("place").with_columns(bin=pl.col("place") * _BINS // max(lengths.height, 1))
    ends = lengths.group_by("bin").agg(low=pl.col("characters").min(), high=pl.col("characters").max()).sort("bin")
    parts = (
        (
            f"{low:,} to {high:,} characters",
            left.join(lengths.filter(bin=number).select("item"), on="item", how="semi"),
        )
        for number, low, high in ends.rows()
    )
    return _sliced(parts, right, metric)


def _scored(source: Source, task: tuple[str, str], metric: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    assert source.other is not None
    read_summary(source.run.path)
    with _readable(source):
        a, b = (
            of_task(run.path, SCORES, task).filter(pl.col("metric") == metric).collect()
            for run in (source.run, source.other)
        )
    return a, b


def _sliced(parts: Iterable[tuple[str, pl.DataFrame]], right: pl.DataFrame, metric: str) -> list[Slice]:
    kind, found = metric_of(metric), []
    for name, rows in parts:
        pair = paired(rows.lazy(), right.lazy(), metric, macro=False)
        if pair is not None:
            found.append((name, pair.difference(metric)))
    say = "{:.1%}" if kind.share else "{:.3g}"
    lower = kind.better == "lower"
    return [
        Slice(name, difference, p, verdict(difference, p, lower_is_better=lower, say=say))
        for (name, difference), p in zip(found, holm([one.p for _, one in found]), strict=True)
    ]
