"""A finished run of a few documents with rollups, edits and settings; and the embedded sample."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_runs import doc_id, document

from curate.ask.finished import FinishedRun
from curate.pipeline.schemas import DOCUMENTS, EDITS
from curate.recipe import load
from workbench.manifest import Input
from workbench.runs import Run
from workbench.tables import ShardWriter

HOSTILE = "a|b`](http://evil.example)<script>.example"

ANSWERS = """
name: Small crawl
description: Five pages.
licence: odc-by
creators: [Ada, Ben]
contact: data@small.example
purpose: Tests.
rights: Nobody's.
personal_data: None was seen.
"""


def documents() -> pl.DataFrame:
    rows = [
        document(
            "one", "eins", host="news.gov.uk", lang="en", tokens=10, date="2026-03-02T00:00:00Z", file="a/one.warc"
        ),
        document("two", "zwei", host="NEWS.gov.uk", lang="en", tokens=20, date="2026-01-02T00:00:00Z", file="b.warc"),
        document("three", "drei", host=HOSTILE, lang="de", tokens=40, date="2026-04-02T00:00:00Z", file="b.warc"),
        document("four", "vier", host=None, url=None, lang=None, tokens=None, file="b.warc", truncated="length"),
        document("five", "fünf", host="gov.uk.example", lang="de", tokens=80, file="b.warc"),
    ]
    return pl.DataFrame(rows, DOCUMENTS, orient="row")


def rollups() -> pl.DataFrame:
    rows = [
        (None, None, "kept", "news.gov.uk", "en", 5, 20, 150, 600),
        ("read", "read.mime", "dropped", None, None, 3, 0, 0, 0),
        ("read", None, "failed", None, None, 1, 0, 0, 0),
        ("gopher", "gopher.words_min", "dropped", "x.example", "en", 1, 9, 7, 30),
    ]
    names = ["step", "rule", "state", "host", "lang", "documents", "chars", "tokens", "bytes"]
    return pl.DataFrame(rows, names, orient="row")


def edits() -> pl.DataFrame:
    blank = dict.fromkeys(EDITS)
    rows = [("one", "pii:email"), ("one", "pii:email"), ("two", "pii:email"), ("gone", "pii:iban")]
    return pl.DataFrame([{**blank, "id": doc_id(name), "kind": kind} for name, kind in rows], EDITS, orient="row")


def measures() -> pl.DataFrame:
    topics = {"one": "science", "two": "science", "three": "home", "five": "home", "gone": "sports"}
    rows = [(doc_id(name), topic, 0.5) for name, topic in topics.items()]
    return pl.DataFrame(rows, ["id", "domain.topic", "quality.edu"], orient="row")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's directory; tests only read it."""
    path = tmp_path_factory.mktemp("runs") / "small"
    with Run.create(path, "curate.run", "small\n", root=path.parent / "workspace") as run:
        frames = {"documents": documents(), "rollups": rollups(), "edits": edits(), "measures": measures()}
        for name, frame in frames.items():
            with ShardWriter(run.path / name, frame.to_arrow().schema) as writer:
                writer.append(frame)
        (run.path / "settings.json").write_text(load(None, {}, [], Path()).settings.model_dump_json())
        inputs = [Input(path="/home/ada/crawl/one.warc", bytes=5, digest="0" * 32)]
        inputs += [Input(path="b.warc", bytes=6, digest="1" * 32)]
        run.finish(inputs=inputs, counts={"edits": 3}, gates=["host x.example lost 95 % of its pages"])
    return path


@pytest.fixture
def opened(small: Path) -> FinishedRun:
    return FinishedRun.open(str(small), small.parent)
