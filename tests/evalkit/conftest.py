"""The tiny Llama of the reference numbers, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_llama
import torch


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny/` (the checkpoint) and `oracle_data/` (documents and items)."""
    torch.set_num_threads(1)
    return tiny_llama.make(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="session")
def tiny(reference: Path) -> Path:
    """The checkpoint: a Llama of 140,000 weights whose tokenizer begins every text with <s>."""
    return reference / "tiny"
