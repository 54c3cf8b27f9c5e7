"""Quality and cost of the extraction engines, and the option sets that were tried: `python benchmarks/extraction.py`.

Gold standards (`extraction-gold/` of the data folder):
- scrapinghub: the article body of news pages; precision and recall of 4-word shingles, averaged over pages, F1 of the
  two averages, standard deviation by bootstrap (scrapinghub/article-extraction-benchmark, evaluate.py).
- trafilatura: segments that must and must not be in the text; counted over all pages (adbar/trafilatura, tests/).
- pages: documentation, forums, courses and others of the crawl (`extraction_pages.jsonl`), 4-word shingles too.
The model of winnow has learned from these pages, so its own scores are those of its training on hosts that the judged
model had not seen (`extraction_model.py` writes them); its time is measured here, beside the others'.

"As shipped" goes through `Extractor`, so it includes the child process and its start. CPU time, parent and child.
Writes benchmarks/results/extraction.json and extraction.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from curate.extract import ENGINES, Extractor
from curate.extract.engines import load, resiliparse_engine
from curate.extract.learn.evaluate import cpu_s, evaluate
from curate.extract.learn.score import score_articles, score_segments
from curate.extract.learn.train import Sources, read_pages
from curate.extract.markup import prepare
from curate.extract.text import normalise
from curate.sources import plan_units, read_unit
from curate.sources.charset import decode

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROOT = Path(__file__).parents[1]
CARD = RESULTS / "extraction_model.json"


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


def measure(extract: Callable[[list[str]], list[str]], gold: Gold) -> dict[str, Any]:
    """Scores and CPU milliseconds a page of a function from pages to texts."""
    began = cpu_s()
    texts = extract(gold.pages)
    each_ms = 1000 * (cpu_s() - began) / len(texts)
    count = len(gold.articles)
    articles = score_articles(texts[:count], [truth for _, truth in gold.articles])
    return {
        "articles": articles,
        "segments": score_segments(texts[count:], [rest for _, *rest in gold.segments]),
        "ms": each_ms,
    }


def shipped(engine: str) -> Callable[[list[str]], list[str]]:
    def extract(pages: list[str]) -> list[str]:
        with Extractor(engine) as extractor:
            return [page.text for page in extractor.extract([(page, None) for page in pages])]

    return extract


def as_shipped(gold: Gold) -> dict[str, Any]:
    """Scores of the engines, and the least time of three interleaved rounds: what is more is the machine's."""
    rounds = [{engine: measure(shipped(engine), gold) for engine in ENGINES} for _ in range(3)]
    return {engine: {**rounds[0][engine], "ms": min(found[engine]["ms"] for found in rounds)} for engine in ENGINES}


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
        "... and short pages taken whole (as shipped)": lambda html: normalise(own(html.encode())),
    }


def tried(gold: Gold, kept: bool) -> dict[str, Any]:
    """Scores and cost of all variants, measured now or taken from the last results."""
    if kept:
        last: dict[str, Any] = json.loads((RESULTS / "extraction.json").read_text("utf-8"))["variants"]
        return last
    return {name: measure(_each(extract), gold) for name, extract in variants().items()}


def crawl_pages(data: Path, limit: int) -> list[str]:
    """Pages of the crawl, every tenth or so of all its files."""
    units = plan_units([str(path) for path in sorted((data / "crawl").glob("*.warc.gz"))])
    pages = [record.body for unit in units for record in read_unit(unit) if record.kind == "html" and record.body]
    return pages[:: max(1, len(pages) // limit)][:limit]


def cost(pages: list[str]) -> dict[str, dict[str, float]]:
    """CPU milliseconds a page on the crawl: through the child process, and the library alone; the least of three."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    winnow = load("winnow").extract
    alone: dict[str, Callable[[str], str]] = {
        "trafilatura": lambda html: trafilatura.extract(html, include_comments=False) or "",
        "resiliparse": lambda html: extract_plain_text(html, main_content=True, alt_texts=False),
        "winnow": lambda html: winnow(html.encode()),
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


def other_pages(data: Path) -> dict[str, Any]:
    """Scores of the engines by kind and language on the second gold set; of winnow, those of its training."""
    pages = read_pages(Sources(crawl=data / "crawl", gold=HERE / "extraction_pages.jsonl"))
    found = {}
    for engine in ("trafilatura", "resiliparse"):
        scores = evaluate(pages, shipped(engine)([page.html for page in pages]))
        found[engine] = {"kinds": scores.kinds, "langs": scores.langs}
    return found


def unseen() -> dict[str, Any]:
    """The scores of winnow's model on unseen hosts, by what is favoured."""
    scores: dict[str, Any] = json.loads(CARD.read_text("utf-8"))["scores"]
    return scores


def _each(extract: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda pages: [extract(page) for page in pages]


def write(result: dict[str, Any], gold: Gold, pages: int) -> str:
    """The tables in Markdown."""

    def row(name: str, articles: dict[str, float], segments: dict[str, float], ms: str) -> str:
        return (
            f"| {name} | {articles['precision']:.3f} | {articles['recall']:.3f} "
            f"| {articles['f1']:.3f} ± {articles['f1_std']:.3f} | {segments['precision']:.3f} "
            f"| {segments['recall']:.3f} | {segments['f1']:.3f} | {segments['accuracy']:.3f} | {ms} |"
        )

    def rows(scores: dict[str, dict[str, Any]], but: str = "") -> list[str]:
        return [
            row(name, item["articles"], item["segments"], f"{item['ms']:.1f}")
            for name, item in scores.items()
            if name != but
        ]

    held_out = unseen()
    ms = result["shipped"]["winnow"]["ms"]
    own = [
        row(f"winnow, favor = {favor}", item["articles"], item["segments"], f"{ms:.1f}")
        for favor, item in held_out.items()
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
            "As shipped, through the child process and with its start (the least of three interleaved rounds);",
            "winnow is judged on hosts that its model had not seen:",
            "",
            *head,
            *rows(result["shipped"], but="winnow"),
            *own,
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
            *_by("kinds", "kind", result["pages"], held_out),
            *_by("langs", "language", result["pages"], held_out),
            "What was tried, in process:",
            "",
            *head,
            *rows(result["variants"]),
            "",
        ]
    )


def _by(field: str, title: str, peers: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """Precision, recall and F1 of the engines on the second gold set, winnow's balanced and on unseen hosts."""
    engines = {**{name: item[field] for name, item in peers.items()}, "winnow": own["balanced"][field]}
    lines = [
        f"Pages of the crawl by {title}, precision / recall / F1:",
        "",
        f"| {title} | pages | {' | '.join(engines)} |",
        f"|---|---:|{'---:|' * len(engines)}",
    ]
    for name, item in next(iter(engines.values())).items():
        cells = [
            " / ".join(f"{found[name][part]:.3f}" for part in ("precision", "recall", "f1"))
            for found in engines.values()
        ]
        lines.append(f"| {name} | {item['pages']:.0f} | {' | '.join(cells)} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--pages", type=int, default=600, help="pages of the crawl for the cost")
    parser.add_argument("--keep-tried", action="store_true", help="what was tried is taken from the last results")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    gold = load_gold(options.data)
    pages = crawl_pages(options.data, options.pages)
    result: dict[str, Any] = {
        "shipped": as_shipped(gold),
        "pages": other_pages(options.data),
        "variants": tried(gold, options.keep_tried),
        "cost": cost(pages),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "extraction.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    text = write(result, gold, len(pages))
    (RESULTS / "extraction.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
