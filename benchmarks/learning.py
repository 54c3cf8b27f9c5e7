"""How many tokens and minutes a small model takes to pass counting: n-gram models of the same tokens.

    python benchmarks/learning.py [--data FILE] [--depth 3] [--tokens 4M]

One text (public domain, clean English) becomes a tokenizer, tokens with a held-out share, bigram and 5-gram models
(interpolated, modified Kneser-Ney) and a Llama; held-out bits per byte are measured on the way.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import zstandard
from markdown_tables import table

from train.distributed import World
from train.optim import OptimSettings
from train.stages import text as texts
from train.stages.pretrain import pretrain
from train.stages.run import Where, train
from train.stages.settings import Pretrain, Rows, Shape, Text
from workbench.console import Screen
from workbench.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BOOKS = "text/standardebooks/the-history-of-the-decline-and-fall-of-the-roman-empire.txt.zst"


def book(folder: Path) -> Path:
    """The text as files of a few pages, so that whole pieces can be held out."""
    data = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data")) / BOOKS
    if not data.is_file():
        raise SystemExit(f"no text at {data}: set WINNOW_SHARED_DATA, or name one with --data")
    with zstandard.ZstdDecompressor().stream_reader(data.open("rb")) as stream:
        whole = io.TextIOWrapper(stream, "utf-8").read()
    pieces: list[str] = [""]
    for paragraph in whole.split("\n\n"):
        if len(pieces[-1]) > 8000:
            pieces.append("")
        pieces[-1] += paragraph + "\n\n"
    path = folder / "book.parquet"
    pl.DataFrame({"id": [f"piece-{number}" for number in range(len(pieces))], "text": pieces}).write_parquet(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--tokens", default="4M")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = given.data or book(folder)
        recipe = Pretrain(
            text=Text.model_validate({"source": str(source), "prepare": {"held_out": 0.03}}),
            vocab_size=4096,
            model=Shape(depth=given.depth, context=256),
            length=given.tokens,
            rows=Rows(tokens=4096, micro=16),
            optim=OptimSettings(optimizer="muon", lr=0.005),
            precision="bf16",
            evaluate_every=50,
        )
        where = Where(folder / "runs", folder / "model", jobs=2)
        screen = Screen(quiet=True)
        stage = pretrain(recipe, World(), where, screen)
        trained = train(stage, World(), where, screen)
        tokens = texts.open_tokens(recipe.text, stage.tokenizer, where.root, 2, lambda event: None)
        counted = texts.baselines(tokens, (2, 5))
        metrics = pl.read_parquet(folder / "model" / "metrics" / "*.parquet")
        report(metrics, counted, trained.data, source.name)


def report(metrics: pl.DataFrame, counted: dict[int, float], data: dict[str, Any], source: str) -> None:
    """The curve, and where it passes each n-gram model."""
    import torch  # not above: `train` says how its threads wait before it is loaded

    steps = metrics.filter(pl.col("kind") == "train").sort("step")
    sofar = steps.select("step", pl.col("tokens").cum_sum(), minutes=pl.col("seconds").cum_sum() / 60)
    measured = metrics.filter((pl.col("kind") == "eval") & (pl.col("part") == "")).select("step", "bits_per_byte")
    curve = measured.join(sofar, on="step", how="left", maintain_order="left").with_columns(
        pl.col("tokens").fill_null(0.0), pl.col("minutes").fill_null(0.0)
    )
    rows = []
    for order, bits in sorted(counted.items()):
        below = curve.filter(pl.col("bits_per_byte") < bits).head(1).to_dicts()
        passed = [f"{below[0]['tokens']:,.0f}", f"{below[0]['minutes']:.1f}"] if below else ["not reached", ""]
        rows.append([f"{order}-gram", f"{bits:.4f}", *passed])
    some = curve.gather_every(max(1, curve.height // 12)).vstack(curve.tail(1)).unique("step", maintain_order=True)
    points = [[row["step"], f"{row['tokens']:,.0f}", f"{row['minutes']:.1f}", f"{row['bits_per_byte']:.4f}"]
              for row in some.iter_rows(named=True)]  # fmt: skip
    text = "\n".join(
        [
            "# Learning: a small model against counting",
            "",
            f"{source}; vocabulary 4,096; {data['parameters']['total']:,} parameters, bf16 autocast, Muon,"
            f" {torch.get_num_threads()} threads; n-gram models by interpolated modified Kneser-Ney.",
            "",
            table(
                ["model of the same tokens", "held-out bits a byte", "passed after tokens", "minutes of steps"], rows
            ),
            "",
            table(["step", "tokens", "minutes", "bits a byte"], points),
            "",
        ]
    )
    write_text(RESULTS / "learning.md", text)
    write_text(RESULTS / "learning.json", json.dumps({"counted": counted, "curve": points}, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
