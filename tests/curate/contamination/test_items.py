"""Reading benchmarks: the fields they use, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from curate.contamination.items import read_items
from curate.contamination.settings import Decontaminate
from workbench import recipes
from workbench.errors import UserError


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"question": "Why?", "answer": "So."}, "Why?", "So."),
        ({"query": "Why?", "choices": ["a1", "b2"], "gold": 1}, "Why?", "b2"),
        ({"question": "Why?", "choices": {"text": ["a1", "b2"], "label": ["A", "B"]}, "answerKey": "B"}, "Why?", "b2"),
        ({"question": "Why?", "choices": ["a1", "b2"], "answer": 0}, "Why?", "a1"),
        ({"question": "Is it?", "answer": True, "passage": "long"}, "Is it?", "yes"),
        ({"context": "Tea.", "question": "Why?", "answerA": "x1", "answerB": "y2", "label": "2"}, "Tea. Why?", "y2"),
        ({"premise": "It fell.", "question": "cause", "choice1": "x1", "choice2": "y2", "label": 0}, "It fell.", "x1"),
        ({"goal": "Bake.", "sol1": "x1", "sol2": "y2", "label": 1}, "Bake.", "y2"),
        ({"context_options": ["A did", "B did"], "continuation": "it", "gold": 1}, "B did", "it"),
        ({"sentence": "fine film", "label": 1}, "fine film", ""),
        ({"question": "Who?", "answers": [["Ann"]]}, "Who?", "Ann"),
    ],
)
def test_fields_are_guessed(tmp_path: Path, row: dict[str, Any], question: str, answer: str) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text(json.dumps(row) + "\n")
    items, _ = read_items([path])
    assert (items[0].suite, items[0].row, items[0].question, items[0].answer) == ("suite", 0, question, answer)


def test_a_long_context_is_a_source_and_not_the_question(tmp_path: Path) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text(json.dumps({"context": "word " * 100, "question": "Why?", "answer": "So."}))
    assert read_items([path])[0][0].question == "Why?"


def test_parquet_zstd_and_folders(tmp_path: Path) -> None:
    pl.DataFrame({"prompt": ["One?", "Two?"], "target": ["1", "2"]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.compress(b'{"input": "Three?"}\n'))
    (tmp_path / "index.json").write_text("[]")
    items, benchmarks = read_items([tmp_path])
    assert [item.question for item in items] == ["One?", "Two?", "Three?"]
    assert [benchmark.suite for benchmark in benchmarks] == ["a", "b"]


def test_named_fields(tmp_path: Path) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text('{"q": "Why?", "a": "So.", "question": "not this"}\n')
    items, _ = read_items([path], question="q", answer="a")
    assert (items[0].question, items[0].answer) == ("Why?", "So.")


@pytest.mark.parametrize("name", ["suite.jsonl.gz", "suite.jsonl.zst", "suite.parquet"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no such format")
    with pytest.raises(UserError) as caught:
        read_items([tmp_path / name])
    assert name in str(caught.value)


def test_real_benchmarks(shared_data: Path) -> None:
    items, benchmarks = read_items([shared_data / "benchmarks"])
    assert (len(items), len(benchmarks)) == (29_268, 31)
    assert sum(bool(item.answer) for item in items) > 27_000


@pytest.mark.parametrize("asked", ["remove=document", "limit=0.1"])
def test_what_is_done_about_items_needs_items(asked: str) -> None:
    with pytest.raises(UserError, match="names no items"):
        recipes.resolve(Decontaminate, [recipes.from_set(asked)])
