"""Every benchmark, each writing its table into benchmarks/results: `make bench` runs this.

Peers live in environments of their own under `.bench/`, made on first use. The data is found by
WINNOW_SHARED_DATA or in `../shared/data`; without it there is nothing to measure, and this says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = ROOT / ".bench"
DATATROVE = (
    "datatrove[processing]==0.10.1",
    "spacy==3.8.18",
    "trafilatura<1.12",
    "lxml_html_clean",
    "xxhash<4",
    "orjson",
    "warcio",
    "faust-cchardet",
    "python-magic",
    "tldextract",
    "fasteners",
    "pyahocorasick",
)
# With the product beside it: their generation is compared in one process.
TRANSFORMERS = ("torch==2.13.0", "transformers==5.23.0", f"{ROOT}[train]")
LM_EVAL = (*TRANSFORMERS, "lm_eval[hf]==0.4.13")


def peer(name: str, packages: tuple[str, ...]) -> Path:
    """The interpreter of a peer's own environment."""
    home = PEERS / name
    python = home / "bin" / "python"
    if not (home / ".ready").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        (home / ".ready").touch()
    return python


def main() -> None:
    data = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "DATA.md").is_file():
        raise SystemExit(f"no data at {data}: set WINNOW_SHARED_DATA to the folder of real data sets")
    os.environ["WINNOW_SHARED_DATA"] = str(data)
    datatrove = str(peer("datatrove", DATATROVE))
    transformers = str(peer("transformers", TRANSFORMERS))
    warc = str(data / "crawl" / "crawl-shared-0000[0-2].warc.gz")
    for script, *arguments in (
        ("segmentation.py",),
        ("measures.py", "--peer", datatrove),
        ("parity.py",),
        ("pipeline.py", "--warc", warc, "--peer", datatrove),
        ("extraction.py",),
        ("language.py",),
        ("pii.py",),
        ("classifiers.py",),
        ("contamination.py",),
        ("beside_run.py",),
        ("index_delete.py",),
        ("signatures.py", "--peer", datatrove),
        ("duplicates_scale.py",),
        ("document_bytes.py",),
        ("scale_table.py",),
        ("training_speed.py", "--peer", transformers),
        ("training_loop.py",),
        ("learning.py",),
        ("instruct.py",),
        ("winnow_small.py",),
        ("retrieval.py",),
        ("judges.py",),
    ):
        print(f"== {script}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=True, cwd=ROOT)
    for script, python in (("generation.py", transformers), ("likelihood.py", str(peer("lm_eval", LM_EVAL)))):
        print(f"== {script}", flush=True)
        subprocess.run([python, str(HERE / script)], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
