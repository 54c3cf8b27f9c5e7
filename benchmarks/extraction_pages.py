"""Makes the gold sets of documentation, forum, course and other pages: `python benchmarks/extraction_pages.py`.

Picks pages of the crawl by the hash of their id, four of a site, takes their main text by the rules of
`extraction_sites.yaml`, and writes ids and hashes of blocks to `extraction_pages.jsonl`: no text. The same for the
hold-out, `extraction_holdout_sites.yaml` and `extraction_holdout.jsonl`, and, with a folder of what
`extraction_forums.py` brings, for `extraction_forums.jsonl`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from curate.extract.learn.pages import entry, write_gold
from curate.extract.learn.sites import load_rules, site_pages

HERE = Path(__file__).parent
SITES, PAGES = HERE / "extraction_sites.yaml", HERE / "extraction_pages.jsonl"
HOLDOUT_SITES, HOLDOUT = HERE / "extraction_holdout_sites.yaml", HERE / "extraction_holdout.jsonl"
FORUMS = HERE / "extraction_forums.jsonl"
PER_SITE, HOLDOUT_PER_SITE = 4, 12
MOST_BLOCKS = 600


def make(crawl: Path, sites: Path, pages: Path, most: int) -> None:
    """Writes the gold set `pages` of a folder of WARC files."""
    lines = [entry(page) for page in site_pages(crawl, load_rules(sites), most)]
    lines = [line for line in lines if 0 < len(line["blocks"]) <= MOST_BLOCKS]
    write_gold(lines, pages)
    size = pages.stat().st_size
    print(f"{pages.name}: {len(lines)} pages, {sum(len(line['blocks']) for line in lines)} blocks, {size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--forums", type=Path, help="the folder that extraction_forums.py wrote")
    options = parser.parse_args()
    make(options.data / "crawl", SITES, PAGES, PER_SITE)
    make(options.data / "crawl", HOLDOUT_SITES, HOLDOUT, HOLDOUT_PER_SITE)
    if options.forums is not None:
        make(options.forums, HOLDOUT_SITES, FORUMS, HOLDOUT_PER_SITE)


if __name__ == "__main__":
    main()
