"""The tables of a curate run: column names and types, in the order they are written."""

from __future__ import annotations

from typing import Any

import polars as pl

# One row per input record as the first map leaves it, before any rule is evaluated.
RECORDS: dict[str, Any] = {
    "id": pl.String,
    "url": pl.String,
    "host": pl.String,
    "date": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "mime": pl.String,
    "charset": pl.String,
    "truncated": pl.String,
    "drop_rule": pl.String,  # dropped while reading or extracting: rule and value
    "drop_value": pl.String,
    "error": pl.String,  # failed: why
    "error_step": pl.String,
    "title": pl.String,
    "text": pl.String,  # the edited text, null where none was extracted
    "chars_removed": pl.Int64,
    "snippet": pl.String,
}

LANGUAGE: dict[str, Any] = {
    "language.lang": pl.String,
    "language.score": pl.Float64,
    "language.runner_up": pl.String,
    "language.runner_up_score": pl.Float64,
}

# The same once the text is extracted, before it is edited.
EXTRACTED: dict[str, Any] = {**RECORDS, **LANGUAGE}

DOCUMENTS: dict[str, Any] = {
    "id": pl.String,
    "url": pl.String,
    "host": pl.String,
    "date": pl.String,
    "lang": pl.String,
    "lang_score": pl.Float64,
    "domain": pl.String,  # the topic, where the recipe names a classifier of topics
    "quality": pl.Float64,  # the score by the first classifier of quality that it names
    "title": pl.String,
    "text": pl.String,
    "chars": pl.Int64,
    "tokens": pl.Int64,
    "mime": pl.String,
    "charset": pl.String,
    "truncated": pl.String,
    "file": pl.String,
    "row": pl.Int64,
}

DECISIONS: dict[str, Any] = {
    "id": pl.String,
    "url": pl.String,
    "host": pl.String,
    "lang": pl.String,
    "state": pl.String,  # kept | dropped | failed
    "step": pl.String,
    "rule": pl.String,  # the first that failed, in declared order
    "value": pl.String,
    "threshold": pl.String,
    "fails": pl.List(pl.String),  # all that failed
    "error": pl.String,
    "partner": pl.String,
    "chars": pl.Int64,
    "tokens": pl.Int64,
    "bytes": pl.Int64,  # of the text in UTF-8
    "snippet": pl.String,
    "file": pl.String,
    "row": pl.Int64,
}

EDITS: dict[str, Any] = {
    "id": pl.String,
    "step": pl.String,
    "kind": pl.String,
    "start": pl.Int64,  # code points of the extracted text
    "end": pl.Int64,
    "removed": pl.String,  # null for private values, whose keyed digest stands in its place
    "digest": pl.String,
    "replacement": pl.String,
}

# Within a unit an edit also names its record, because ids may repeat.
UNIT_EDITS: dict[str, Any] = {**EDITS, "position": pl.Int64}

# What goes from kept texts after the rules, by record of the unit: code points of the edited text, kind and step.
CUTS: dict[str, Any] = {
    "position": pl.Int64,
    "start": pl.Int64,
    "end": pl.Int64,
    "kind": pl.String,
    "step": pl.String,
}

# One row per text that the rules judged, as the second map leaves it for the search for duplicates.
TEXTS: dict[str, Any] = {
    "row": pl.Int64,  # among the texts of the unit, as they were signed
    "position": pl.Int64,  # among its records
    "id": pl.String,
    "host": pl.String,
    "file": pl.String,
    "date": pl.String,
    "chars": pl.Int64,
    "bytes": pl.Int64,
    "passed": pl.Boolean,  # every rule of the profile
}

# Tables of the search for duplicates; the keys are 32 hex digits, null where nobody shares them.
FINGERPRINTS: dict[str, Any] = {
    "id": pl.String,
    "text": pl.String,
    "url": pl.String,
    "set": pl.String,
    "file": pl.String,  # what the order of survivors reads
    "date": pl.String,
    "chars": pl.Int64,
}
PAIRS: dict[str, Any] = {
    "left": pl.String,  # set keys of the fingerprints
    "right": pl.String,
    "left_size": pl.Int64,  # shingles
    "right_size": pl.Int64,
    "shared": pl.Int64,
    "jaccard": pl.Float64,
    "containment": pl.Float64,
}
INDEXED: dict[str, Any] = {
    "id": pl.String,
    "rule": pl.String,  # duplicates.text | near | url | deleted
    "partner": pl.String,  # the document of the index; null where a deleted one came back
    "jaccard": pl.Float64,
    "containment": pl.Float64,
}

# Columns the second map adds once the whole corpus has been seen.
CORPUS: dict[str, Any] = {"corpus.cross_entropy": pl.Float64, "corpus.length_rank": pl.Float64}

# Steps every run has, in the order pages meet them; the rule families of the profile follow in declared order.
FIXED_STEPS = ("read", "extract")
