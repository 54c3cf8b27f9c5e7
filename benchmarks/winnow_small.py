"""Whether `winnow-small` tells small models apart: models of several depths, trained alike, compared item by item.

    python benchmarks/winnow_small.py [--depths 1,2] [--tokens 800k] [--work DIR]

Each model is trained by `train pretrain` on four novels (public domain; WINNOW_SHARED_DATA or `../shared/data`) and
asked by `evalkit run`; `evalkit compare` sets each against the one before. With --work, what is there is used again.
Writes benchmarks/results/winnow_small.json and .md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import zstandard
from markdown_tables import table

from workbench.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BOOKS = ("middlemarch", "war-and-peace", "the-brothers-karamazov", "les-miserables")
METRICS = ("acc", "norm_correct_prob", "answer_bpb")
_PIECE = 2500  # characters of a document


def call(program: str, *arguments: object) -> Any:
    """The `data` of one command's JSON."""
    code = f"import sys; from {program}.cli import main; sys.argv[0] = {program!r}; main()"
    command = [sys.executable, "-c", code, *map(str, arguments), "--json", "--no-progress"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout)["data"]


def novels(path: Path) -> None:
    """The texts as documents of a few paragraphs."""
    data = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data")) / "text" / "standardebooks"
    lines = []
    for book in BOOKS:
        with (data / f"{book}.txt.zst").open("rb") as packed:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8", newline="").read()
        piece = ""
        for paragraph in text.split("\n\n"):
            piece += paragraph + "\n\n"
            if len(piece) > _PIECE:
                lines.append(json.dumps({"text": piece}) + "\n")
                piece = ""
    write_text(path, "".join(lines))


def measure(work: Path, depths: list[int], tokens: str) -> dict[str, Any]:
    """Sizes of the models and the comparisons of each with the one before."""
    text, root = work / "text.jsonl", work / "ws"
    if not text.exists():
        novels(text)
    models = []
    for depth in depths:
        out, shape = work / f"d{depth}", ("--depth", depth, "--context", 128, "--tokens", tokens)
        call("train", "pretrain", "--data", text, *shape, "--set", "rows.tokens=2048", "--root", root, "--out", out)
        call("evalkit", "run", "-t", "winnow-small", "-m", out, "--root", root, "--out", work / f"eval-d{depth}")
        models.append({"depth": depth, "parameters": parameters(out)})
    by = [part for metric in METRICS for part in ("--metric", metric)]
    compared = [
        call("evalkit", "compare", work / f"eval-d{a}", work / f"eval-d{b}", *by, "--root", root)["compared"]
        for a, b in pairwise(depths)
    ]
    return {"tokens": tokens, "models": models, "compared": compared}


def parameters(run: Path) -> int:
    """Numbers in the weights of a run's last checkpoint."""
    from safetensors import safe_open

    weights = sorted((run / "checkpoints").glob("step-*/model.safetensors"))[-1]
    with safe_open(weights, "numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118  (it is no mapping)
    total = 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        total += size
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", default="1,2")
    parser.add_argument("--tokens", default="800k")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    depths = [int(depth) for depth in given.depths.split(",")]
    with tempfile.TemporaryDirectory() as name:
        found = measure(given.work or Path(name), depths, given.tokens)
    parts = [
        "# winnow-small: models told apart",
        "",
        f"Trained on {given.tokens} tokens of four novels, context 128.",
        "",
    ]
    for (a, b), rows in zip(pairwise(found["models"]), found["compared"], strict=True):
        parts += [f"A: {a['parameters']:,} parameters. B: {b['parameters']:,}. p adjusted by Holm.", ""]
        cells = [
            [
                *(row["task"], row["metric"], f"{row['a']:.4f}", f"{row['b']:.4f}"),
                *(interval(row["difference"]), f"{row['p_adjusted']:.3f}", row["words"]),
            ]
            for row in rows
        ]
        parts += [table(["task", "metric", "A", "B", "B - A (95 %)", "p", "verdict"], cells), ""]
    write_text(RESULTS / "winnow_small.json", json.dumps(found, indent=1) + "\n")
    write_text(RESULTS / "winnow_small.md", "\n".join(parts))
    print("\n".join(parts))


def interval(estimate: dict[str, float]) -> str:
    """A difference with its interval."""
    return f"{estimate['value']:.4f} ({estimate['low']:.4f} to {estimate['high']:.4f})"


if __name__ == "__main__":
    main()
