"""Runs for the tests of Overview and Lineage: a small crawl, what was made from it, and its reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from dashboard_app import texts
from dashboard_runs import decisions, write_run

from curate.pipeline.rollups import rollup
from evalkit.report import ledger
from workbench.runs import Run

SETTINGS = {"profile": {"declared": [{"id": "gopher.words_min"}, {"id": "lexicon.spam"}]}, "tokenizer": None}


def crawl(root: Path, name: str = "crawl", *, parents: tuple[Run, ...] = (), kept: int = 3, **more: Any) -> Run:
    """`kept` documents, and one record that failed, one without a text, one short, one copy."""
    rows: list[Mapping[str, Any]] = [
        *({"lang": "en", "host": f"h{number % 2}.example", "tokens": 10 * (number + 1)} for number in range(kept)),
        {"state": "failed", "step": "read", "tokens": 0, "bytes": 0, "chars": 0, "error": "torn"},
        {"state": "dropped", "step": "extract", "rule": "extract.empty", "tokens": 0, "bytes": 0},
        {"state": "dropped", "step": "gopher", "rule": "gopher.words_min", "tokens": 2, "bytes": 8, "lang": "en"},
        {"state": "dropped", "step": "duplicates", "rule": "duplicates.near", "tokens": 30, "lang": "en"},
    ]
    table = decisions(*rows)
    topics = pl.DataFrame({"domain": ["fog"] * kept, "lang": ["en"] * kept, "tokens": [10] * kept})
    tables = {
        "decisions": table,
        "rollups": rollup(table),
        "documents": topics.with_columns(table.filter(pl.col("state") == "kept")["id"]),
        "edits": pl.DataFrame({"id": ["a", "b", "c"], "kind": ["pii:email", "pii:phone", "line:repeated"]}),
        "suites": pl.DataFrame({"suite": ["s"], "items": [9], "testable": [8], "contaminated": [2]}),
    }
    files = {"settings.json": SETTINGS}
    return write_run(root, name, more.pop("kind", "curate.run"), tables, files, parents=parents, **more)


def trained(root: Path, name: str, *parents: Run, kind: str = "train.pretrain") -> Run:
    """A training run with one checkpoint."""
    stage = {"steps": 7, "tokens": 700, "parameters": {"total": 99}, "training_loss": 2.5, "measured": []}
    run = write_run(root, name, kind, parents=parents, finish=False)
    again = Run.create(root / name, kind, f"name: {name}\n", root=root, parents=parents)
    folder = again.path / "checkpoints/step-00000007"
    folder.mkdir(parents=True)
    (folder / "COMPLETE").write_text("{}")
    (again.path / "stage.json").write_text(json.dumps({**stage, "checkpoint": "step-00000007"}))
    again.finish(counts={"steps": 7, "tokens": 700})
    return again if run.path == again.path else run


def evaluated(root: Path, name: str, *parents: Run, value: float = 0.5) -> Run:
    """An evaluation of one task."""
    average = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 40}
    task = {"task": "sums", "preset": "default", "items": 40, "metrics": {"acc": {**average, "method": "wilson"}}}
    summary = {"model": {"name": "ws/base"}, "tasks": [task], "averages": {"all": average}}
    return write_run(root, name, "eval", files={"summary.json": summary}, parents=parents)


def report(root: Path, plan: str, window: str, verdict: str, alarms: int = 0, **more: Any) -> Path:
    """A report in its folder, entered in the ledger; `more` goes into report.json."""
    home = root / "reports" / plan
    folder = home / window
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(f"<!DOCTYPE html><html><head></head><body>{verdict}<script>1</script></body>")
    (folder / "report.json").write_text(json.dumps({"verdict": verdict, "window": window, **more}))
    ledger.append(home, plan, window, verdict, int(alarms > 0), 0)
    rows = [
        {"level": "error", "about": f"chat: task {number}", "message": "acc has fallen", "window": window, "plan": plan}
        for number in range(alarms)
    ]
    ledger.append_rows(home / "alarms.jsonl", rows)
    return folder


def told(app: Any) -> str:
    """`dashboard_app.texts` with every cell of every table, and what stands below the tiles."""
    tables = [str(each.value.to_dict("records")) for each in app.dataframe]
    return "\n".join([texts(app), *tables, *(each.proto.delta for each in app.get("metric"))])
