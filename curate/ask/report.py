"""One HTML file about a run: funnel, what each rule did and where its threshold lies, hosts, languages, examples."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl

from curate.ask import report_tables
from curate.ask.explain import short_value
from curate.ask.finished import FinishedRun
from curate.ask.gallery import gallery
from curate.ask.sample import sample
from curate.pipeline.rollups import Funnel, funnel
from curate.rules import Rule, margins
from curate.tokens import label
from workbench import html, plots
from workbench.errors import UserError
from workbench.files import write_text
from workbench.render import size

_BINS = 60
_EXAMPLES = 3


def write_report(run: FinishedRun, path: Path) -> None:
    """Writes the report; it needs nothing but itself, and holds only a few texts, chosen by a seeded hash.

    Raises UserError (exit 2) when `path` is a directory.
    """
    if path.is_dir():
        raise UserError(
            f"{path} is a directory", hint=f"name the file: --to {path / f'{run.path.resolve().name}.html'}"
        )
    rollups = run.scan("rollups").collect()
    levels = funnel(rollups, run.steps)
    copies, items = gallery(run), report_tables.contamination(run)
    write_text(
        path,
        html.page(
            f"{run.run.id}: {levels.kept:,} of {levels.total:,} pages kept",
            _summary(run, levels),
            html.section(
                "From input to dataset",
                html.figure(funnel_picture(levels), "Documents, tokens and bytes of text left after each step."),
                report_tables.funnel_table(levels),
            ),
            html.section("Rules", _rules(run)),
            html.section("Thresholds", *_histograms(run)),
            *([copies] if copies is not None else []),
            *([items] if items is not None else []),
            html.section("Languages", report_tables.groups(rollups, "lang")),
            html.section("Hosts", report_tables.groups(rollups, "host")),
            *(html.section(f"Domains: {name}", table) for name, table in report_tables.domains(run)),
            html.section("Examples", *_examples(run)),
            html.section("Speed", report_tables.speed(run, levels)),
        ),
    )


def funnel_picture(levels: Funnel) -> html.Html:
    """The funnel as SVG."""
    tokens, text = (levels.levels[0].tokens_out, levels.levels[0].bytes_out) if levels.levels else (None, None)
    stages = [plots.Stage(one.step, one.documents_out, one.tokens_out, one.bytes_out) for one in levels.levels]
    first = plots.Stage("records", levels.total, tokens, text)
    return plots.funnel([first, *stages], "documents, tokens and bytes of text left after each step")


def _summary(run: FinishedRun, levels: Funnel) -> html.Html:
    manifest = run.run.manifest
    assert manifest is not None
    if manifest.kind == "curate.decontaminate":  # its inputs are the benchmarks
        source = f"the run {manifest.parents[0].id}"
    else:
        pages = [one for one in manifest.inputs if not run.settings.decontaminate.reads(one.path)]
        source = f"{len(pages):,} {'file' if len(pages) == 1 else 'files'}, {size(sum(one.bytes for one in pages))}"
    rows = [
        ["profile", f"{run.profile.name} ({run.profile.source})"],
        ["input", source],
        ["records", f"{levels.total:,} = {levels.kept:,} kept + {levels.dropped:,} dropped + {levels.failed:,} failed"],
        [label(run.tokenizer, "kept, tokens"), f"{levels.tokens_kept:,} tokens, {size(levels.bytes_kept)} of text"],
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
        if name in fails or name in dropped
    ]
    return html.table(["rule", "drops if", "fails", "fails alone", "dropped first", "tokens"], rows)


def _histograms(run: FinishedRun) -> list[html.Html]:
    """For every numeric rule that failed a document: the distribution of its measure, with the threshold."""
    fails = run.scan("decisions").select(pl.col("fails").explode()).unique().collect()["fails"].to_list()
    parts = []
    for rule in run.profile.rules:
        if rule.id in fails and isinstance(rule.threshold, int | float) and rule.drop_if in (">", ">=", "<", "<="):
            column = run.profile.column(rule)
            values = run.scan("measures").select(pl.col(column).cast(pl.Float64)).collect().to_series().drop_nulls()
            picture = _histogram(rule, values.filter(values.is_finite()).to_numpy())
            parts.append(html.figure(picture, f"{rule.id}: {column} {rule.limit}. {rule.why}"))
    silent = [rule.id for rule in run.profile.rules if rule.id not in fails]
    if silent:
        parts.append(html.section("Rules that failed no document", ", ".join(silent)))
    return parts


def _histogram(rule: Rule, values: np.ndarray) -> html.Html:
    """Between the outer half percents, so that one page of a million words leaves the rest visible.

    The threshold is an edge between bins, and a value on it stands on the side to which the comparison puts it.
    """
    assert isinstance(rule.threshold, int | float)
    limit, dropped_above = float(rule.threshold), rule.drop_if.startswith(">")
    low, high = np.quantile(values, [0.005, 0.995]) if len(values) else (limit, limit)
    low, high = min(float(low), limit), max(float(high), limit)
    width = (high - low or 1.0) / _BINS
    below, above = math.ceil((limit - low) / width) + 1, math.ceil((high - limit) / width) + 1
    edges = limit + width * np.arange(-below, above + 1)
    if rule.drop_if in (">", "<="):  # equality belongs to what lies below
        values = np.where(values == limit, np.nextafter(limit, -np.inf), values)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return plots.histogram(
        edges.tolist(),
        counts.tolist(),
        threshold=limit,
        drops_above=dropped_above,
        inclusive=rule.drop_if in (">=", "<="),
        label=rule.id,
    )


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
            [[row["url"] or row["id"], short_value(row["value"]), row["tokens"], row["snippet"]] for row in rows],
            title,
        )
        parts.append(table)
    parts.insert(1, _borderline(run, {rule for rule in rules if rule is not None}))
    return parts


def _borderline(run: FinishedRun, fired: set[str]) -> html.Html:
    """For every rule that dropped a page by a number, the kept page that came nearest to its threshold."""
    kept = run.scan("decisions").filter(pl.col("state") == "kept").select("id", "url", "snippet")
    rows = []
    for rule in run.profile.rules:
        if rule.id in fired and isinstance(rule.threshold, int | float):
            names = list(dict.fromkeys(["id", run.profile.column(rule), "language.lang"]))
            measures = run.scan("measures").select(names).join(kept.select("id"), on="id", how="semi").collect()
            near = measures.select("id").hstack(margins(run.profile, rule, measures)).drop_nulls("distance")
            near = near.sort(pl.col("distance").abs(), "id").head(1)
            for page in near.lazy().join(kept, on="id").collect().iter_rows(named=True):
                limit = f"{run.profile.column(rule)} {rule.limit}"
                rows.append([page["url"] or page["id"], limit, f"{page['value']:.4g}", page["snippet"]])
    return html.table(["page", "dropped if", "value", "begins"], rows, "Kept, and nearest to a threshold")
