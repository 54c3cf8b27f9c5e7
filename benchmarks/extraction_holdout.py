"""The engines on sites that were held out: `python benchmarks/extraction_holdout.py [--forums DIR]`.

Sites of the crawl that the packaged model has not learned from (`extraction_holdout.jsonl`), and forums that
`extraction_forums.py` brings (`extraction_forums.jsonl`). Writes benchmarks/results/extraction_holdout.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curate.extract import ENGINES, Extractor
from curate.extract.engines.settings import FAVORS, EngineSettings
from curate.extract.learn.score import mean_shares, page_shares
from curate.extract.learn.train import Sources, read_pages

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--forums", type=Path, help="the folder that extraction_forums.py wrote")
    parser.add_argument("--model", default="builtin", help="a model file other than the packaged one")
    options = parser.parse_args()
    pages = read_pages(Sources(crawl=options.data / "crawl", gold=HERE / "extraction_holdout.jsonl"))
    if options.forums is not None:
        pages += read_pages(Sources(crawl=options.forums, gold=HERE / "extraction_forums.jsonl"))
    html = [(page.html, None) for page in pages]
    result: dict[str, dict[str, Any]] = {}
    for engine in ENGINES:
        for favor in FAVORS if engine == "winnow" else FAVORS[1:2]:
            with Extractor(engine, settings=EngineSettings(favor, options.model)) as extractor:
                texts = [found.text for found in extractor.extract(html)]
            rows = [page_shares(text, page.truth or "") for page, text in zip(pages, texts, strict=True)]
            groups: dict[str, list[tuple[float, float]]] = {}
            for page, row in zip(pages, rows, strict=True):
                for name in (f"kind: {page.kind}", f"site: {urlsplit(f'//{page.host}').hostname}"):
                    groups.setdefault(name, []).append(row)
            name = engine if engine != "winnow" else f"winnow, {favor}"
            result[name] = {key: mean_shares(held) | {"pages": len(held)} for key, held in sorted(groups.items())}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "extraction_holdout.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", "utf-8")
    text = "\n".join(table(result))
    (RESULTS / "extraction_holdout.md").write_text(text, "utf-8")
    print(text)


def table(result: dict[str, dict[str, Any]]) -> list[str]:
    """Precision, recall and F1 by kind and by site, an engine a column."""
    lines = [
        "# Extraction on sites that were held out",
        "",
        "Precision / recall / F1 of 4-word shingles, means over pages. Written by `benchmarks/extraction_holdout.py`.",
        "",
        f"| | pages | {' | '.join(result)} |",
        f"|---|---:|{'---:|' * len(result)}",
    ]
    for name, first in next(iter(result.values())).items():
        cells = [
            " / ".join(f"{found[name][part]:.3f}" for part in ("precision", "recall", "f1"))
            for found in result.values()
        ]
        lines.append(f"| {name} | {first['pages']} | {' | '.join(cells)} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
