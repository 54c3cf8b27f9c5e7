"""One training step: against transformers' LlamaForCausalLM of the same shape, on the same data, at the same precision.

    python benchmarks/training_speed.py --peer .bench/transformers/bin/python

A step is forward, loss, backward and AdamW (torch's, fused, for both) over 8 rows of 512 tokens, bf16 autocast, eager,
one thread, torch's large tensors in huge pages; transformers with its default attention (SDPA) and without its cache.
Its weights are those that ours wrote.
Each side lives in a process of its own and the two step in turn, so that what else the machine does meets both. CPU
seconds are of the process, with the system's part. Memory is the peak resident set of a fresh process, and what of it
lies above the process with its model and data before the first step.
Writes benchmarks/results/training_speed.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROWS, WIDTH = 8, 512
DEPTH = 6
VOCABULARIES = (8192, 32_000)
SPEED_BAR, MEMORY_BAR = 1.3, 0.6


def resident(field: str) -> int:
    """Bytes of this process's memory: `VmRSS` now, `VmHWM` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def work(side: str, folder: Path, rows: int) -> None:
    """The life of one side: for every line of input a step, for every step a line with its seconds and loss."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    labels: dict[str, Any] = {}
    if side == "winnow":
        from train.losses import next_token_loss
        from train.model.build import load

        model, config = load(folder, dtype=torch.float32)
        vocabulary = config.vocab_size
    else:
        from transformers import LlamaForCausalLM

        model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
        vocabulary = model.config.vocab_size
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    drawn = np.random.RandomState(0).zipf(1.3, (rows, WIDTH + 1)) % vocabulary
    tokens = torch.from_numpy(drawn.astype(np.int64))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    labels = {"labels": inputs, "shift_labels": targets}
    before = resident("VmRSS")
    for _ in sys.stdin:
        begin = time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if side == "winnow":
                total, count = next_token_loss(model(inputs), model.head, targets)
                loss = total / count
            else:
                loss = model(input_ids=inputs, use_cache=False, **labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.process_time() - begin
        said = {"seconds": seconds, "loss": loss.item(), "before": before, "peak": resident("VmHWM")}
        print(json.dumps(said), flush=True)


class Side:
    """One program in its own process."""

    def __init__(self, python: str, name: str, folder: Path, rows: int) -> None:
        command = [python, str(Path(__file__)), "--side", name, "--folder", str(folder), "--rows", str(rows)]
        root = str(HERE.parent)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": root}
        environment["THP_MEM_ALLOC_ENABLE"] = "1"  # as `train` sets it for itself; it serves both sides
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, **pipes)

    def step(self) -> dict[str, float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a side ended with {self.process.wait()}")
        found: dict[str, float] = json.loads(line)
        return found

    def close(self) -> None:
        self.process.communicate()


def compare(vocabulary: int, peer: str, rounds: int) -> dict[str, Any]:
    """Both sides step in turn, after two steps each that are not counted."""
    from train.model.build import build, save
    from train.model.config import ModelConfig

    config = ModelConfig.preset(DEPTH, vocabulary, max_positions=WIDTH)
    with tempfile.TemporaryDirectory() as folder:
        save(build(config, seed=0), config, folder)
        sides = {
            name: Side(python, name, Path(folder), ROWS)
            for name, python in (("winnow", sys.executable), ("transformers", peer))
        }
        steps: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for number in range(rounds + 2):
            for name in list(sides) if number % 2 else list(sides)[::-1]:
                steps[name].append(sides[name].step())
        for side in sides.values():
            side.close()
    result: dict[str, Any] = {"vocabulary": vocabulary, "parameters": config.parameters()["total"]}
    for name, of_side in steps.items():
        seconds = [step["seconds"] for step in of_side[2:]]
        result[name] = {
            "seconds": seconds,
            "median_s": statistics.median(seconds),
            "tokens_per_cpu_s": ROWS * WIDTH / statistics.median(seconds),
            "peak": of_side[-1]["peak"],
            "above": of_side[-1]["peak"] - of_side[-1]["before"],
            "first_loss": of_side[0]["loss"],
            "last_loss": of_side[-1]["loss"],
        }
    ours, theirs = result["winnow"], result["transformers"]
    ratios = [b / a for a, b in zip(ours["seconds"], theirs["seconds"], strict=True)]
    result |= {"ratio": statistics.median(ratios), "least_ratio": min(ratios), "most_ratio": max(ratios)}
    result |= {"memory": ours["peak"] / theirs["peak"], "memory_above": ours["above"] / theirs["above"]}
    return result


def processor() -> str:
    """What the processor calls itself, and what of it counts here."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    units = [unit for unit in ("avx512_bf16", "amx_bf16") if f" {unit}" in text]
    return ", ".join([names[0] if names else platform.processor(), *units])


def report(results: list[dict[str, Any]], rounds: int) -> None:
    """Print the tables and write them with the raw numbers."""
    lines = [
        "# Training speed",
        "",
        f"{ROWS} rows of {WIDTH} tokens, {DEPTH} layers, bf16 autocast, eager, one thread, huge pages,"
        " AdamW's step included;",
        f"medians of {rounds} steps taken in turn, each side in a process of its own; {processor()}.",
        "",
        "| parameters | vocabulary | program | CPU s a step | tokens / CPU s | times | of rounds |",
        "|---:|---:|---|---:|---:|---:|---:|",
    ]
    memory = [
        "",
        "| vocabulary | program | peak MB | of it | above the start, MB | of it |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for result in results:
        size = f"{result['parameters'] / 1e6:.1f}M | {result['vocabulary']:,}"
        span = f"**{result['ratio']:.2f}** | {result['least_ratio']:.2f} to {result['most_ratio']:.2f}"
        shares = f"**{result['memory']:.0%}**", f"{result['memory_above']:.0%}"
        for name, speed, (peak, above) in (("winnow", span, shares), ("transformers", " | ", ("", ""))):
            side = result[name]
            step = f"{side['median_s']:.3f} | {side['tokens_per_cpu_s']:,.0f}"
            lines.append(f"| {size} | {name} | {step} | {speed} |")
            sizes = f"{side['peak'] / 1e6:,.0f} | {peak} | {side['above'] / 1e6:,.0f} | {above}"
            memory.append(f"| {result['vocabulary']:,} | {name} | {sizes} |")
    losses = [
        f"{r['vocabulary']:,}: {r['winnow']['first_loss']:.4f} and {r['transformers']['first_loss']:.4f} at the first, "
        f"{r['winnow']['last_loss']:.4f} and {r['transformers']['last_loss']:.4f} at the last step"
        for r in results
    ]
    first, last = results[0], results[-1]
    met = first["ratio"] >= SPEED_BAR and last["memory"] <= MEMORY_BAR
    lines += [*memory, "", "Losses (winnow, transformers), " + "; ".join(losses) + ".", ""]
    lines.append(
        f"Wanted: {SPEED_BAR} times the tokens at {first['parameters'] / 1e6:.1f}M parameters, at most "
        f"{MEMORY_BAR:.0%} of the memory at a vocabulary of {last['vocabulary']:,}: "
        f"{'reached' if met else 'not reached'}."
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "training_speed.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "training_speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=sys.executable, help="a Python that has transformers and torch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--side", choices=("winnow", "transformers"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        work(options.side, options.folder, options.rows)
    else:
        report([compare(vocabulary, options.peer, options.rounds) for vocabulary in VOCABULARIES], options.rounds)


if __name__ == "__main__":
    main()
