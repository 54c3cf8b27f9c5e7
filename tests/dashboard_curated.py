"""A small curated run whose every number is known: kept, dropped by rules, duplicates, a planted benchmark item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from dashboard_runs import decisions, write_run

from curate.contamination.tables import CONTAMINATION
from curate.pipeline.schemas import DOCUMENTS, EDITS, FINGERPRINTS
from curate.recipe import Extract, LanguageModel, Measures, Read, Settings
from curate.rules import Profile
from workbench.runs import Run

LINES = [f"Sentence number {number} says something of its own about the tides." for number in range(12)]
KEPT = "\n".join(LINES)
COPY = KEPT.replace("number 3 says", "number three tells")
HOSTILE = (
    "<script>document.title='run'</script><img src=x onerror=alert(1)><style>*{display:none}</style>"
    "<form action=//evil.example><input></form> \u202eturned\u202c zero\u200bwidth"
)
PROFILE: dict[str, Any] = {
    "name": "small",
    "source": "a test",
    "text": "edited",
    "engine": None,
    "edits": {},
    "declared": [
        {"id": "gopher.words_min", "measure": "text.words", "drop_if": "<", "threshold": 5, "why": "too few words"},
        {"id": "url.length", "measure": "url.length", "drop_if": ">", "threshold": 50},
        {
            "id": "c4.lorem",
            "measure": "text.lorem",
            "drop_if": ">",
            "threshold": 0,
            "when": {"langs": ["la"]},
        },
    ],
}
A, B, C, D, E, F = (f"{letter * 8}{number:024x}" for number, letter in enumerate("abcdef"))


def curated(root: Path, name: str = "small", **changes: Any) -> Run:
    """Six pages: A kept, B its near duplicate, C dropped by two rules, D failed, E kept and hostile, F never extracted.

    `changes`: a table (or None: the run has none of that name) in the place of the usual one.
    """
    page = {"host": "one.example", "lang": "en", "file": "crawl.warc.gz"}
    near = {"state": "dropped", "step": "duplicates", "rule": "duplicates.near", "value": "0.91", "partner": A}
    short = {"state": "dropped", "step": "gopher", "rule": "gopher.words_min", "value": "3", "threshold": "< 5"}
    torn = {"state": "failed", "step": "extract", "error": "the parser gave up"}
    empty = {"state": "dropped", "step": "read", "rule": "read.mime", "value": "image/png"}
    size = {"chars": len(KEPT), "tokens": 100}
    rows = [
        {**page, **size, "id": A, "url": "https://one.example/a", "snippet": KEPT[:60]},
        {**page, **size, **near, "id": B, "url": "https://two.example/b", "host": "two.example", "threshold": ">= 0.8"},
        {**page, **short, "id": C, "url": "https://one.example/c", "fails": ["gopher.words_min", "url.length"]},
        {**page, **torn, "id": D, "url": "https://one.example/d", "lang": None, "chars": 0, "tokens": 0},
        {**page, "id": E, "url": "https://evil.example/<b>", "host": "evil.example", "lang": "la", "snippet": HOSTILE},
        {**page, **empty, "id": F, "url": "https://one.example/f", "lang": None, "chars": 0, "tokens": 0},
    ]
    texts = {A: KEPT, E: HOSTILE}
    dropped = {B: COPY, C: "Write to <EMAIL> now"}
    table = decisions(*rows)
    tables: dict[str, pl.DataFrame | None] = {
        "decisions": table,
        "documents": _documents(table, texts),
        "dropped": _documents(table, dropped),
        "rollups": table.group_by("step", "rule", "state", "host", "lang", maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("documents"), pl.col("chars", "tokens", "bytes").sum()
        ),
        "measures": pl.DataFrame(
            {
                "id": [A, B, C, E],
                "text.words": [120, 120, 3, 9],
                "url.length": [21, 21, 60, 24],
                "text.lorem": [0, 0, 1, 0],
                "language.lang": ["en", "en", "en", "la"],
            }
        ),
        "edits": pl.DataFrame(
            [
                {"id": A, "step": "lines", "kind": "line:policy", "start": 0, "end": 9, "removed": "Cookies!\n"},
                {"id": C, "step": "pii", "kind": "pii:email", "start": 9, "end": 26, "digest": "0f" * 16},
            ],
            schema=EDITS,
        ).with_columns(replacement=pl.Series(["", "<EMAIL>"])),
        "duplicates": pl.DataFrame(
            {
                "dropped_id": [B],
                "kept_id": [A],
                "cluster": [A],
                "jaccard": [0.91],
                "containment": [0.95],
                "method": ["near"],
            }
        ),
        "fingerprints": pl.DataFrame(
            [
                {"id": A, "file": "crawl.warc.gz", "date": "2026-02-01", "chars": len(KEPT)},
                {"id": B, "file": "crawl.warc.gz", "date": "2026-01-01", "chars": len(COPY)},
            ],
            schema=FINGERPRINTS,
        ),
        "contamination": pl.DataFrame(
            [
                {"id": A, "suite": "tides", "item": 1, "part": "question", "start": 0, "end": len(LINES[0])}
                | {"item_start": 0, "item_end": 60, "score": 0.9, "threshold": 0.7, "length": 11, "beside": False}
            ],
            schema=CONTAMINATION,
        ),
        "items": pl.DataFrame(
            {
                "suite": ["tides", "tides"],
                "item": [0, 1],
                "words": [9, 11],
                "testable": [True, True],
                "common": [0.0, 0.25],
                "covered": [0.1, 0.9],
                "contaminated": [False, True],
                "documents": [0, 1],
                "best_document": [None, A],
                "best_score": [None, 0.9],
                "answer_documents": [0, 0],
                "answer_best_document": pl.Series([None, None], dtype=pl.String),
                "answer_best_score": pl.Series([None, None], dtype=pl.Float64),
                "answer_testable": [False, False],
            }
        ),
        "suites": pl.DataFrame(
            {"suite": ["tides"], "items": [2], "testable": [2], "contaminated": [1], "share": [0.5], "common": [0]}
        ),
    }
    tables |= changes
    settings = Settings(
        seed=0,
        read=Read(),
        extract=Extract(),
        language=LanguageModel(),
        measures=Measures(),
        edits=Profile.model_validate(PROFILE).edits,
        duplicates=Profile.model_validate(PROFILE).duplicates,
        profile=Profile.model_validate(PROFILE),
    )
    told = settings.model_dump(mode="json")
    told["duplicates"]["survivor"] = ["source", "newest", "longest"]
    files = {"settings.json": told, "recipe.yaml": "input: []\n"}
    there = {table: rows for table, rows in tables.items() if rows is not None}
    return write_run(root, name, "curate.run", there, files, counts={"documents": 2})


def _documents(rows: pl.DataFrame, texts: dict[str, str]) -> pl.DataFrame:
    found = rows.filter(pl.col("id").is_in(list(texts)))
    return (
        found.select(
            (pl.col(name) if name in found.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in DOCUMENTS.items()
            if name not in ("text", "mime")
        )
        .with_columns(text=pl.col("id").replace_strict(texts, return_dtype=pl.String), mime=pl.lit("text/html"))
        .select(list(DOCUMENTS))
    )
