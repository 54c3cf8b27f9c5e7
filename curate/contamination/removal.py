"""The parent's tables without the contaminated documents, or with the matching spans cut out of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl

from curate.ask.finished import FinishedRun
from curate.contamination.cut import LEAST_LEFT, Before, Cut, cut, merged
from curate.measures.batch import Batch
from curate.measures.text import text as text_measures
from curate.pipeline.decide import CONTAMINATION_STEP, SAME_RECORD
from curate.pipeline.finish import UnitTables
from curate.pipeline.parts import slice_bounds
from curate.pipeline.schemas import DECISIONS, DOCUMENTS, EDITS
from curate.segment import Segments
from workbench.events import Event, Listener

# A slice of the run: few enough records and characters for memory.


def without(
    parent: FinishedRun, found: pl.DataFrame, rule: str, *, spans: bool, margin: int, listener: Listener
) -> Iterator[UnitTables]:
    """The tables slice by slice. `found` are CONTAMINATION rows; `rule` is what the decisions name.

    With `spans`, matches are cut and the document stays, unless less than LEAST_LEFT characters are left of it.
    """
    chars = parent.scan("decisions").select("chars").collect()["chars"].to_numpy()
    begins = slice_bounds(chars)
    at = dict.fromkeys(("measures", "documents", "dropped"), 0)
    for begin, end in pairwise(begins):
        decisions = parent.scan("decisions").slice(begin, end - begin).collect().select(DECISIONS.keys())
        own = decisions["rule"].ne_missing(SAME_RECORD)
        ids = decisions.filter(own).select("id")
        kept = int((decisions.filter(own)["state"] == "kept").sum())
        parts = {}
        for name, most in {"measures": ids.height, "documents": kept, "dropped": ids.height - kept}.items():
            parts[name] = parent.scan(name).slice(at[name], most).collect().join(ids, on="id", how="semi")
            at[name] += parts[name].height
        edits = parent.scan("edits").join(ids.lazy(), on="id", how="semi", maintain_order="left").collect()
        hits = found.join(ids, on="id", how="semi")
        documents = parts["documents"].select(DOCUMENTS.keys())
        if spans:
            documents, edits = cut_documents(documents, edits, hits, margin)
            hits = hits.join(documents.filter(pl.col("text").str.len_chars() < LEAST_LEFT), on="id", how="semi")
        sizes = documents.select("id", "chars", "tokens")
        decisions = _sized(dropped(decisions, own, hits, rule), own, sizes if spans else sizes.clear())
        places = decisions.filter(own).select("id", "state").with_row_index("position")
        texts = pl.concat([documents, parts["dropped"].select(DOCUMENTS.keys())])
        texts = texts.join(places, on="id").sort("position").drop("position")
        listener(Event("progress", CONTAMINATION_STEP, "removing", fraction=end / max(begins[-1], 1)))
        yield UnitTables(decisions, parts["measures"], texts, edits.select(EDITS.keys()))


def dropped(decisions: pl.DataFrame, own: pl.Series, hits: pl.DataFrame, rule: str) -> pl.DataFrame:
    """DECISIONS in which the kept documents of `hits` are dropped by `rule`, at their highest score."""
    best = (
        hits.filter(~pl.col("beside"))
        .sort(["id", "score", "suite", "item"], descending=[False, True, False, False])
        .group_by("id", maintain_order=True)
        .agg(_score=pl.col("score").first(), _threshold=pl.col("threshold").first())
    )
    joined = decisions.join(best, on="id", how="left", maintain_order="left")
    gone = pl.col("_score").is_not_null() & (pl.col("state") == "kept") & pl.lit(own)
    return joined.with_columns(
        state=pl.when(gone).then(pl.lit("dropped")).otherwise("state"),
        step=pl.when(gone).then(pl.lit(CONTAMINATION_STEP)).otherwise("step"),
        rule=pl.when(gone).then(pl.lit(rule)).otherwise("rule"),
        value=pl.when(gone).then(_short("_score")).otherwise("value"),
        threshold=pl.when(gone).then(_short("_threshold")).otherwise("threshold"),
        fails=pl.when(gone).then(pl.concat_list(pl.lit(rule))).otherwise("fails"),
    ).select(pl.col(name).cast(kind) for name, kind in DECISIONS.items())


def cut_documents(
    documents: pl.DataFrame, edits: pl.DataFrame, hits: pl.DataFrame, margin: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """DOCUMENTS with the hits cut out of their texts and counted anew, and EDITS that say what went."""
    wanted = {key[0]: rows for key, rows in hits.partition_by("id", as_dict=True).items()}
    touched = edits.with_row_index("row").filter(pl.col("id").is_in(list(wanted)))
    known = {key[0]: rows for key, rows in touched.partition_by("id", as_dict=True).items()}
    texts: dict[str, str] = {}
    new: list[tuple[str, str, str, int, int, str, None, str]] = []
    emptied: list[int] = []
    for key, text in documents.filter(pl.col("id").is_in(list(wanted))).select("id", "text").iter_rows():
        rows = known[key].sort("start", "end") if key in known else touched.clear()
        before = [Before(*edit) for edit in rows.select("start", "end", "replacement").iter_rows()]
        cuts = [Cut(*one) for one in wanted[key].select("start", "end", "suite").iter_rows()]
        texts[key], gone, swallowed = cut(text, merged(cuts, margin, len(text)), before)
        emptied += [int(rows["row"][number]) for number in swallowed]
        new += [
            (key, CONTAMINATION_STEP, f"{CONTAMINATION_STEP}:{one.suite}", one.start, one.end, one.removed, None, "")
            for one in gone
        ]
    counted = _counted(texts)
    joined = documents.join(counted, on="id", how="left", maintain_order="left", suffix="_new")
    documents = joined.with_columns(
        pl.coalesce(f"{name}_new", name).alias(name) for name in ("text", "chars", "tokens")
    ).select(DOCUMENTS.keys())
    empty = pl.Series(np.isin(np.arange(edits.height), emptied))
    edits = edits.with_columns(replacement=pl.when(empty).then(pl.lit("")).otherwise("replacement"))
    order = {key: place for place, key in enumerate(edits["id"].unique(maintain_order=True).to_list())}
    whole = pl.concat([edits.select(EDITS.keys()), pl.DataFrame(new, schema=EDITS, orient="row")])
    places = documents["id"].to_list()
    order |= {key: len(order) + place for place, key in enumerate(places) if key not in order}
    position = pl.Series([order[key] for key in whole["id"]], dtype=pl.Int64)
    return documents, whole.with_columns(position=position).sort("position", "start", "end").drop("position")


def _counted(texts: dict[str, str]) -> pl.DataFrame:
    """id, text, chars and tokens (estimated as the measure `text.tokens`) of cut texts."""
    values = list(texts.values())
    none: list[str | None] = [None] * len(values)
    tokens = text_measures(Batch(Segments(values), values, none, none, none))["tokens"]
    return pl.DataFrame(
        {"id": list(texts), "text": values, "chars": [len(value) for value in values], "tokens": tokens},
        schema={name: DOCUMENTS[name] for name in ("id", "text", "chars", "tokens")},
    )


def _sized(decisions: pl.DataFrame, own: pl.Series, sizes: pl.DataFrame) -> pl.DataFrame:
    """DECISIONS of the kept documents with the sizes of their cut texts."""
    joined = decisions.join(sizes, on="id", how="left", maintain_order="left", suffix="_new")
    cut_one = pl.col("chars_new").is_not_null() & (pl.col("chars_new") != pl.col("chars")) & pl.lit(own)
    return joined.with_columns(
        pl.when(cut_one).then(pl.col(f"{name}_new")).otherwise(pl.col(name)).alias(name) for name in ("chars", "tokens")
    ).select(DECISIONS.keys())


def _short(name: str) -> pl.Expr:
    return pl.col(name).round(4).cast(pl.String)
