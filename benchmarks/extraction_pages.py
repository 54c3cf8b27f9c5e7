"""Makes the gold set of documentation, forum, course and other pages: `python benchmarks/extraction_pages.py`.

Picks pages of the crawl by the hash of their id, four of a site, takes their main text by the rules of
`extraction_sites.yaml`, and writes ids and hashes of blocks to `extraction_pages.jsonl`: no text.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from curate.extract.learn.pages import entry, write_gold
from curate.extract.learn.sites import load_rules, site_pages

HERE = Path(__file__).parent
SITES, PAGES = HERE / "extraction_sites.yaml", HERE / "extraction_pages.jsonl"
PER_SITE = 4
MOST_BLOCKS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    options = parser.parse_args()
    lines = [entry(page) for page in site_pages(options.data / "crawl", load_rules(SITES), PER_SITE)]
    lines = [line for line in lines if 0 < len(line["blocks"]) <= MOST_BLOCKS]
    write_gold(lines, PAGES)
    print(f"{len(lines)} pages, {sum(len(line['blocks']) for line in lines)} blocks, {PAGES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
