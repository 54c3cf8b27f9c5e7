"""Quality and cost of the extraction engines, and the option sets that were tried: `python benchmarks/extraction.py`.

Gold standards (`extraction-gold/` of the data folder):
- scrapinghub: the article body of news pages; precision and recall of 4-word shingles, averaged over pages, F1 of the
  two averages, standard deviation by bootstrap (scrapinghub/article-extraction-benchmark, evaluate.py).
- trafilatura: segments that must and must not be in the text; counted over all pages (adbar/trafilatura, tests/).
Texts and segments are compared in Unicode's NFC and with white space as one blank.

"As shipped" goes through `Extractor`, so it includes the child process and its start. CPU time, parent and child.
Writes benchmarks/results/extraction.json and extraction.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import random
import re
import resource
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from curate.extract import ENGINES, Extractor
from curate.extract.engines import load, resiliparse_engine
from curate.extract.markup import prepare
from curate.extract.text import normalise
from curate.sources import plan_units, read_unit
from curate.sources.charset import decode

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
BOOTSTRAPS = 1000
_WORD = re.compile(r"\w+")


class Gold(NamedTuple):
    """Pages with the text they should give: `articles` whole, `segments` in pieces to find (with) or not (without)."""

    articles: list[tuple[str, str]]
    segments: list[tuple[str, list[str], list[str]]]

    @property
    def pages(self) -> list[str]:
        return [page for page, _ in self.articles] + [page for page, _, _ in self.segments]


def load_gold(data: Path) -> Gold:
    def page(path: Path) -> str:
        return decode(gzip.decompress(path.read_bytes()), None)[0]

    folder = data / "extraction-gold" / "scrapinghub"
    bodies = json.loads((folder / "ground-truth.json").read_text("utf-8"))
    articles = [(page(folder / "html" / f"{key}.html.gz"), item["articleBody"]) for key, item in bodies.items()]
    folder = data / "extraction-gold" / "trafilatura"
    items = json.loads((folder / "gold.json").read_text("utf-8")).values()
    return Gold(articles, [(page(folder / item["html"]), item["with"], item["without"]) for item in items])


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(plain(text))
    grams = (tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)))
    return Counter(gram for gram in grams if gram)


def article_score(rows: list[tuple[float, float]]) -> dict[str, float]:
    precision = statistics.mean(row[0] for row in rows if row[0] >= 0)
    recall = statistics.mean(row[1] for row in rows if row[1] >= 0)
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


def score_articles(texts: list[str], truths: list[str]) -> dict[str, float]:
    rows = []
    for text, truth in zip(texts, truths, strict=True):
        found, wanted = shingles(text), shingles(truth)
        common = (found & wanted).total()
        # A page without any text says nothing of precision, one without truth nothing of recall.
        rows.append((common / found.total() if found else -1.0, common / wanted.total() if wanted else -1.0))
    dice = random.Random(0)
    sampled = [article_score(dice.choices(rows, k=len(rows)))["f1"] for _ in range(BOOTSTRAPS)]
    return article_score(rows) | {"f1_std": statistics.stdev(sampled)}


def score_segments(texts: list[str], gold: Gold) -> dict[str, float]:
    right = missed = wrong = absent = 0
    for text, (_, with_, without) in zip(texts, gold.segments, strict=True):
        found = plain(text)
        hits = sum(plain(segment) in found for segment in with_)
        false = sum(plain(segment) in found for segment in without)
        right, missed = right + hits, missed + len(with_) - hits
        wrong, absent = wrong + false, absent + len(without) - false
    precision, recall = right / (right + wrong), right / (right + missed)
    total = right + missed + wrong + absent
    f1 = 2 * precision * recall / (precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1, "accuracy": (right + absent) / total}


def cpu_s() -> float:
    """CPU seconds so far of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(extract: Callable[[list[str]], list[str]], gold: Gold) -> dict[str, Any]:
    """Scores and CPU milliseconds a page of a function from pages to texts."""
    began = cpu_s()
    texts = extract(gold.pages)
    each_ms = 1000 * (cpu_s() - began) / len(texts)
    count = len(gold.articles)
    articles = score_articles(texts[:count], [truth for _, truth in gold.articles])
    return {"articles": articles, "segments": score_segments(texts[count:], gold), "ms": each_ms}


def shipped(engine: str) -> Callable[[list[str]], list[str]]:
    def extract(pages: list[str]) -> list[str]:
        with Extractor(engine) as extractor:
            return [page.text for page in extractor.extract([(page, None) for page in pages])]

    return extract


