"""What the training page asks of `metrics/`: one point for so many steps, with the least, the mean and the largest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dashboard.source import Source, column

if TYPE_CHECKING:
    import polars as pl

TABLE = "metrics"
POINTS = 300
_NO_CURVES = frozenset({"step", "kind", "part", "skipped"})
TRAIN, EVAL = "train", "eval"


class Window(NamedTuple):
    """Steps `first` to `last`, `width` of them to a point; where `per` is more than 0 a point is instead a stretch of
    1/per in the logarithm of the step (1 or more), for axes that are logarithmic."""

    first: int
    last: int
    width: int
    per: float = 0.0


def window(first: int, last: int, *, log: bool = False, points: int = POINTS) -> Window:
    """What shows the steps from `first` to `last` in at most so many points.

    Widths are powers of two, so that the points which are there stay as they are while a run grows.
    """
    steps = max(1, last - first + 1)
    if steps <= points:
        return Window(first, last, 1)
    if log:
        room = math.log((last + 1) / max(1, first))
        return Window(first, last, 1, 2.0 ** math.floor(math.log2(points / room)))
    return Window(first, last, 1 << math.ceil(math.log2(steps / points)))


class Extent(NamedTuple):
    """What a run, or some parts of its metrics, hold. seconds: of all steps, without what lies between them."""

    first: int
    last: int
    rows: int
    tokens: float
    seconds: float


EMPTY = Extent(0, 0, 0, 0.0, 0.0)


def extent(source: Source, only: tuple[str, ...] | None = None) -> Extent:
    """The steps that were taken (only those in such parts), tokens and seconds; `EMPTY` where there is no row yet."""
    source = source if only is None else source.reading(TABLE, only)
    if not source.has(TABLE):
        return EMPTY
    found = source.query(
        "SELECT min(step) AS first, max(step) AS last, count(*) FILTER (kind = 'train') AS rows, "
        "sum(tokens) FILTER (kind = 'train') AS tokens, sum(seconds) FILTER (kind = 'train') AS seconds FROM {metrics}"
    ).row(0)
    return EMPTY if found[0] is None else Extent(*(value or 0 for value in found))


def names(source: Source) -> list[str]:
    """The columns of `metrics/` that are numbers to be drawn, in the order of the table."""
    if not source.has(TABLE):
        return []
    columns = source.columns(TABLE)
    return [name for name, kind in columns.items() if kind in ("DOUBLE", "FLOAT") and name not in _NO_CURVES]


def curves(
    source: Source,
    columns: tuple[str, ...],
    first: int,
    last: int,
    width: int,
    per: float = 0.0,
    only: tuple[str, ...] | None = None,
) -> pl.DataFrame:
    """The points of some columns in a window, of training steps and of the evaluations of all parts together.

    Rows: metric, kind (train, eval), bucket, step (the last one of the point), since (its first one), tokens and
    seconds (by then, of the rows that are read; of an evaluation within a point by proportion), low, high, total,
    count. Values that are no finite numbers are left out; a column that the table does not have has no rows.
    only: the parts that are read.
    """
    import polars as pl

    source = source if only is None else source.reading(TABLE, only)

    there = set(names(source))
    known = [name for name in dict.fromkeys(columns) if name in there]
    if not known:
        texts, whole = ("metric", "kind"), ("bucket", "step", "since", "count")
        order = ("metric", "kind", "bucket", "step", "since", "tokens", "seconds", "low", "high", "total", "count")
        return pl.DataFrame(
            schema={name: pl.String if name in texts else pl.Int64 if name in whole else pl.Float64 for name in order}
        )
    finite = ", ".join(
        f"CASE WHEN isfinite({column(name)}) THEN {column(name)} END AS c{at}" for at, name in enumerate(known)
    )
    sums = ", ".join(
        f"min(c{at}) AS low{at}, max(c{at}) AS high{at}, sum(c{at}) AS total{at}, count(c{at}) AS count{at}"
        for at, _ in enumerate(known)
    )
    wide = source.query(
        f"""SELECT kind, max(step) AS step, min(step) AS since, sum(tokens) AS tokens, sum(seconds) AS seconds,
  CASE WHEN step < $first THEN -1 WHEN $per > 0 THEN floor(ln(greatest(step, 1)) * $per)
    ELSE step // $width END::BIGINT AS bucket, {sums}
FROM (SELECT kind, step, tokens, seconds, {finite}
  FROM {{metrics}} WHERE (kind = 'train' OR part = '') AND step <= $last)
