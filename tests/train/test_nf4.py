"""NF4: the bits of bitsandbytes, and a projection that keeps nothing dense."""

from __future__ import annotations

import gc
import hashlib

import pytest
import torch
from golden_llama import fill
from torch import Tensor

from train.nf4 import (
    BLOCK,
    CODE,
    Nf4Linear,
    bits_per_weight,
    dequantize,
    dynamic_map,
    magnitudes,
    quantize,
)

torch.set_num_threads(1)


def golden_matrix() -> Tensor:
    return fill((64, 256), 0.3, 1.0) * torch.linspace(0.1, 3, 64)[:, None]


def error(matrix: Tensor, again: Tensor) -> float:
    return ((again - matrix).norm() / matrix.norm()).item()


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_golden_bits_of_simple_quantisation() -> None:
    matrix = golden_matrix()
    packed = quantize(matrix, double=False)
    digest = hashlib.sha256(packed.codes.numpy().tobytes()).hexdigest()
    assert digest == "51bfc273e782b6b885fad1e4d323c294a2e204090d86804eb8e67006d3190e45"
    assert packed.codes[:8].tolist() == [190, 254, 129, 0, 59, 239, 231, 16]
    first = [0.0993790253996849, 0.09999807924032211, 0.09997351467609406, 0.09950056672096252]
    assert packed.absmax[:4].tolist() == first
    assert error(matrix, dequantize(packed)) == 0.08010142296552658
    assert packed.bits == bits_per_weight(double=False) == 4.5


def test_golden_bits_of_double_quantisation() -> None:
    matrix = golden_matrix()
    packed = quantize(matrix)
    assert packed.offset is not None and packed.scales is not None
    assert packed.absmax[:8].tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
    assert packed.offset.item() == 1.547201156616211
    assert packed.scales.tolist() == [1.4527978897094727]
    assert error(matrix, dequantize(packed)) == 0.08016994595527649
    assert packed.bits == bits_per_weight() == 4.126953125


def test_code_books_are_sorted_and_hold_zero_and_one() -> None:
    for code in (CODE, dynamic_map()):
        assert torch.equal(code, code.sort().values)
        assert code.unique().numel() == code.numel()
        assert 0.0 in code and 1.0 in code
    assert CODE.numel() == 16 and dynamic_map().numel() == 256


def test_zeros_stay_zero_and_odd_sizes_come_back_whole() -> None:
    matrix = normal(3, 43)
    matrix.view(-1)[:BLOCK] = 0
    for double in (False, True):
        again = dequantize(quantize(matrix, double=double))
        assert again.shape == matrix.shape
        assert (again.view(-1)[:BLOCK] == 0).all()
        assert error(matrix, again) < 0.2


@pytest.mark.parametrize("double", [False, True])
def test_quantising_again_gives_the_same_codes(double: bool) -> None:
    packed = quantize(normal(64, 64), double=double)
    dense = dequantize(packed)
    assert torch.equal(quantize(dense, double=double).codes, packed.codes)
    assert (dense.view(-1, BLOCK).abs().amax(1) <= magnitudes(packed) * (1 + 1e-6)).all()


def test_error_on_normal_weights() -> None:
    matrix = normal(512, 512)
    assert error(matrix, dequantize(quantize(matrix, double=False))) == pytest.approx(0.0920, abs=5e-4)
    assert error(matrix, dequantize(quantize(matrix))) == pytest.approx(0.0921, abs=5e-4)


def projection(rows: int = 24, columns: int = 40) -> tuple[Nf4Linear, Tensor]:
    layer = Nf4Linear(columns, rows)
    matrix = normal(rows, columns, seed=1)
    layer.load_state_dict({"weight": matrix})
    return layer, matrix


