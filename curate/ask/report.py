"""One HTML file about a run: funnel, what each rule did and where its threshold lies, hosts, languages, examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.ask.finished import FinishedRun
from curate.ask.sample import sample
from curate.pipeline.decide import steps
from curate.pipeline.rollups import Funnel, funnel
from curate.rules import Rule
from workbench import html, plots
from workbench.files import write_text

_BINS = 60
_EXAMPLES = 3
_TOP = 20


def write_report(run: FinishedRun, path: Path) -> None:
    """Writes the report; it needs nothing but itself, and holds only a few texts, chosen by a seeded hash."""
    rollups = run.scan("rollups").collect()
    levels = funnel(rollups, steps(run.profile))
    write_text(
        path,
        html.page(
            f"{run.run.id}: {levels.kept:,} of {levels.total:,} pages kept",
            _summary(run, levels),
            html.section(
                "From input to dataset", html.figure(funnel_picture(levels), "Documents left after each step.")
            ),
            html.section("Rules", _rules(run)),
            html.section("Thresholds", *_histograms(run)),
            html.section("Languages", _groups(rollups, "lang")),
            html.section("Hosts", _groups(rollups, "host")),
            html.section("Examples", *_examples(run)),
        ),
    )


def funnel_picture(levels: Funnel) -> html.Html:
    """The funnel as SVG."""
    first = plots.Stage("records", levels.total, levels.levels[0].tokens_out if levels.levels else None)
    stages = [plots.Stage(level.step, level.documents_out, level.tokens_out) for level in levels.levels]
    return plots.funnel([first, *stages], "documents and tokens left after each step")


def _summary(run: FinishedRun, levels: Funnel) -> html.Html:
    manifest = run.run.manifest
    assert manifest is not None
    rows = [
        ["profile", f"{run.profile.name} ({run.profile.source})"],
        ["input", f"{len(manifest.inputs)} files, {sum(one.bytes for one in manifest.inputs):,} bytes"],
        ["records", f"{levels.total:,} = {levels.kept:,} kept + {levels.dropped:,} dropped + {levels.failed:,} failed"],
        ["tokens kept (estimated)", f"{levels.tokens_kept:,}"],
        ["made", f"{manifest.finished} by winnow {manifest.code.version}"],
    ]
    return html.table(["", ""], rows)


def _rules(run: FinishedRun) -> html.Html:
    """How many documents each rule failed, alone or with others, and how many it was the first to drop."""
    decisions = run.scan("decisions")
    every = decisions.select(rule=pl.col("fails").explode()).drop_nulls().group_by("rule").len().collect()
    alone = decisions.filter(pl.col("fails").list.len() == 1).group_by("rule").len().collect()
    first = (
        decisions.filter(pl.col("state") == "dropped").group_by("rule").agg(pl.len(), pl.col("tokens").sum()).collect()
    )
    fails, only = dict(every.iter_rows()), dict(alone.iter_rows())
    dropped = {row[0]: row[1:] for row in first.iter_rows()}
    thresholds = {rule.id: f"{run.profile.column(rule)} {rule.limit}" for rule in run.profile.rules}
    names = list(dict.fromkeys([*(name for name in sorted(dropped) if name not in thresholds), *thresholds]))
    rows = [
        [name, thresholds.get(name, ""), fails.get(name, 0), only.get(name, 0), *dropped.get(name, (0, 0))]
        for name in names
    ]
    return html.table(["rule", "drops if", "fails", "fails alone", "dropped first", "tokens"], rows)


def _histograms(run: FinishedRun) -> list[html.Html]:
    """The distribution of every measure that a numeric rule reads, with the threshold."""
    pictures = []
    for rule in run.profile.rules:
        if isinstance(rule.threshold, int | float) and rule.drop_if in (">", ">=", "<", "<="):
            values = run.scan("measures").select(run.profile.column(rule)).collect().to_series()
            numbers = values.cast(pl.Float64).drop_nulls()
            picture = _histogram(rule, numbers.filter(numbers.is_finite()).to_numpy())
            pictures.append(html.figure(picture, f"{rule.id}: {run.profile.column(rule)} {rule.limit}. {rule.why}"))
    return pictures


def _histogram(rule: Rule, values: np.ndarray) -> html.Html:
    """Between the outer half percents, so that one page of a million words leaves the rest visible."""
    if not len(values):
        values = np.zeros(1)
    low, high = np.quantile(values, [0.005, 0.995])
    low, high = min(low, float(rule.threshold)), max(high, float(rule.threshold))  # type: ignore[arg-type]
    counts, edges = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high if high > low else low + 1))
    return plots.histogram(
        edges.tolist(),
        counts.tolist(),
        threshold=float(rule.threshold),  # type: ignore[arg-type]
        drops_above=rule.drop_if.startswith(">"),
        label=rule.id,
    )


def _groups(rollups: pl.DataFrame, by: str) -> html.Html:
    """Documents and tokens by language or host, the largest first."""
    kept = pl.col("state") == "kept"
    table = (
        rollups.with_columns(pl.col(by).fill_null("(none)"))
        .group_by(by)
        .agg(
            documents=pl.col("documents").sum(),
            kept=pl.col("documents").filter(kept).sum(),
            tokens=pl.col("tokens").filter(kept).sum(),
        )
        .sort(["documents", by], descending=[True, False])
    )
    rows: list[list[Any]] = [list(row) for row in table.head(_TOP).iter_rows()]
    note = f"the {_TOP} largest of {table.height}" if table.height > _TOP else ""
    return html.table([by, "records", "kept", "tokens kept"], rows, note)


def _examples(run: FinishedRun) -> list[html.Html]:
    """A few pages that were kept, and a few for each rule that dropped some."""
    parts = []
    rules = run.scan("decisions").filter(pl.col("state") == "dropped").select("rule").unique().collect()["rule"]
    for title, state, rule in [
        ("Kept", "kept", None),
        *((f"Dropped by {rule}", "dropped", rule) for rule in sorted(rules)),
    ]:
        rows = sample(run, state=state, rule=rule, lang=None, host=None, n=_EXAMPLES, seed=0)
        table = html.table(
            ["page", "value", "tokens", "begins"],
            [[row["url"] or row["id"], row["value"], row["tokens"], row["snippet"]] for row in rows],
            title,
        )
        parts.append(table)
    return parts
