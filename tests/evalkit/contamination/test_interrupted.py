"""A check that was broken off goes on from what is done, to the same files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.contamination.checks import check_membership, check_order
from evalkit.contamination.order import Plan, read_examples
from evalkit.contamination.record import Where
from evalkit.models.mock import Mock
from evalkit.models.types import Windows
from evalkit.perplexity.texts import open_texts
from workbench.files import sha256
from workbench.manifest import Input


class Breaks(Mock):
    """A model that is interrupted in the middle of its answers, after so many calls."""

    def __init__(self, calls: int) -> None:
        super().__init__(0)
        self.left = calls

    def rolling(self, *asked: Any, **more: Any) -> Iterator[Any]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        yield from super().rolling(*asked, **more)


def files(run: Path) -> dict[str, str]:
    """What the run holds, less what names times."""
    skipped = ("manifest.json", "started.json", "events.jsonl")
    found = {str(path.relative_to(run)): sha256(path) for path in sorted(run.rglob("*")) if path.is_file()}
    return {name: digest for name, digest in found.items() if name not in skipped}


def test_the_order_of_a_file(reference: Path, tmp_path: Path) -> None:
    data = reference / "oracle_data" / "mc.jsonl"
    plan = Plan.of(read_examples(data), 5, 4, 0, Windows(64, 32))
    read = Input(path="mc.jsonl", bytes=data.stat().st_size, digest=sha256(data))
    whole, _ = check_order(Mock(0), plan, read, Where(tmp_path, tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        check_order(Breaks(3), plan, read, Where(tmp_path, tmp_path / "broken"))
    assert not (tmp_path / "broken" / "manifest.json").exists()
    rest = Breaks(2)  # three of five shards are done
    broken, _ = check_order(rest, plan, read, Where(tmp_path, tmp_path / "broken"))
    assert rest.left == 0 and files(broken.path) == files(whole.path)


def test_membership(tmp_path: Path) -> None:
    for name in ("in", "out"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} line {number}\n" for number in range(70)))
    sets = {name: open_texts(str(tmp_path / f"{name}.txt"), tmp_path, split="lines") for name in ("in", "out")}
    whole, _ = check_membership(Mock(0), sets, Windows(), Where(tmp_path, tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        check_membership(Breaks(4), sets, Windows(), Where(tmp_path, tmp_path / "broken"))
    rest = Breaks(4)  # two units of four are done, and each is read twice: as it is, and in lower case
    broken, _ = check_membership(rest, sets, Windows(), Where(tmp_path, tmp_path / "broken"))
    assert rest.left == 0 and files(broken.path) == files(whole.path)
