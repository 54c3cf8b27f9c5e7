"""Small trainings for the tests of the training page: their metrics written by hand, step by step."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from workbench.runs import Run
from workbench.tables import write_table

COLUMNS = {
    "step": pl.Int64,
    "kind": pl.String,
    "part": pl.String,
    "skipped": pl.Boolean,
    **dict.fromkeys(("loss", "lr", "grad_norm", "weight", "tokens", "seconds", "tokens_per_s"), pl.Float64),
    **dict.fromkeys(("peak_share", "bytes", "bits_per_byte"), pl.Float64),
}


def step(number: int, loss: float, **others: Any) -> dict[str, Any]:
    """A row of training: 10 tokens in half a second, at a tenth of the peak."""
    usual = {"kind": "train", "lr": 0.1, "grad_norm": 1.0, "tokens": 10.0, "seconds": 0.5, "tokens_per_s": 20.0}
    return {"step": number, "loss": loss, "skipped": False, "peak_share": 0.1, **usual, **others}


def evaluation(number: int, loss: float, **others: Any) -> dict[str, Any]:
    """A row of an evaluation of all parts together, over 40 labels."""
    return {
        "step": number,
        "kind": "eval",
        "part": "",
        "loss": loss,
        "weight": 40.0,
        "bits_per_byte": loss / 2,
        **others,
    }


def part(directory: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A part of `metrics/` as the trainer names it."""
    more = {name: pl.Float64 for row in rows for name in row if name not in COLUMNS}
    frame = pl.DataFrame(list(rows), schema={**COLUMNS, **more})
    (directory / "metrics").mkdir(exist_ok=True)
    write_table(directory / "metrics" / f"part-{rows[0]['step']:09d}.parquet", frame)


STAGE = {
    "schema": "train.stage/1",
    "steps": 8,
    "tokens": 80,
    "parameters": {"total": 100, "matmul": 50},
    "seen": {"main/a": {"rows": 12, "tokens": 60, "epochs": 1.5}, "anneal/a": {"rows": 4, "tokens": 20, "epochs": 2.0}},
    "measured": [{"part": "", "loss": 2.5, "weight": 40.0, "bits_per_byte": 1.25}],
    "data": {"tokens": "tokens-1"},
}


def training(
    root: Path,
    name: str,
    rows: Sequence[Mapping[str, Any]] = (),
    *,
    kind: str = "train.pretrain",
    recipe: str = "recipe:\n  precision: fp32\n  optim:\n    lr: 0.1\n",
    stage: Mapping[str, Any] = STAGE,
    finish: bool = True,
) -> Run:
    """A training with these rows of metrics; unfinished where told, and then its writer still runs."""
    run = Run.create(root / name, kind, recipe, root=root)
    if rows:
        part(run.path, rows)
    (run.path / "hardware.json").write_text(json.dumps({"matmul_flops_per_s": {"fp32": 2000.0}}))
    if finish:
        (run.path / "stage.json").write_text(json.dumps(stage))
        run.finish(counts={"steps": 8, "tokens": 80})
    return run
