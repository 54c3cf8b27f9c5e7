"""The tables that a decontamination writes, and how they follow from the matcher's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from curate.contamination.items import Item
from curate.contamination.match import Hits, Matcher
from curate.contamination.match_index import Part
from curate.contamination.match_weights import Weights
from workbench.render import percent

# What a unit of documents gives: hits, and near misses, from which the best document of an item is taken.
FOUND: dict[str, Any] = {
    "id": pl.String,
    "place": pl.Int64,  # row of the document in its run
    "part": pl.Int64,
    "start": pl.Int64,
    "end": pl.Int64,
    "item_start": pl.Int64,
    "item_end": pl.Int64,
    "score": pl.Float64,
    "length": pl.Int64,
    "hit": pl.Boolean,
    "beside": pl.Boolean,
}

CONTAMINATION: dict[str, Any] = {
    "id": pl.String,
    "suite": pl.String,
    "item": pl.Int64,  # row of the benchmark's file, from 0
    "part": pl.String,  # question | answer
    "start": pl.Int64,  # code points of the document's text
    "end": pl.Int64,
    "item_start": pl.Int64,  # code points of the question or the answer
    "item_end": pl.Int64,
    "score": pl.Float64,
    "threshold": pl.Float64,
    "length": pl.Int64,  # words that match
    "beside": pl.Boolean,  # an answer that is no hit by itself: it stands beside its question
}

_ORDER = ["place", "part", "start", "end"]


def found_rows(hits: Hits, ids: pl.Series, begin: int) -> pl.DataFrame:
    """FOUND rows of one batch whose first document is row `begin` of the run; a place is named once for each part.

    An answer that is long enough to be looked for by itself may also stand beside its question: it counts by itself.
    """
    frame = pl.DataFrame(
        {
            "id": ids.gather(hits.doc),
            "place": hits.doc + begin,
            **{name: getattr(hits, name) for name in ("part", "start", "end", "item_start", "item_end", "score")},
            "length": hits.length,
            "hit": hits.hit,
            "beside": hits.beside >= 0,
        },
        schema_overrides=FOUND,
    )
    best = frame.sort([*_ORDER, "beside", "score"], descending=[False] * 5 + [True])
    return best.unique(_ORDER, keep="first", maintain_order=True)


def contamination(found: pl.DataFrame, parts: Sequence[Part], items: Sequence[Item], matcher: Matcher) -> pl.DataFrame:
    """CONTAMINATION rows: the hits in the order of the documents."""
    hits = found.filter("hit").sort(_ORDER)
    named = _parts(parts, items).with_columns(threshold=pl.Series(matcher.threshold))
    return hits.join(named, on="part", how="left", maintain_order="left").select(
        pl.col("kind").cast(kind).alias(name) if name == "part" else pl.col(name).cast(kind)
        for name, kind in CONTAMINATION.items()
    )


def by_item(
    found: pl.DataFrame, parts: Sequence[Part], items: Sequence[Item], matcher: Matcher, weights: Weights
) -> pl.DataFrame:
    """A row for every item: could it be tested, what the corpus holds of it, and its best document.

    `common` is the share of the question's n-grams that are ignored because too many documents hold them; `covered`
    the share of its words in n-grams of the corpus, all documents together.
    """
    named = _parts(parts, items).with_columns(
        testable=pl.Series(matcher.testable),
        common=pl.Series(weights.common),
        covered=pl.Series(matcher.covered(weights)),
        words=pl.Series(np.diff(matcher.index.first_token)),
    )
    # The place decides between equal scores: the first document in the order of the run.
    best = found.sort(["part", "score", "place", "start"], descending=[False, True, False, False])
    best = best.group_by("part", maintain_order=True).agg(
        best_score=pl.col("score").first(),
        best_document=pl.col("id").first(),
        documents=pl.col("id").filter("hit").n_unique().cast(pl.Int64),
    )
    both = named.join(best, on="part", how="left", maintain_order="left")
    question = both.filter(pl.col("kind") == "question").select(
        "suite",
        "item",
        "words",
        "testable",
        "common",
        "covered",
        contaminated=pl.col("documents").fill_null(0) > 0,
        documents=pl.col("documents").fill_null(0),
        best_document="best_document",
        best_score="best_score",
    )
    answer = both.filter(pl.col("kind") == "answer").select(
        "suite",
        "item",
        answer_documents=pl.col("documents").fill_null(0),
        answer_best_document="best_document",
        answer_best_score="best_score",
        answer_testable="testable",
    )
    return question.join(answer, on=["suite", "item"], how="left", maintain_order="left").with_columns(
        pl.col("answer_documents").fill_null(0),
        pl.col("answer_testable").fill_null(False),
        contaminated=pl.col("contaminated") | (pl.col("answer_documents").fill_null(0) > 0),
    )


def among(items: pl.DataFrame, rows: pl.DataFrame, standing: pl.Series) -> pl.DataFrame:
    """`by_item` of a run for other documents of it: `items` are its rows, `rows` its CONTAMINATION, `standing` the ids.

    The best document of an item is the one that the run knew, where it stands, or one that is a hit.
    """
    wanted = standing.implode()
    hits = rows.filter(pl.col("id").is_in(wanted))
    out = items
    for part, prefix in (("question", ""), ("answer", "answer_")):
        of_part = hits.filter(pl.col("part") == part).sort("score", descending=True, maintain_order=True)
        best = of_part.group_by("suite", "item").agg(
            _documents=pl.col("id").n_unique().cast(pl.Int64), _id=pl.col("id").first(), _score=pl.col("score").first()
        )
        document, score = f"{prefix}best_document", f"{prefix}best_score"
        known = pl.col(document).is_in(wanted) & (pl.col(score) >= pl.col("_score").fill_null(0.0))
        out = out.join(best, on=["suite", "item"], how="left", maintain_order="left").with_columns(
            pl.col("_documents").fill_null(0).alias(f"{prefix}documents"),
            pl.when(known).then(document).otherwise("_id").alias(document),
            pl.when(known).then(score).otherwise("_score").alias(score),
        )
        out = out.drop("_documents", "_id", "_score")
    return out.with_columns(contaminated=(pl.col("documents") > 0) | (pl.col("answer_documents") > 0))


def by_suite(by_item: pl.DataFrame) -> pl.DataFrame:
    """Items, testable and contaminated ones of every suite; `share` is of all its items."""
    testable = pl.col("testable") | pl.col("answer_testable")
    return by_item.group_by("suite", maintain_order=True).agg(
        items=pl.len().cast(pl.Int64),
        testable=testable.sum().cast(pl.Int64),
        contaminated=pl.col("contaminated").sum().cast(pl.Int64),
        share=pl.col("contaminated").mean(),
        common=(pl.col("common") >= 0.5).sum().cast(pl.Int64),
    )


def counts(hits: pl.DataFrame, by_item: pl.DataFrame) -> dict[str, int]:
    """What a manifest counts."""
    return {
        "items": by_item.height,
        "items_testable": int((by_item["testable"] | by_item["answer_testable"]).sum()),
        "items_contaminated": int(by_item["contaminated"].sum()),
        "documents_contaminated": hits["id"].n_unique(),
    }


def over_limit(suites: pl.DataFrame, limit: float | None) -> list[str]:
    """A sentence for every suite of whose items a larger share was found."""
    return [
        f"{suite['contaminated']} of {suite['items']} items of {suite['suite']} are in the run: "
        f"{percent(suite['share'])}, more than {percent(limit)}"
        for suite in suites.iter_rows(named=True)
        if limit is not None and suite["share"] > limit
    ]


def _parts(parts: Sequence[Part], items: Sequence[Item]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "part": pl.Series(range(len(parts)), dtype=pl.Int64),
            "kind": [part.kind for part in parts],
            "suite": [items[part.item].suite for part in parts],
            "item": pl.Series([items[part.item].row for part in parts], dtype=pl.Int64),
        }
    )
