"""One process or many: who we are, what is exchanged, and the module whose forward pass is an objective.

Start with `torchrun --standalone --nproc-per-node 2 ...`; without torchrun there is one process. Gradients are summed
over processes and divided by the global weight of the step, so any number of processes takes the same step.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from train.data.batch import Batch
from train.objective import Objective, Sums
from workbench.errors import Exit, UserError

Sharding = Literal["ddp", "fsdp"]
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class World:
    """The processes that train one model. `control`: the group over which small JSON values travel (on the CPU)."""

    rank: int = 0
    size: int = 1
    device: torch.device = _CPU
    sharding: Sharding = "ddp"
    control: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and talks to people."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """One small JSON value of every rank, in rank order, on all of them; NaN and infinities travel too."""
        if self.size == 1:
            return [value]
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(lengths, torch.tensor([len(data)]), group=self.control)
        longest = int(max(lengths))
        parts = [torch.zeros(longest, dtype=torch.uint8) for _ in range(self.size)]
        dist.all_gather(parts, torch.nn.functional.pad(data, (0, longest - len(data))), group=self.control)
        return [json.loads(bytes(part[: int(length)].numpy())) for part, length in zip(parts, lengths, strict=True)]

    def once(self, function: Callable[[], Any]) -> Any:
        """What `function` (small, JSON) returned in the first process, the only one that calls it; all ranks must ask.

        A UserError that it raises is raised on every rank, so that none waits for one that has left.
        """
        found: list[Any] = [None, None]
        if self.first:
            try:
                found = [function(), None]
            except UserError as error:
                if self.size == 1:
                    raise
                found = [None, [error.message, error.hint, int(error.code), error.file]]
        value, problem = self.gather(found)[0]
        if problem:
            message, hint, code, file = problem
            raise UserError(message, hint=hint, code=Exit(code), file=file)
        return value


@contextlib.contextmanager
def open_world(device: str = "auto", sharding: Sharding = "ddp") -> Iterator[World]:
    """Join the processes that torchrun started (or be the only one) and leave them in the end.

    device: `cpu`, `cuda`, or `auto` (a GPU where there is one). UserError when the device is not there.
    """
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no CUDA device", hint="use --device cpu", code=Exit.MISSING)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    here = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(here)
    if size == 1:
        yield World(device=here, sharding=sharding)
        return
    dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        # Others wait here while the first prepares data, which may take hours.
        control = dist.new_group(backend="gloo", timeout=timedelta(days=7))
        yield World(dist.get_rank(), size, here, sharding, control)
    finally:
        try:
            dist.destroy_process_group()
        finally:
            _settle()


def _settle(limit: float = 10.0) -> None:
    """Wait, at most `limit` seconds, until no other thread of this process has work to do.

    A thread of gloo may be the last to let go of a tensor, after the process has got its answer. It needs the
    interpreter's lock for that, and brings the process down (`terminate called without an active exception`) when the
    interpreter has begun to end. While this sleeps the lock is free, so who waits for it runs.
    """
    end = time.monotonic() + limit
    quiet = 0
    while quiet < 2 and time.monotonic() < end:
        time.sleep(0.01)
        quiet = 0 if _threads_at_work() else quiet + 1


def _threads_at_work() -> bool:
    """Whether the system runs, or would run, another thread of this process (False where it does not say)."""
    for task in Path("/proc/self/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it may have ended since
            state = task.read_text().rpartition(") ")[2][:1]
            if state == "R" and int(task.parent.name) != threading.get_native_id():
                return True
    return False


class Stepper(nn.Module):
    """A model whose forward pass is any function of it, so that what wraps it sees trunk and head used together."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(model, *arguments)`; a loss must stand in view (a tuple) of the hooks on outputs."""
        return function(self.model, *arguments)


class Parallel:
    """A model made ready for a world: plain in one process, else DDP or FSDP2 around a `Stepper`."""

    def __init__(self, model: nn.Module, world: World) -> None:
        self.model = model.to(world.device)
        self.world = world
        self._call: nn.Module = Stepper(self.model)
        if world.size > 1 and world.sharding == "fsdp":
            _shard(self._call, world)
        elif world.size > 1:
            # Buffers (a frozen base in four bits) are the same everywhere and need not travel with every step.
            self._call = nn.parallel.DistributedDataParallel(
                self._call, gradient_as_bucket_view=True, broadcast_buffers=False
            )

    def loss(self, objective: Objective, batch: Batch) -> tuple[Tensor, Sums]:
        """The objective of one batch and its loss once more; every rank must call equally often."""
        return self._call(_in_view, objective, batch)

    def inside(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(model, *arguments)` without gradients, for evaluation and samples; all ranks must call."""
        with torch.no_grad():
            return self._call(function, *arguments)

    def pending(self, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Around a forward and backward pass: DDP averages gradients in the last one of a step, FSDP2 in each."""
        if isinstance(self._call, nn.parallel.DistributedDataParallel) and not last:
            return self._call.no_sync()
        return contextlib.nullcontext()

    def touch(self) -> Tensor | float:
        """Zero, as a function of every trained parameter: added to the last loss of a step with several terms, it lets
        DDP exchange the gradients of parameters that only an earlier term uses."""
        if not isinstance(self._call, nn.parallel.DistributedDataParallel):
            return 0.0
        parts = [value.reshape(-1)[:1].sum() for value in self.model.parameters() if value.requires_grad]
        return 0.0 * torch.stack(parts).sum()

    def finite(self) -> bool:
        """Whether every trained weight on every rank is a number."""
        weights = [value.detach() for value in self.model.parameters() if value.requires_grad]
        local = [value.to_local() if isinstance(value, DTensor) else value for value in weights]
        own = all(bool(torch.isfinite(value).all()) for value in local)
        return all(self.world.gather(own))


def _in_view(model: nn.Module, objective: Objective, batch: Batch) -> tuple[Tensor, Sums]:
    sums = objective(model, batch)
    return sums.loss, sums


def _shard(stepper: nn.Module, world: World) -> None:
    """FSDP2: one unit a layer (each child of a ModuleList), and one for the rest, which the objective needs whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(world.device.type, (world.size,))
    for module in stepper.modules():
        if isinstance(module, nn.ModuleList):
            for layer in module:
                fully_shard(layer, mesh=mesh)
    fully_shard(stepper, mesh=mesh)
