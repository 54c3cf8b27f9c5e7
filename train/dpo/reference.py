"""Log-probabilities of all responses under the reference, computed once and kept as a table of the run.

    reference/<key>/00000.safetensors     float32 [responses]: a block of comparisons, written whole or not at all

The key names the data, the reference's weights and the precision: a table of another policy or of other data is never
read. What a kill leaves out is computed when the run goes on, to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import xxhash
from safetensors.torch import save_file
from torch import Tensor, nn

from train.checkpoint import read_tensors
from train.data.batch import Batch, Source
from train.data.packing import Ints
from train.distributed import World
from train.dpo.objective import response_logprobs
from train.lora import adapters_off
from train.preferences.rows import Responses, collate, grouped
from train.step import autocast
from workbench.errors import Exit, UserError
from workbench.files import whole_file

BLOCK = 256  # comparisons of a file
_NAME = "logps"


class Reference:
    """The table: `make` computes what is missing of it, `of` looks responses up by their numbers."""

    def __init__(
        self, table: Responses, digests: Mapping[str, str], *, width: int, micro_tokens: int, precision: str
    ) -> None:
        text = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
        # Packing decides how sums are rounded, so it is a part of what must be the same.
        text += f"data {table.digest}\n{width} {micro_tokens} {precision}"
        self.key = xxhash.xxh3_128_hexdigest(text.encode())
        self._table, self._width, self._micro, self._precision = table, width, micro_tokens, precision
        self._logps: Tensor | None = None

    def make(self, run: Path, world: World, model: Callable[[], nn.Module]) -> None:
        """Have the table whole under a run and read it; each process computes its share of the missing blocks.

        model: makes the reference; it is called where something is missing.
        """
        folder = run / "reference" / self.key
        blocks = range(0, len(self._table), BLOCK)
        paths = [folder / f"{number:05d}.safetensors" for number in range(len(blocks))]
        missing = [number for number, path in enumerate(paths) if not path.is_file()]
        mine = world.gather(missing)[0][world.rank :: world.size]
        if mine:
            folder.mkdir(parents=True, exist_ok=True)
            made = model().to(world.device).eval()
            for number in mine:
                comparisons = np.arange(blocks[number], min(blocks[number] + BLOCK, len(self._table)), dtype=np.int64)
                found = self._block(made, comparisons, world.device)
                with whole_file(paths[number]) as path:
                    save_file({_NAME: found}, path)
        world.gather(None)
        self._logps = torch.cat([_read(path) for path in paths])
        if len(self._logps) != len(self._table.lengths) or not bool(torch.isfinite(self._logps).all()):
            hint = "remove this folder, and run the command again"
            raise UserError("the reference's log-probabilities are damaged", hint=hint, code=Exit.INPUT, file=folder)

    def of(self, responses: Tensor) -> Tensor:
        """float32 log-probabilities of responses, by their numbers in the data."""
        assert self._logps is not None, "the table is made before it is read"
        return self._logps[responses]

    @torch.no_grad()
    def _block(self, model: nn.Module, comparisons: Ints, device: torch.device) -> Tensor:
        parts = []
        for group in grouped(self._table, comparisons, self._micro):
            batch = collate(self._table, group, self._width).to(device)
            with autocast(device, self._precision), adapters_off(model):
                parts.append(response_logprobs(model, batch)[0].float().cpu())
        return torch.cat(parts)


class NoReference:
    """Stands in for the table where only time is measured."""

    def of(self, responses: Tensor) -> Tensor:
        """Zeros."""
        return torch.zeros(len(responses))


class Referred:
    """A source whose batches bring the reference's log-probabilities; in the first step of a policy that `is_start`,
    they say so."""

    def __init__(self, source: Source, reference: Reference | NoReference | None, *, is_start: bool = False) -> None:
        self._source, self._reference, self._is_start = source, reference, is_start

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The batches of the source."""
        found = [refer(batch, self._reference) for batch in self._source.batches(step, rank, world)]
        if step or not self._is_start:
            return found
        return [replace(batch, extras={**batch.extras, "fresh": torch.ones(1)}) for batch in found]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """As the source has it."""
        return self._source.seen(steps)


def refer(batch: Batch, reference: Reference | NoReference | None) -> Batch:
    """A batch with the reference's log-probabilities of its responses, where there is a table."""
    if reference is None:
        return batch
    return replace(batch, extras={**batch.extras, "reference": reference.of(batch.extras["responses"])})


def _read(path: Path) -> Tensor:
    found = read_tensors(path)
    if _NAME not in found:
        raise UserError(f"{path} holds no log-probabilities", hint="remove it and run again", code=Exit.INPUT)
    return found[_NAME]
