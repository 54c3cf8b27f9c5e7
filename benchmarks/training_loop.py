"""What the training loop costs beside the model: CPU time of everything in a step but forward, backward, optimizer.

python benchmarks/training_loop.py: a model of a million parameters, 4,096 tokens a step, one thread.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from train import loop
from train.data.batch import Batch
from train.loop import LoopSettings, Trainer
from train.losses import LanguageModel
from train.model.build import build
from train.model.config import ModelConfig
from train.step import Term
from workbench.files import write_text

RESULTS = Path(__file__).parent / "results"
VOCABULARY, WIDTH, ROWS = 512, 256, 16


class Ready:
    """Rows that cost nothing to make."""

    def __init__(self) -> None:
        tokens = torch.randint(0, VOCABULARY, (ROWS, WIDTH), generator=torch.Generator().manual_seed(0))
        positions = torch.arange(WIDTH).expand(ROWS, -1).contiguous()
        self.batch = Batch(tokens, tokens, positions, torch.zeros_like(positions), float(ROWS * WIDTH))

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The same rows in every step."""
        return [self.batch]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """Nothing worth counting."""
        return {}


def main() -> None:
    """Write parameters, milliseconds of a step, and the share of it that is the loop's own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    config = ModelConfig(
        vocab_size=VOCABULARY, hidden_size=128, intermediate_size=384, layers=4, heads=4, kv_heads=4, head_dim=32,
        max_positions=WIDTH,
    )  # fmt: skip
    model = build(config, seed=0)
    inner = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            began = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                inner[0] += time.process_time() - began

        return call

    settings = LoopSettings.model_validate({"steps": steps})
    with tempfile.TemporaryDirectory() as directory:
        trainer = Trainer(model, [Term(LanguageModel(), Ready())], settings, Path(directory))
        trainer.train(until=steps // 3)  # warms up, and probes the machine
        trainer.parallel.loss = timed(trainer.parallel.loss)  # type: ignore[method-assign]
        trainer.optimizers.step = timed(trainer.optimizers.step)  # type: ignore[method-assign]
        torch.Tensor.backward = timed(torch.Tensor.backward)  # type: ignore[method-assign]
        loop.gradient_norm = timed(loop.gradient_norm)  # type: ignore[attr-defined]
        loop.clip = timed(loop.clip)  # type: ignore[attr-defined]
        trainer._due = lambda *, end: True  # type: ignore[method-assign]  # no checkpoint in what is measured
        began = time.process_time()
        trainer.train()
        total = time.process_time() - began
    done = steps - steps // 3
    own = total - inner[0]
    found = {
        "parameters": sum(value.numel() for value in model.parameters()),
        "step_ms": 1000 * total / done,
        "own_ms": 1000 * own / done,
        "own_share": own / total,
    }
    text = "\n".join(
        [
            "# The loop's own cost",
            "",
            f"{found['parameters']:,} parameters, {ROWS * WIDTH:,} tokens a step, fp32, one thread:",
            f"{found['step_ms']:.1f} ms of CPU time a step, and {found['own_ms']:.2f} ms of them",
            f"({found['own_share']:.2%}) are neither forward, backward nor optimizer.",
            "",
        ]
    )
    write_text(RESULTS / "training_loop.md", text)
    write_text(RESULTS / "training_loop.json", json.dumps(found, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
