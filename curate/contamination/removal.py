"""The parent's tables without the contaminated documents, or with the matching spans cut out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import polars as pl

from curate.ask.finished import FinishedRun
from curate.contamination.cut import LEAST_LEFT, cuts
from curate.pipeline.decide import CONTAMINATION_STEP, SAME_RECORD, contaminated, dropped_late
from curate.pipeline.finish import UnitTables
from curate.pipeline.parts import slice_bounds
from curate.pipeline.passages import apply_cuts
from curate.pipeline.schemas import DECISIONS, DOCUMENTS, EDITS, UNIT_EDITS
from curate.tokens import counter, estimate
from workbench.events import Event, Listener


def without(
    parent: FinishedRun, found: pl.DataFrame, rule: str, *, spans: bool, margin: int, listener: Listener
) -> Iterator[UnitTables]:
    """The tables slice by slice. `found` are CONTAMINATION rows; `rule` is what the decisions name.

    With `spans`, matches are cut and the document stays, unless less than LEAST_LEFT characters are left of it.
    """
    chars = parent.scan("decisions").select("chars").collect()["chars"].to_numpy()
    begins = slice_bounds(chars)
    count = estimate if parent.tokenizer is None else counter(parent.settings)
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
        places = decisions.with_row_index("position").filter(own).select("id", pl.col("position").cast(pl.Int64))
        if spans:
            documents, edits = cut_documents(documents, edits, hits, margin, count)
            length = pl.col("text").str.len_bytes().cast(pl.Int64).alias("bytes")
            sizes = documents.join(hits, on="id", how="semi").select("id", "chars", "tokens", length)
            sizes = sizes.join(places, on="id")
            decisions = _placed(decisions).update(sizes.drop("id"), on="position").drop("position")
            hits = hits.join(sizes.filter(pl.col("chars") < LEAST_LEFT), on="id", how="semi")
        decisions = dropped_late(decisions, places.join(contaminated(hits, rule), on="id").drop("id"))
        states = decisions.filter(own).select("id", "state").with_row_index("position")
        texts = pl.concat([documents, parts["dropped"].select(DOCUMENTS.keys())])
        texts = texts.join(states, on="id").sort("position").drop("position")
        listener(Event("progress", CONTAMINATION_STEP, "removing", fraction=end / max(begins[-1], 1)))
        yield UnitTables(decisions, parts["measures"], texts, edits.select(EDITS.keys()))


def cut_documents(
    documents: pl.DataFrame,
    edits: pl.DataFrame,
    hits: pl.DataFrame,
    margin: int,
    count: Callable[[Sequence[str]], Sequence[int]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """DOCUMENTS with the hits cut out of their texts and counted anew, and EDITS that say what went."""
    places = _placed(documents)
    names = places.select("id", "position")
    of_hits = hits.join(names, on="id").select("position", "start", "end", "suite")
    touched = places.join(of_hits, on="position", how="semi", maintain_order="left")
    edits = edits.select(EDITS.keys())
    before = edits.join(touched.select("id", "position"), on="id", maintain_order="left").select(UNIT_EDITS.keys())
    done = apply_cuts(touched, before, cuts(of_hits, touched, before, margin), count)
    rest = edits.join(touched, on="id", how="anti", maintain_order="left")
    # Documents stand in the order of their ids among the edits, those that had none at the end.
    order = pl.concat([edits["id"], touched["id"]]).unique(maintain_order=True).to_frame().with_row_index("rank")
    whole = pl.concat([rest, done.edits.select(EDITS.keys())])
    whole = whole.join(order, on="id", maintain_order="left").sort("rank", maintain_order=True).drop("rank")
    return places.update(done.rows.drop("bytes"), on="position").select(DOCUMENTS.keys()), whole


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int64))