def test_projection_and_its_input_gradient_are_those_of_the_dense_matrix() -> None:
    layer, matrix = projection()
    x, up = normal(2, 5, 40, seed=2).requires_grad_(), normal(2, 5, 24, seed=3)
    y = layer(x)
    y.backward(up)
    dense = dequantize(quantize(matrix))
    assert x.grad is not None
    assert torch.equal(y, x @ dense.T) or torch.allclose(y, x @ dense.T, atol=1e-6)
    assert torch.allclose(x.grad, up @ dense, atol=1e-6)


def test_projection_follows_autocast() -> None:
    layer, _ = projection()
    x = normal(2, 40).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert x.grad is not None and x.grad.dtype == torch.float32


def test_no_dense_matrix_is_kept_by_the_layer_or_by_the_graph() -> None:
    layer = projection(rows=129, columns=131)[0]
    y = layer(normal(3, 131).requires_grad_())
    gc.collect()
    dense = [each for each in gc.get_objects() if isinstance(each, Tensor) and each.numel() == 129 * 131]
    assert dense == []
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda kept: saved.append(kept) or kept, lambda kept: kept):
        y = layer(normal(3, 131).requires_grad_())
    assert saved == [] and y.requires_grad
    assert not list(layer.parameters()) and layer.state_dict() == {}


def test_loading_names_what_is_wrong() -> None:
    layer = Nf4Linear(4, 3)
    assert layer.load_state_dict({}, strict=False).missing_keys == ["weight"]
    with pytest.raises(RuntimeError, match=r"weight: shape \[4, 3\], not \[3, 4\]"):
        layer.load_state_dict({"weight": torch.zeros(4, 3)})
    with pytest.raises(RuntimeError, match="NaN"):
        layer.load_state_dict({"weight": torch.full((3, 4), torch.nan)})


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(128, 256), (33, 70), (7, 9), (64, 1000), (1000, 33), (512, 512)])
def test_bits_are_those_of_bitsandbytes(shape: tuple[int, int], dtype: torch.dtype) -> None:
    peer = pytest.importorskip("bitsandbytes.functional")
    for seed in range(4):
        matrix = (normal(*shape, seed=seed) * normal(shape[0], 1, seed=seed + 100)).to(dtype)
        matrix[: seed // 2] = 0
        codes, state = peer.quantize_4bit(matrix, blocksize=64, compress_statistics=True, quant_type="nf4")
        packed = quantize(matrix)
        assert torch.equal(codes.view(-1), packed.codes)
        assert torch.equal(state.absmax, packed.absmax)
        assert torch.equal(state.state2.absmax, packed.scales)
        assert torch.equal(state.offset, packed.offset)
        assert torch.equal(peer.dequantize_4bit(codes, state), dequantize(packed, dtype))
        codes, state = peer.quantize_4bit(matrix, blocksize=64, quant_type="nf4")
        packed = quantize(matrix, double=False)
        assert torch.equal(codes.view(-1), packed.codes) and torch.equal(state.absmax, packed.absmax)
        assert torch.equal(peer.dequantize_4bit(codes, state), dequantize(packed, dtype))


@pytest.mark.oracle
def test_projection_is_that_of_bitsandbytes() -> None:
    peer = pytest.importorskip("bitsandbytes")
    matrix = normal(128, 256)
    layer = Nf4Linear(256, 128)
    layer.load_state_dict({"weight": matrix})
    theirs = peer.nn.Linear4bit(256, 128, bias=False, compute_dtype=torch.float32, quant_type="nf4")
    theirs.weight = peer.nn.Params4bit(matrix, requires_grad=False, quant_type="nf4", compress_statistics=True)
    theirs = theirs.to("cpu")
    assert torch.equal(theirs.weight.data.view(-1), layer.codes)
    found = []
    for each in (layer, theirs):
        x = normal(4, 256, seed=5).requires_grad_()
        y = each(x)
        y.backward(normal(4, 128, seed=6))
        found.append((y.detach(), x.grad))
    for ours, other in zip(*found, strict=True):
        assert torch.allclose(ours, other, rtol=1e-5, atol=1e-4)
