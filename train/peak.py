"""How fast this machine multiplies matrices, and how much a training has to: the measure of its speed."""

from __future__ import annotations

import time

import torch
from torch import nn

from train.nf4 import Nf4Linear

PROBE_S = 0.25  # a precision; long enough for a clock to settle, short enough not to be noticed
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def matmul_peak(device: torch.device) -> dict[str, float]:
    """Floating-point operations a second of square matrix products, by precision: the best seen in a short probe.

    2 n^3 operations a product, n = 1,024 on a CPU and 8,192 on a GPU. With bf16 the inputs are bf16; whether fp32 may
    use TF32 is torch's setting.
    """
    return {name: _measure(device, dtype) for name, dtype in _DTYPES.items()}


def _measure(device: torch.device, dtype: torch.dtype) -> float:
    size = 8192 if device.type == "cuda" else 1024
    left = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    end = time.perf_counter() + PROBE_S
    rounds = 0
    while time.perf_counter() < end or rounds < 3:  # the first pays for threads and libraries
        began = time.perf_counter()
        left @ left
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - began)
        rounds += 1
    return 2.0 * size**3 / best


def flops_per_token(model: nn.Module) -> float:
    """Floating-point operations a token, forward and backward, of the matrices that multiply every token.

    6 a weight that is trained, 4 a frozen one, which gets no gradient of its own (Kaplan et al. 2020, section 2.1): as
    beside adapters, where gradients pass through all of them. An embedding counts where it is the head, too. Attention
    between positions is left out.
    """
    embeddings = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    embeddings.discard(id(getattr(model, "head", None)))
    matrices = [each for each in model.parameters() if each.ndim > 1 and id(each) not in embeddings]
    packed = sum(part.in_features * part.out_features for part in model.modules() if isinstance(part, Nf4Linear))
    return 4.0 * packed + sum((6.0 if each.requires_grad else 4.0) * each.numel() for each in matrices)
