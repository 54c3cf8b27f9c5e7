"""What the first process writes down while it trains: metrics, samples, events; the others write nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.distributed import World
from train.metrics import METRICS, SAMPLES, Growing
from train.peak import matmul_peak
from workbench.events import Event, Listener
from workbench.files import leftovers, remove, write_text

FLUSH_S = 5.0  # rows reach the disk at least this often
EVENT_S = 0.1

Rows = Sequence[Mapping[str, Any]]


class Records:
    """The tables `metrics/` and `samples/` of a run, its `hardware.json`, and the progress that people see."""

    def __init__(self, out: Path, world: World, emit: Listener | None) -> None:
        self._out = out
        self._world = world
        self._emit = emit if world.first else None
        self._metrics = Growing(out / "metrics", METRICS)
        self._samples = Growing(out / "samples", SAMPLES)
        self._flushed = self._told = time.monotonic()
        self._peak = 0.0

    def probe(self, precision: str) -> None:
        """Measure the matmul peak of all processes together and store it; all ranks must call."""
        everyone = self._world.gather(matmul_peak(self._world.device))
        peak = {name: sum(rank[name] for rank in everyone) for name in everyone[0]}
        self._peak = peak[precision]
        if self._world.first:
            for path in leftovers(self._out, "hardware.json"):
                remove(path)
            found = {"device": str(self._world.device), "processes": self._world.size, "matmul_flops_per_s": peak}
            write_text(self._out / "hardware.json", json.dumps(found, indent=1) + "\n")

    def step(self, row: Mapping[str, Any], flops: float, total: int) -> None:
        """Add the row of a step; `flops` is what it computed."""
        if not self._world.first:
            return
        speed = flops / row["seconds"] / self._peak
        tokens_per_s = row["tokens"] / row["seconds"]
        self._metrics.append({**row, "kind": "train", "tokens_per_s": tokens_per_s, "peak_share": speed})
        present = time.monotonic()
        if self._emit and (present - self._told > EVENT_S or row["step"] == total):
            self._told = present
            message = f"loss {row['loss']:.4f}  {tokens_per_s:,.0f} tokens/s  {speed:.0%} of matmul peak"
            counts = {"steps": row["step"], "steps_total": total}
            rate = 1.0 / row["seconds"]
            self._emit(Event("progress", "train", message, counts=counts, rate=rate, fraction=row["step"] / total))
        if present - self._flushed > FLUSH_S:
            self.flush()

    def evaluation(self, step: int, rows: Rows) -> None:
        """Add the rows of an evaluation, the last of which is of all parts."""
        if self._world.first:
            for row in rows:
                self._metrics.append({**row, "step": step, "kind": "eval"})
            bits = rows[-1]["bits_per_byte"]
            shown = f"{rows[-1]['loss']:.4f}" + ("" if bits is None else f", {bits:.4f} bits per byte")
            self.tell("info", f"step {step}: held-out loss {shown}")

    def samples(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add texts that the model wrote."""
        if self._world.first:
            for row in rows:
                self._samples.append({**row, "step": step})

    def tell(self, level: str, message: str) -> None:
        """An event for the run's log and the screen."""
        if self._emit:
            self._emit(Event(level, "train", message))

    def flush(self) -> None:
        """Bring every table up to date on the disk."""
        self._metrics.flush()
        self._samples.flush()
        self._flushed = time.monotonic()

    def rewind(self, step: int) -> tuple[list[dict[str, Any]], bool]:
        """Forget what came after `step`; the evaluation made there, if any, and whether samples were; on all ranks."""
        measured, sampled = self._world.once(lambda: self._rewind(step))
        return measured, sampled

    def _rewind(self, step: int) -> tuple[list[dict[str, Any]], bool]:
        self._metrics.rewind(step)
        self._samples.rewind(step)
        rows = [row for row in self._metrics.last() if row["step"] == step and row["kind"] == "eval"]
        # As `evaluation` was given them: without what is said of every row, and without the columns of training.
        measured = [
            {name: value for name, value in row.items() if name not in ("step", "kind") and _is_told(name, value)}
            for row in rows
        ]
        return measured, any(row["step"] == step for row in self._samples.last())


def _is_told(name: str, value: Any) -> bool:
    """Whether a column is one of an evaluation: bits per byte may be unknown there, others are then not there."""
    return value is not None or name == "bits_per_byte"