GROUP BY kind, bucket ORDER BY kind, bucket""",  # noqa: S608 - columns of the table
        first=first,
        last=last,
        width=max(1, width),
        per=per,
    )
    placed = _placed(wide).filter(pl.col("bucket") >= 0)
    shared = ("kind", "bucket", "step", "since", "tokens", "seconds")
    return pl.concat(
        placed.select(
            pl.lit(name).alias("metric"),
            *shared,
            *(pl.col(f"{what}{at}").alias(what) for what in ("low", "high", "total", "count")),
        )
        for at, name in enumerate(known)
    ).filter(pl.col("count") > 0)


def _placed(wide: pl.DataFrame) -> pl.DataFrame:
    """Tokens and seconds of each stretch as those until its last step; an evaluation stands between two of training."""
    import numpy as np
    import polars as pl

    trained = wide.filter(pl.col("kind") == TRAIN)
    if not trained.height:
        return wide.with_columns(pl.lit(0.0).alias("tokens"), pl.lit(0.0).alias("seconds"))
    ends = [int(trained["since"][0]) - 1, *trained["step"]]
    until = (
        pl.Series(name, np.interp(wide["step"], ends, [0.0, *trained[name].fill_null(0.0).cum_sum()]), pl.Float64)
        for name in ("tokens", "seconds")
    )
    return wide.with_columns(until)


def joined(before: pl.DataFrame, tail: pl.DataFrame, so_far: Extent) -> pl.DataFrame:
    """The points of older parts and of the newest one in one frame; a point on both sides becomes one.

    so_far: of all older parts, whatever the window; the tail's tokens and seconds are counted from its beginning.
    """
    import polars as pl

    moved = tail.with_columns(pl.col("tokens") + so_far.tokens, pl.col("seconds") + so_far.seconds)
    return (
        pl.concat([before, moved])
        .group_by("metric", "kind", "bucket", maintain_order=True)
        .agg(
            pl.col("step").max(),
            pl.col("since").min(),
            pl.col("tokens").max(),
            pl.col("seconds").max(),
            pl.col("low").min(),
            pl.col("high").max(),
            pl.col("total").sum(),
            pl.col("count").sum(),
        )
        .sort("metric", "kind", "bucket", maintain_order=True)
    )


def smoothed(points: pl.DataFrame, over: int) -> pl.DataFrame:
    """`points` with `value`: the mean of a point, or of it and the `over` - 1 points before it, never of later ones.

    A mean over several points weighs each step alike. Evaluations stay as they are: each is a mean already.
    """
    import polars as pl

    order = points.sort("metric", "kind", "bucket", maintain_order=True)
    total, count = (
        pl.col(name).cast(pl.Float64).rolling_sum(max(1, over), min_samples=1).over("metric", "kind")
        for name in ("total", "count")
    )
    mean = pl.col("total") / pl.col("count")
    return order.with_columns(pl.when(pl.col("kind") == TRAIN).then(total / count).otherwise(mean).alias("value"))


def parts(directory: Path) -> list[tuple[str, str]]:
    """The parts of `metrics/`, oldest first: name, and what changes when the part does."""
    found = []
    for path in sorted((directory / TABLE).glob("*.parquet")):
        try:
            status = path.stat()
        except OSError:
            continue  # the training went back a moment ago
        found.append((path.name, f"{status.st_mtime_ns}:{status.st_size}"))
    return found


def tail(source: Source, rows: int = 50) -> pl.DataFrame:
    """The last rows of training steps in the parts that are read; every column of the table."""
    return source.query(
        "SELECT * FROM {metrics} WHERE kind = 'train' ORDER BY step DESC LIMIT $rows", rows=rows
    ).reverse()


def skipped(source: Source) -> pl.DataFrame:
    """Steps whose update was not taken, or whose loss or gradient was no number: step, loss, grad_norm; 500 at most."""
    return source.query(
        "SELECT step, loss, grad_norm FROM {metrics} WHERE kind = 'train' AND (skipped OR NOT isfinite(loss) "
        "OR NOT isfinite(grad_norm)) ORDER BY step LIMIT 500"
    )


def flops_per_token(source: Source, precision: str) -> float | None:
    """What the run counts for a token: its last step's share of the measured peak, the other way round.

    None where the peak or the rows are missing.
    """
    try:
        peak = float(source.json("hardware.json")["matmul_flops_per_s"][precision])
    except (KeyError, TypeError, ValueError):
        return None
    if not source.has(TABLE):
        return None
    found = source.query(
        "SELECT peak_share * seconds / tokens FROM {metrics} WHERE kind = 'train' AND tokens > 0 AND "
        "isfinite(peak_share) ORDER BY step DESC LIMIT 1"
    )
    return float(found[0, 0]) * peak if found.height else None


def union(lists: Sequence[Sequence[str]]) -> list[str]:
    """Every name once, in the order in which they come."""
    return list(dict.fromkeys(name for each in lists for name in each))
