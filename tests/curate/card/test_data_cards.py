"""The cards in the repository are those of the embedded sample as it is curated now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from whole_run import curate

CARDS = Path(__file__).parents[3] / "data_cards" / "sample"
# The bytes of compressed files, and so their hashes, follow the version of the library that wrote them.
_BYTES = {"sha256", "contentSize", "identifier"}


@pytest.fixture(scope="module")
def rebuilt(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    ended = curate("card", sample_run, "--answers", CARDS / "answers.yaml", "--to", folder, "--root", folder)
    assert ended.code == 0, ended.stderr
    assert not [blank for blank in ended.data["open"] if blank["required"]]
    return folder


def without_bytes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_bytes(one) for name, one in value.items() if name not in _BYTES}
    return [without_bytes(one) for one in value] if isinstance(value, list) else value


_AGAIN = "make them again, as data_cards/README.md says"


def test_the_dataset_card(rebuilt: Path) -> None:
    assert (rebuilt / "README.md").read_text() == (CARDS / "README.md").read_text(), _AGAIN


def test_the_metadata(rebuilt: Path) -> None:
    new, old = (without_bytes(json.loads((folder / "croissant.json").read_text())) for folder in (rebuilt, CARDS))
    assert new == old, _AGAIN


@pytest.mark.oracle
def test_mlcroissant_accepts_it() -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    assert not mlcroissant.Dataset(jsonld=str(CARDS / "croissant.json")).metadata.ctx.issues.errors
