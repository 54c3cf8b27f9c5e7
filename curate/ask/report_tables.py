"""Tables of a run's report: the funnel in numbers, speed, what hosts, languages and domains lost, benchmark items."""

from __future__ import annotations

from typing import Any

import polars as pl

from curate.ask.finished import FinishedRun
from curate.pipeline.decide import CONTAMINATION_STEP
from curate.pipeline.rollups import Funnel
from workbench import html
from workbench.render import percent, size

TOP = 20
_NOT_STEPS = ("total", "finish")
_NONE = "(none)"


def funnel_table(levels: Funnel) -> html.Html:
    """What each step took, and what it left, in documents, tokens and bytes of text."""
    rows = [
        [
            level.step,
            level.documents_in,
            level.dropped,
            level.failed,
            level.documents_out,
            percent(level.documents_out / levels.total if levels.total else None),
            level.tokens_out,
            size(level.bytes_out),
        ]
        for level in levels.levels
    ]
    columns = ["step", "documents in", "dropped", "failed", "left", "share", "tokens left", "text left"]
    return html.table(columns, rows, "Tokens and bytes are those of the extracted texts; before that, none are known.")


def speed(run: FinishedRun, levels: Funnel) -> html.Html:
    """Seconds of every step, and how many of the input's records that is in a second."""
    manifest = run.run.manifest
    assert manifest is not None
    spent = {step: s for step, s in manifest.timings.items() if step not in _NOT_STEPS}
    if not spent:
        return html.table(["step", "seconds"], [["all", manifest.timings.get("total")]])
    whole = sum(spent.values()) or 1.0
    rows: list[list[Any]] = [
        [step, f"{seconds:,.1f}", percent(seconds / whole), _rate(levels.total, seconds)]
        for step, seconds in sorted(spent.items(), key=lambda item: (-item[1], item[0]))
    ]
    rows.append(["all steps", f"{whole:,.1f}", percent(1.0), _rate(levels.total, whole)])
    total = manifest.timings.get("total")
    passed = "" if total is None else f" From beginning to end {total:,.1f} s passed, {_rate(levels.total, total)}."
    note = f"Seconds of all workers together; what is done between the maps, as it passed.{passed}"
    return html.table(["step", "seconds", "share", "records"], rows, note)


def _rate(records: int, seconds: float) -> str:
    return f"{records / seconds:,.0f} a second" if seconds >= 0.05 else "more than can be told"


def groups(rollups: pl.DataFrame, by: str) -> html.Html:
    """Records and tokens before and after, by language or host, the largest first."""
    return _before_and_after(rollups.with_columns(name=pl.col(by)), by)


def domains(run: FinishedRun) -> list[tuple[str, html.Html]]:
    """The same by each domain that the run told apart, of all documents with a text."""
    if not run.has("measures"):
        return []
    schema = run.scan("measures").collect_schema()
    found = []
    for column in ("domain.topic", "domain.format"):
        if schema.get(column) == pl.String:
            states = run.scan("decisions").filter(pl.col("tokens") > 0).select("id", "state", "tokens")
            joined = run.scan("measures").select("id", name=column).join(states, on="id")
            rows = joined.group_by("name", "state").agg(documents=pl.len(), tokens=pl.col("tokens").sum()).collect()
            what = column.split(".")[1]
            found.append((what, _before_and_after(rows.with_columns(pl.col("name").replace("", None)), what)))
    return found


def _before_and_after(rows: pl.DataFrame, what: str) -> html.Html:
    kept = pl.col("state") == "kept"
    table = (
        rows.with_columns(pl.col("name").fill_null(_NONE))
        .group_by("name")
        .agg(
            documents=pl.col("documents").sum(),
            kept=pl.col("documents").filter(kept).sum(),
            tokens=pl.col("tokens").sum(),
            tokens_kept=pl.col("tokens").filter(kept).sum(),
        )
        .sort(["documents", "name"], descending=[True, False])
    )
    before, after = int(table["tokens"].sum()), int(table["tokens_kept"].sum())
    shown = [
        [*row, percent(row[3] / before if before else None), percent(row[4] / after if after else None)]
        for row in table.head(TOP).iter_rows()
    ]
    note = f"the {TOP} largest of {table.height:,}" if table.height > TOP else ""
    columns = [what, "documents", "kept", "tokens", "tokens kept", "of all tokens", "of those kept"]
    return html.table(columns, shown, note)


def contamination(run: FinishedRun) -> html.Html | None:
    """A section about benchmark items; None for a run that looked for none."""
    if not run.has("suites"):
        return None
    suites = run.scan("suites").collect().sort(["contaminated", "suite"], descending=[True, False])
    found = suites.filter(pl.col("contaminated") > 0)
    rule, removed = run.searched
    mine = (pl.col("step") == CONTAMINATION_STEP) & (pl.col("rule") == rule)
    dropped = run.scan("decisions").filter(mine).select(pl.len()).collect().item()
    done = {
        "none": "Nothing was removed for it: the documents are in the data set.",
        "document": f"{dropped:,} documents were dropped for it.",
        "span": f"They were cut out of the texts; {dropped:,} documents of which too little was left were dropped.",
    }
    told = (
        f"{int(suites['contaminated'].sum()):,} of {int(suites['items'].sum()):,} items of {suites.height:,} suites "
        f"stand in documents that the other steps kept, by the rule {rule}. "
    )
    parts: list[str] = [told + (done[removed] if found.height else "")]
    untested = int((suites["items"] - suites["testable"]).sum())
    if untested:
        parts.append(f"{untested:,} items are too short for the rule and could not be looked for.")
    if found.height:
        columns = ["suite", "items", "testable", "contaminated", "share"]
        rows = [[*row[:4], percent(row[4])] for row in found.select(columns).head(TOP).iter_rows()]
        parts.append(html.table(["suite", "items", "testable", "found", "share"], rows))
        parts.append(_items(run))
    return html.section("Benchmark items", *parts)


def _items(run: FinishedRun) -> html.Html:
    """The items with the best matches, and where each stands."""
    items = run.scan("items").filter("contaminated").collect()
    question, answer = pl.col("best_score").fill_null(0.0), pl.col("answer_best_score").fill_null(0.0)
    best = pl.when(answer > question).then("answer_best_document").otherwise("best_document")
    items = items.with_columns(id=best, score=pl.max_horizontal(question, answer))
    shown = items.sort(["score", "suite", "item"], descending=[True, False, False]).head(TOP)
    wanted = shown["id"].unique().implode()
    pages = run.scan("decisions").filter(pl.col("id").is_in(wanted)).select("id", "url").unique("id").collect()
    urls = dict(pages.iter_rows())
    rows = [
        [suite, item, f"{score:.2f}", urls.get(id_) or id_]
        for suite, item, score, id_ in shown.select("suite", "item", "score", "id").iter_rows()
    ]
    note = f"the {TOP} best matches of {items.height:,}" if items.height > TOP else ""
    return html.table(["suite", "item", "score", "best match"], rows, note)
