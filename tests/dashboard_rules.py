"""A small judged run for the tests of the page of rules: eight documents, written by hand, in two files a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from dashboard_runs import decisions

from curate.edits.config import EditsConfig
from curate.recipe import Extract, LanguageModel, Measures, Read, Settings
from curate.rules import Profile, Rule, When
from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.runs import Run
from workbench.tables import write_table

RULES = (
    Rule(id="shape.words", measure="text.words", drop_if="<", threshold=30, why="too short"),
    Rule(id="shape.upper", measure="text.upper_share", drop_if=">", threshold=0.5, when=When(langs=("en",))),
    Rule(id="shape.script", measure="script.main", drop_if="not in", threshold=("latin", "greek")),
    Rule(id="shape.other", measure="text.words", drop_if=">", threshold="off"),
)
# id: words, upper share, script, language; what became of it, all rules that it fails, its tokens and host.
DOCUMENTS = (
    ("a", 10, 0.1, "latin", "en", "dropped", ["shape.words"], 100, "one.example"),
    ("b", 20, 0.9, "latin", "en", "dropped", ["shape.words", "shape.upper"], 200, "one.example"),
    ("c", 29, 0.9, "latin", "de", "dropped", ["shape.words"], 300, "two.example"),
    ("d", 30, 0.5, "latin", "en", "kept", [], 400, "one.example"),
    ("e", 35, 0.2, "greek", None, "kept", [], 500, None),
    ("f", 40, None, "latin", "en", "dropped", ["shape.upper"], 600, "two.example"),
    ("g", 50, 0.3, "cyrillic", "ru", "dropped", ["shape.script"], 700, "two.example"),
    ("h", 60, 0.3, "latin", "en", "dropped", ["duplicates.near"], 800, "one.example"),
)


def profile(rules: Sequence[Rule] = RULES, text: Any = "extracted") -> Profile:
    return Profile(name="test", source="test", text=text, engine=None, edits=EditsConfig.off(), declared=tuple(rules))


def settings(found: Profile) -> dict[str, Any]:
    own = Settings(
        seed=0,
        read=Read(),
        extract=Extract(),
        language=LanguageModel(),
        measures=Measures(),
        edits=found.edits,
        duplicates=found.duplicates,
        profile=found,
    )
    return own.model_dump(mode="json")


def key(name: str) -> str:
    """The id of a document that the tests call by a letter."""
    return name.encode().hex().zfill(32)


def judged(
    root: Path,
    name: str = "judged",
    *,
    documents: Sequence[tuple[Any, ...]] = DOCUMENTS,
    found: Profile | None = None,
    measures: Mapping[str, Sequence[Any]] | None = None,
    kind: str = "curate.run",
    rename: Mapping[str, str] | None = None,
    text: str = "some text",
) -> Source:
    """Write the run: the measured documents with a page that was never read before them, and a copy of the last one
    after them. measures: more columns, or other ones."""
    rows: list[dict[str, Any]] = [
        {"id": key("unread"), "state": "dropped", "step": "read", "rule": "read.status", "fails": ["read.status"]}
    ]
    for each, _, _, _, lang, state, fails, tokens, host in documents:
        rows.append(
            {
                "id": key(each),
                "url": f"https://{host}/{each}",
                "lang": lang,
                "state": state,
                "rule": fails[0] if fails else None,
                "fails": fails,
                "tokens": tokens,
                "host": host,
                "snippet": f"{each} begins",
            }
        )
    copy = {"id": rows[-1]["id"], "state": "dropped", "rule": "read.same_record", "fails": ["read.same_record"]}
    table = pl.DataFrame(
        {
            "id": pl.Series([key(row[0]) for row in documents], dtype=pl.String),
            "text.tokens": pl.Series([row[7] for row in documents], dtype=pl.Int64),
            "text.words": pl.Series([row[1] for row in documents], dtype=pl.Int64),
            "text.upper_share": pl.Series([row[2] for row in documents], dtype=pl.Float64),
            "script.main": pl.Series([row[3] for row in documents], dtype=pl.String),
            "language.lang": pl.Series([row[4] for row in documents], dtype=pl.String),
            **(measures or {}),
        }
    ).rename(dict(rename or {}))
    stored = pl.DataFrame({"id": [row["id"] for row in rows], "text": [text for _ in rows]})
    tables = {"decisions": decisions(*rows, copy), "measures": table, "dropped": stored, "documents": stored}
    run = Run.create(root / name, kind, f"name: {name}\n", root=root)
    (run.path / "settings.json").write_text(json.dumps(settings(found or profile())), "utf-8")
    for folder, frame in tables.items():
        (run.path / folder).mkdir()
        half = frame.height // 2
        for number, part in enumerate((frame.head(half), frame.slice(half))):
            write_table(run.path / folder / f"part-{number:05d}.parquet", part)
    run.finish()
    return source(root, name)


def source(root: Path, name: str) -> Source:
    found = scan(root).get(name)
    assert found is not None
    return Source(open_database([root]), found)
