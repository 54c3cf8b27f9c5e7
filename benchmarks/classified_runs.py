"""Whole runs of the crawl with and without trained models, interleaved; measured by `classifiers.py run`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.classify import model
from curate.classify import pii as tagging
from curate.classify.settings import FastText, Training
from workbench.runs import Run

ROOT = Path(__file__).parents[1]
Example = tuple[str, str, str]  # text, label, group
WITHOUT, WITH = "without models", "quality and topics"
ROUNDS, RECORDS = 3, 1500


def model_run(folder: Path, kind: str, examples: Sequence[Example], urls: Sequence[str | None], **more: Any) -> None:
    """A run that holds a model of these examples."""
    labels = sorted({label for _, label, _ in examples})
    target = np.array([[label == name for name in labels] for _, label, _ in examples])
    settings = Training(engine=more.pop("engine", "linear"), fasttext=FastText(rate=0.5, epochs=10))
    described = model.describe(kind, settings, labels, **more)
    with Run.create(folder, kind, f"{folder.name}\n", root=folder.parent) as run:
        texts, groups = [text for text, _, _ in examples], [group for _, _, group in examples]
        model.train(run.path / model.FOLDER, described, settings, texts, urls, target, groups)
        run.finish()


BASE = ("classify.quality.books={}/quality", "classify.domain.topic={}/topic")
FURTHER = {
    "a second classifier of quality": ("classify.quality.other={}/other",),
    "a classifier of quality by fastText": ("classify.quality.fast={}/fast",),
    "formats, with the page's shape": ("classify.domain.format={}/format",),
    "harm, by document and by sentence": ("classify.harm.a={}/harm",),
    "the same, harmful sentences cut": (
        "classify.harm.a={}/harm",
        "edits.harm.name=a",
        "edits.harm.min_score=0.9",
    ),
    "names and addresses masked": ("classify.pii={}/names",),
}


def measure(crawl: Sequence[dict[str, Any]], pieces: Sequence[Example], data: Path) -> dict[str, Any]:
    """CPU seconds of whole runs with resiliparse: without models, with quality and topics, and with each further model;
    one worker, the variants after each other in every round. crawl: pages to learn from; pieces: reference text."""
    urls = [page["url"] for page in crawl]
    # Which labels a model learns does not matter to its time; how many there are does.
    many = [(page["text"], f"c{at % 24:02d}", page["host"]) for at, page in enumerate(crawl)]
    two = [(page["text"], "ab"[at % 4 == 0], page["host"]) for at, page in enumerate(crawl)]
    sides = [*pieces, *((page["text"], "crawl", page["host"]) for page in crawl)]
    nothing: list[str | None] = [None] * len(sides)
    spent: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        model_run(root / "quality", "curate.quality", sides, nothing, score="reference")
        model_run(root / "other", "curate.quality", two, urls, score="a")
        model_run(root / "fast", "curate.quality", sides, nothing, score="reference", engine="fasttext")
        model_run(root / "topic", "curate.domains", many, urls)
        model_run(root / "format", "curate.domains", many, urls, reads="page")
        model_run(root / "harm", "curate.harm", two, urls, exclusive=False)
        source = tagging.Spans(path=str(data / "pii" / "presidio-generated_small.jsonl.zst"))
        settings = tagging.Pii(labelled=[source], linear={"c": 30.0, "folds": 2})
        tagging.write(settings, root, out=root / "names", root=root, force=False, attach=lambda path: None)
        variants = {WITHOUT: (), WITH: BASE, **{name: (*BASE, *sets) for name, sets in FURTHER.items()}}
        curate_seconds(data, [], root / "out", 20)  # fills the file cache and compiles the kernels
        for turn in range(ROUNDS):
            for name, sets in variants.items():
                own = [part for one in sets for part in ("--set", one.format(scratch))]
                took = curate_seconds(data, own, root / "out", RECORDS)
                spent.setdefault(name, []).append(took)
                print(turn, name, round(took, 2), flush=True)
    # What else the machine does only adds: the least of the rounds is nearest to what a run takes.
    least = {name: min(values) for name, values in spent.items()}
    added = {WITH: least[WITH] - least[WITHOUT], **{name: least[name] - least[WITH] for name in FURTHER}}
    return {
        "records": RECORDS,
        "rounds": spent,
        "least_s": least,
        "added": {name: seconds / least[WITHOUT] for name, seconds in added.items()},
    }


def curate_seconds(data: Path, sets: Sequence[str], out: Path, records: int) -> float:
    """CPU seconds of `curate run` over the crawl, with its children."""
    crawl = str(data / "crawl" / "*.warc.gz")
    command = [sys.executable, "-c", "from curate.cli import main; main()", "run", "--input", crawl, "--out", str(out)]
    command += ["--limit", str(records), "--set", "extract.engine=resiliparse", "-j", "1", "--force", "-q"]
    before = os.times()
    subprocess.run([*command, "--root", str(out.parent), *sets], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def told(found: dict[str, Any]) -> tuple[str, list[str], list[list[Any]]]:
    """Title, heads and rows of the table."""
    least = found["least_s"]
    rows = [[WITHOUT, least[WITHOUT], ""]]
    rows += [[name, least[name], f"{100 * share:.1f} %"] for name, share in found["added"].items()]
    rounds = len(found["rounds"][WITHOUT])
    title = (
        f"Whole runs: {found['records']:,} records of the crawl, resiliparse, the least of {rounds} interleaved rounds"
    )
    return title, ["", "CPU s", "added, of the run without models"], rows
