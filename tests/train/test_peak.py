"""What a training computes: every matrix that multiplies a token, by whether it learns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train.lora import LoraSettings, adapt, base_layer
from train.model.build import build
from train.peak import flops_per_token
from train.plan import flops

from .toys import LLAMA


@pytest.mark.parametrize("tied", [True, False])
def test_the_head_counts_and_the_embedding_does_not(tied: bool) -> None:
    config = replace(LLAMA, tied=tied)
    assert flops_per_token(build(config, seed=0)) == flops(config, 0)["matmul"]


@pytest.mark.parametrize("quantise", [False, True])
def test_what_is_frozen_has_no_gradient_of_its_own(quantise: bool) -> None:
    settings = LoraSettings(r=2, targets="attention", quantise=quantise)
    model = build(LLAMA, seed=0, linear=base_layer(settings)) if quantise else build(LLAMA, seed=0)
    adapt(model, settings)
    assert flops_per_token(model) == flops(LLAMA, 0, settings)["matmul"]
