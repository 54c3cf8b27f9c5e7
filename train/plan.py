"""What a training will cost, before it starts: parameters, arithmetic, memory by part, time from a short probe."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import torch

from train.lora import ATTENTION, LoraSettings
from train.losses import chunk_of
from train.model.config import ModelConfig
from train.nf4 import bits_per_weight


@dataclass(frozen=True, slots=True)
class Setup:
    """How a model is trained, as far as it costs something.

    rows, width: of one micro-batch. micro_batches: of one step in one process. lora: adapters, the rest frozen. bf16:
    autocast. checkpointing: of every layer.
    """

    rows: int
    width: int
    micro_batches: int = 1
    optimizer: Literal["adamw", "muon"] = "adamw"
    lora: LoraSettings | None = None
    bf16: bool = False
    checkpointing: bool = False

    @property
    def tokens(self) -> int:
        """Positions of a micro-batch."""
        return self.rows * self.width


# Measured on a CPU; adapters in fp32, whose heap has more holes, took more.
_PASSING = 0.4


def projections(config: ModelConfig) -> dict[str, tuple[int, int]]:
    """(in, out) of the projections of one layer by name."""
    h, m = config.hidden_size, config.intermediate_size
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    shapes = ((h, q), (h, kv), (h, kv), (q, h), (h, m), (h, m), (m, h))
    return dict(zip((*ATTENTION, "gate_proj", "up_proj", "down_proj"), shapes, strict=True))


def adapted(config: ModelConfig, lora: LoraSettings) -> list[tuple[int, int]]:
    """(in, out) of every projection of the model that gets an adapter."""
    found = []
    for layer in range(config.layers):
        for name, shape in projections(config).items():
            path = f"model.layers.{layer}.{'self_attn' if name in ATTENTION else 'mlp'}.{name}"
            if any(path == wanted or path.endswith(f".{wanted}") for wanted in lora.names):
                found.append(shape)
    return found


def parameters(config: ModelConfig, lora: LoraSettings | None = None) -> dict[str, int]:
    """`ModelConfig.parameters`, with `adapters` and `trained`."""
    parts = config.parameters()
    if lora is None:
        return parts | {"trained": parts["total"]}
    extra = sum(lora.r * (inputs + outputs) for inputs, outputs in adapted(config, lora))
    return parts | {"adapters": extra, "total": parts["total"] + extra, "trained": extra}


def flops(config: ModelConfig, width: int, lora: LoraSettings | None = None) -> dict[str, float]:
    """Floating-point operations a token in training, forward and backward.

    matmul: 6 N of the matrices that multiply every token, the head among them (Kaplan et al. 2020); beside adapters
    4 N of the frozen ones, which get no gradient, and 6 of the adapters' own. attention: 12 layers x heads x head size
    x width, which counts all positions of the width as seen (Chowdhery et al. 2022, "PaLM", appendix B): the usual
    count, an upper bound for causal attention and packed documents.
    """
    parts = parameters(config, lora)
    matmul = 6.0 * parts["matmul"] if lora is None else 4.0 * parts["matmul"] + 6.0 * parts["adapters"]
    attention = 12.0 * config.layers * config.heads * config.head_dim * width if config.kind == "llama" else 0.0
    return {"matmul": matmul, "attention": attention, "total": matmul + attention}


def memory(config: ModelConfig, setup: Setup, *, process: int | None = None) -> dict[str, int]:
    """Bytes by part at the highest point of a step on one device, and their sum `total`.

    weights: fp32, frozen projections of QLoRA in NF4. copies: of weights in the dtype of the products, which autograd
    keeps until the backward pass. gradients, optimizer: of what is trained, fp32. activations: what autograd keeps of
    one micro-batch. loss: the chunk of logits. passing: results on their way and holes in the heap, a measured share of
    the last three. process: the program without a model; None measures this process as it
    is now (on a CPU; an accelerator's own context is not counted).

    With one micro-batch a step, gradients grow while activations go: only what the larger of the two needs is there.
    """
    parts, lora = parameters(config, setup.lora), setup.lora
    b = 2 if setup.bf16 else 4
    inside = parts["attention"] + parts["mlp"]
    packed = inside if lora is not None and lora.quantise else 0
    head = config.vocab_size * config.hidden_size
    found = {"weights": round(4 * (parts["total"] - packed) + packed * bits_per_weight() / 8)}
    found["copies"] = _copies(config, setup)
    found["gradients"] = 4 * parts["trained"]
    hidden_matrices = inside if lora is None else parts["trained"]
    saved = 4 * hidden_matrices if setup.optimizer == "muon" else 0
    found["optimizer"] = 8 * parts["trained"] - saved
    found["activations"] = _activations(config, setup)
    chunk = min(setup.tokens, chunk_of(torch.empty(config.vocab_size, 0)))
    found["loss"] = chunk * config.vocab_size * (4 if b == 4 else 6) + 2 * b * setup.tokens * config.hidden_size
    if setup.micro_batches == 1:
        # At the end of the forward pass only the head has its gradient, at the end of the backward pass all have.
        first = 4 * head if lora is None else 0
        held = found["activations"] + found["loss"]
        found["gradients"] = max(found["gradients"] - held, first)
    held = found["activations"] + found["loss"] + found["copies"]
    found["passing"] = round(_PASSING * held)
    found["process"] = resident() if process is None else process
    return found | {"total": sum(found.values())}


def _copies(config: ModelConfig, setup: Setup) -> int:
    """Weights in another form than the parameter's, alive from the forward to the backward pass."""
    parts = config.parameters()
    inside, head = parts["attention"] + parts["mlp"], config.vocab_size * config.hidden_size
    if setup.checkpointing:
        inside //= config.layers
    if setup.lora is not None and setup.lora.quantise:
        # The matrix in use: its codes as indices, values, and the product with the scales.
        largest = max(inputs * outputs for inputs, outputs in projections(config).values())
        return 16 * largest + (2 * head if setup.bf16 else 0)
    if setup.bf16:
        return 2 * (inside + head)
    if setup.lora is not None:
        return 0
    # Projections of one input are put together to one matrix.
    sizes = {name: inputs * outputs for name, (inputs, outputs) in projections(config).items()}
    share = 1 - (sizes["o_proj"] + sizes["down_proj"]) / sum(sizes.values())
    return round(4 * inside * share)


def _activations(config: ModelConfig, setup: Setup) -> int:
    """What the backward pass of a micro-batch needs, and the stream before and after the last norm."""
    b = 2 if setup.bf16 else 4
    h, m = config.hidden_size, config.intermediate_size
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    # The stream and its norm, twice; q, k, v before and after the turn, the output; gate, up, silu and their product.
    layer = 2 * (4 * h + 4 + b * h) + b * (3 * q + 3 * kv) + 4 * config.heads + b * 4 * m
    extra = 0
    if setup.lora is not None:
        extra = b * setup.lora.r * len(adapted(config, setup.lora))
    last = 4 * h + b * h
    if setup.checkpointing:
        return setup.tokens * (config.layers * 4 * h + layer + extra // config.layers + last)
    return setup.tokens * (config.layers * layer + extra + last)


def resident() -> int:
    """Bytes of memory that this process holds now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # a system without it tells the largest so far, which before a training is near
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return pages * resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Pace:
    """What a probe measured: tokens a second (the median of its steps), their number, and its spread.

    spread: the difference between the quartiles of the steps' times over their median.
    """

    tokens_per_s: float
    steps: int
    spread: float

    def seconds(self, tokens: float) -> float:
        """How long so many tokens take."""
        return tokens / self.tokens_per_s


def probe(step: Callable[[], int], seconds: float = 10.0, *, clock: Callable[[], float] = time.perf_counter) -> Pace:
    """Run `step` (which trains once and says how many tokens it read) for so long, after one that is not counted; one
    that takes as long by itself is counted, and is the only one.

    clock: tells seconds.
    """
    begin = clock()
    tokens = step()
    if (took := clock() - begin) >= seconds:
        return Pace(tokens / took, 1, 0.0)
    rates: list[float] = []
    begin = clock()
    while not rates or clock() - begin < seconds:
        before = clock()
        tokens = step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        rates.append(tokens / (clock() - before))
    times = sorted(1 / rate for rate in rates)
    spread = (times[3 * len(times) // 4] - times[len(times) // 4]) / median(times)
    return Pace(1 / median(times), len(times), spread)
