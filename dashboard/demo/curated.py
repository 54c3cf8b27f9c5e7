"""The curate runs of the demo: a sample crawl, models of its texts, other thresholds, a clean run, a mix, an export."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from importlib import resources
from typing import Any

import polars as pl

from dashboard.demo.workshop import ROOT, Workshop

QUIET = ("--no-progress", "-j", "2")


def make(shop: Workshop) -> None:
    """All of them."""
    _first(shop)
    _models(shop)
    _crawl(shop)
    _children(shop)


def _first(shop: Workshop) -> None:
    """The crawl without models, and a file with records that cannot be read."""
    shop.run("curate", "run", "--input", "sample", "--no-index", *QUIET, out="first")
    rows = shop.write("records.jsonl", _records())
    with (shop.folder / rows).open("ab") as file:
        file.write(b'{"url": "https://torn.example/1", "text": "This line was cut off by a full di\n')
        file.write(b'{"url": "https://torn.example/2", "text": 7}\n')
        file.write(b"\xff\xfe not a line of JSON\n")
    shop.run("curate", "run", "--input", rows, "--no-index", *QUIET, out="records", codes=(0, 3))


def _records() -> Iterator[dict[str, Any]]:
    """Pages of the sample's text, cut into parts."""
    text = (resources.files("curate.sample") / "pages").iterdir()
    for place, page in enumerate(sorted(text, key=lambda one: one.name)):
        if page.name.endswith(".md"):
            yield {"url": f"https://records.example/{place}", "text": page.read_text("utf-8")}


def _models(shop: Workshop) -> None:
    """A classifier of good text and one of topics, trained on the first run."""
    shop.run("curate", "quality", "train", "quality.yaml", "--no-progress", out="quality")
    shop.run("curate", "domains", "train", "--on", f"{ROOT}/first", "--clusters", "6", "--no-progress", out="topics")


def _crawl(shop: Workshop) -> None:
    """The run that most pages show: both models, and benchmark items that are looked for."""
    items = shop.folder / "benchmarks"
    items.mkdir(exist_ok=True)
    planted = (resources.files("curate.sample") / "benchmark.jsonl").read_text("utf-8")
    (items / "school-questions.jsonl").write_text(planted, "utf-8")
    shop.write("benchmarks/passages.jsonl", _passages(shop))
    models = ("--set", f"classify.quality.reference={ROOT}/quality", "--set", f"classify.domain.topic={ROOT}/topics")
    shop.run(
        "curate", "run", "--input", "sample", *models, "--set", "decontaminate.items=[benchmarks]", *QUIET, out="crawl"
    )
    shop.run("curate", "index-text", f"{ROOT}/crawl", "--all")


def _passages(shop: Workshop) -> Iterator[dict[str, Any]]:
    """Sixteen passages that stand in the crawl, some with a word exchanged, and fourteen that stand nowhere: of each,
    which of four words comes last."""
    draw = random.Random(0)
    pages = pl.read_parquet(shop.root / "first" / "documents").filter(pl.col("lang") == "en").sort("url")
    sentences = [
        sentence for text in pages["text"] for sentence in text.split(". ") if 18 <= len(sentence.split()) <= 40
    ]
    drawn = [sentence.split() for sentence in draw.sample(sorted(set(sentences)), 30)]
    ends = sorted({words[-1].strip(".,;") for words in drawn})
    for number, words in enumerate(drawn):
        right = words[-1].strip(".,;")
        if number >= 16:
            draw.shuffle(words)
        elif number % 3 == 2:
            words[draw.randrange(len(words))] = "certainly"
        choices = [right, *draw.sample([end for end in ends if end != right], 3)]
        draw.shuffle(choices)
        yield {"question": " ".join(words[:-1]), "choices": choices, "answer": choices.index(right)}


def _children(shop: Workshop) -> None:
    """What other commands make of the crawl."""
    milder = ("gopher.words_min=10", "gopher.top_3_gram=0.5", "gopher.top_4_gram=0.5", "gopher.dup_5_gram=0.95")
    sets = [part for one in milder for part in ("--set", one)]
    shop.run("curate", "decide", f"{ROOT}/crawl", *sets, "--no-progress", out="mild")
    strict = ("--set", "gopher.words_min=150", "--set", "decontaminate.remove=document")
    shop.run("curate", "decide", f"{ROOT}/crawl", *strict, "--no-progress", out="strict")
    against = ("--against", "benchmarks", "--remove", "document", "--no-progress")
    shop.run("curate", "decontaminate", f"{ROOT}/crawl", *against, out="clean")
    shop.run("curate", "mix", f"{ROOT}/mild", "mix.yaml", "--no-progress", out="mixed")
    if not (shop.root / "clean.export").is_dir():
        splits = ("--format", "datasets", "--splits", "train=0.9,validation=0.1", *QUIET)
        shop.run("curate", "export", f"{ROOT}/clean", "--to", f"{ROOT}/clean.export", *splits)
    shutil.copyfile(shop.folder / "card.yaml", shop.root / "crawl.card.yaml")
    shop.run("curate", "card", f"{ROOT}/crawl")
