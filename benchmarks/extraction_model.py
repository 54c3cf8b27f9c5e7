"""Makes the model that comes with the extractor: `python benchmarks/extraction_model.py`.

Trains on the gold sets and on pages of the crawl by rules of their sites (`extraction_sites.yaml`), as
`curate extract train` does; writes the model into the package, its scores on unseen hosts and its card to results/.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from curate.extract.learn.card import CARD, MODEL, SCORES, write_card
from curate.extract.learn.train import Sources, train
from curate.extract.winnow.model import PACKAGED

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def held_out_hosts() -> frozenset[str]:
    """Hosts of the crawl that `extraction_holdout.py` judges by."""
    lines = (HERE / "extraction_holdout.jsonl").read_text("utf-8").splitlines()
    return frozenset(urlsplit(json.loads(line)["url"]).hostname or "" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    gold = parser.parse_args().data / "extraction-gold"
    sources = Sources(
        gold / "scrapinghub",
        gold / "trafilatura",
        gold.parent / "crawl",
        HERE / "extraction_sites.yaml",
        HERE / "extraction_pages.jsonl",
        held_out_hosts(),
    )
    trained = train(sources, progress=print)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        write_card(trained, out)
        shutil.copyfile(out / MODEL, PACKAGED)
        shutil.copyfile(out / SCORES, RESULTS / "extraction_model.json")
        shutil.copyfile(out / CARD, RESULTS / "extraction_model.md")
        print((out / CARD).read_text("utf-8"))


if __name__ == "__main__":
    main()