def variants() -> dict[str, Callable[[str], str]]:
    """The libraries as they come, and what was tried on top of them, in this process."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    def library(**options: Any) -> Callable[[str], str]:
        return lambda html: trafilatura.extract(html, **options) or ""

    def rules(**options: Any) -> Callable[[str], str]:
        return lambda html: extract_plain_text(html, **{"main_content": True, "alt_texts": False, **options})

    def tuned(**options: Any) -> Callable[[str], str]:
        chosen = {**resiliparse_engine.OPTIONS, **options}
        lists = resiliparse_engine.keep_lists
        return lambda html: normalise(extract_plain_text(lists(prepare(html)), **chosen))

    own = load("resiliparse").extract
    quiet = {"comments": False, "post_meta": False}
    return {
        "trafilatura, its defaults": library(),
        "trafilatura, no comments": library(include_comments=False),
        "trafilatura, no comments, fast": library(include_comments=False, fast=True),
        "trafilatura, no comments, favor_precision": library(include_comments=False, favor_precision=True),
        "trafilatura, no comments, favor_recall": library(include_comments=False, favor_recall=True),
        "resiliparse, all text": rules(main_content=False),
        "resiliparse, main content": rules(),
        "resiliparse, main content, no comments": rules(comments=False),
        "resiliparse, main content, no comments or post meta": rules(**quiet),
        "the same with alternative texts": rules(**quiet, alt_texts=True),
        "the same with hidden elements": rules(**quiet, hidden_elements=True),
        "the same with noscript": rules(**quiet, noscript=True),
        "the same, formulas, code and lists kept": tuned(skip_elements=()),
        "... and footers skipped": tuned(),
        "... and `related` skipped": tuned(skip_elements=("footer", "[class*=footer]", "[class*=related]")),
        "... and headers skipped": tuned(skip_elements=("footer", "[class*=footer]", "header")),
        "... and sidebars skipped": tuned(skip_elements=("footer", "[class*=footer]", "[class*=sidebar]")),
        "... and short pages taken whole (as shipped)": lambda html: normalise(own(prepare(html))),
    }


def crawl_pages(data: Path, limit: int) -> list[str]:
    """Pages of the crawl, every tenth or so of all its files."""
    units = plan_units([str(path) for path in sorted((data / "crawl").glob("*.warc.gz"))])
    pages = [record.body for unit in units for record in read_unit(unit) if record.kind == "html" and record.body]
    return pages[:: max(1, len(pages) // limit)][:limit]


def cost(pages: list[str]) -> dict[str, dict[str, float]]:
    """CPU milliseconds a page on the crawl: through the child process, and the library alone; the least of three."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    alone: dict[str, Callable[[str], str]] = {
        "trafilatura": lambda html: trafilatura.extract(html, include_comments=False) or "",
        "resiliparse": lambda html: extract_plain_text(html, main_content=True, alt_texts=False),
    }
    table = {}
    for engine in ENGINES:
        times: dict[str, list[float]] = {"through the child": [], "library alone": []}
        for _ in range(3):
            for name, run in (("through the child", shipped(engine)), ("library alone", _each(alone[engine]))):
                began = cpu_s()
                run(pages)
                times[name].append(1000 * (cpu_s() - began) / len(pages))
        table[engine] = {name: min(values) for name, values in times.items()}
    return table


def _each(extract: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda pages: [extract(page) for page in pages]


def write(result: dict[str, Any], gold: Gold, pages: int) -> str:
    """The tables in Markdown."""

    def rows(scores: dict[str, dict[str, Any]]) -> list[str]:
        return [
            f"| {name} | {item['articles']['precision']:.3f} | {item['articles']['recall']:.3f} "
            f"| {item['articles']['f1']:.3f} ± {item['articles']['f1_std']:.3f} | {item['segments']['precision']:.3f} "
            f"| {item['segments']['recall']:.3f} | {item['segments']['f1']:.3f} | {item['segments']['accuracy']:.3f} "
            f"| {item['ms']:.1f} |"
            for name, item in scores.items()
        ]

    head = [
        "| | precision | recall | F1 | precision | recall | F1 | accuracy | ms a page |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(
        [
            "# Extraction",
            "",
            f"{len(gold.articles)} news pages with the article's text (first three columns: 4-word shingles; standard",
            f"deviation by bootstrap), and {len(gold.segments)} pages with segments to find or leave out (next four).",
            "CPU milliseconds. Written by `benchmarks/extraction.py`.",
            "",
            "As shipped, through the child process and with its start:",
            "",
            *head,
            *rows(result["shipped"]),
            "",
            f"Cost on {pages} pages of the crawl, CPU milliseconds a page:",
            "",
            "| engine | through the child | library alone, in process |",
            "|---|---:|---:|",
            *(
                f"| {name} | {item['through the child']:.2f} | {item['library alone']:.2f} |"
                for name, item in result["cost"].items()
            ),
            "",
            "What was tried, in process:",
            "",
            *head,
            *rows(result["variants"]),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--pages", type=int, default=600, help="pages of the crawl for the cost")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    gold = load_gold(options.data)
    pages = crawl_pages(options.data, options.pages)
    result: dict[str, Any] = {
        "shipped": {engine: measure(shipped(engine), gold) for engine in ENGINES},
        "variants": {name: measure(_each(extract), gold) for name, extract in variants().items()},
        "cost": cost(pages),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "extraction.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    text = write(result, gold, len(pages))
    (RESULTS / "extraction.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
