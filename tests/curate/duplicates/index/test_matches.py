from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_runs import ALL, doc_id, document, small_run

from curate.duplicates.config import Duplicates
from curate.duplicates.index.delete import delete
from curate.duplicates.index.matches import matches
from curate.duplicates.index.state import Index, writer
from curate.duplicates.index.tombstones import Request
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter
from curate.duplicates.types import SignedUnit
from curate.segment import Segments

from .conftest import BREAD, TIDES, TIDES_NEAR, adding


def asked(
    index: Path, work: Path, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any] = ALL
) -> dict[str, tuple[str, str | None]]:
    """Rule and partner of the documents that the index does not let in, by their place in the rows."""
    signer = Signer(Duplicates.model_validate(settings))
    units = []
    for at in range(0, len(rows), 2):
        part = rows[at : at + 2]
        with UnitWriter(work / f"unit-{at}", signer.bands) as unit:
            unit.write(signer.sign(Segments([row["text"] for row in part]), [row["url"] for row in part]))
        units.append(SignedUnit(work / f"unit-{at}", len(part), np.empty(0, np.uint32)))
    columns = [pl.Series([row[name] for row in rows], dtype=pl.String) for name in ("id", "url", "host")]
    found = matches(index, units, *columns, directory=work / "search", memory_bytes=10**9, jobs=1)
    return {doc: (rule, partner) for doc, rule, partner in found.select("doc", "rule", "partner").iter_rows()}


@pytest.fixture
def filled(tmp_path: Path, index: Path) -> Path:
    rows = [document("tides", TIDES), document("bread", BREAD), document("gone", f"{TIDES} {BREAD}")]
    adding(index, small_run(tmp_path / "a", rows, [(document("near", TIDES_NEAR), "duplicates.near")]))
    with writer(index) as own:
        request = Request.of(ids=[doc_id("gone")], hosts=["shop.example"], urls=["https://a.example/?q=1"])
        delete(own, request, reason="", root=tmp_path)
    return index


def test_what_a_later_run_must_leave_out(tmp_path: Path, filled: Path) -> None:
    rows = [
        document("gone", f"{TIDES} {BREAD}"),
        document("new", "a text that nobody has seen"),
        document("x", "anything", url="http://a.example?q=1"),
        document("y", TIDES, url="https://www.shop.example/"),
        document("copy", TIDES.upper()),
        document("like", TIDES_NEAR + " indeed"),
        document("moved", "another text", url="http://bread.example/page/"),
        document("tides", TIDES),  # the indexed document itself, once more
    ]
    before = {path: path.stat().st_mtime_ns for path in filled.rglob("*")}
    assert asked(filled, tmp_path / "work", rows) == {
        0: ("duplicates.deleted", None),
        2: ("duplicates.deleted", None),
        3: ("duplicates.deleted", None),
        4: ("duplicates.text", doc_id("tides")),
        5: ("duplicates.near", doc_id("tides")),
        6: ("duplicates.url", doc_id("bread")),
    }
    assert before == {path: path.stat().st_mtime_ns for path in filled.rglob("*")}
    assert Index.open(filled).state.generation == 2


def test_a_run_that_compares_texts_alone(tmp_path: Path, filled: Path) -> None:
    rows = [document("like", TIDES_NEAR + " indeed"), document("copy", TIDES.upper())]
    found = asked(filled, tmp_path / "work", rows, {"text": True})
    assert found == {1: ("duplicates.text", doc_id("tides"))}


def test_documents_whose_ids_repeat(tmp_path: Path, filled: Path) -> None:
    rows = [document("twice", TIDES), document("twice", TIDES)]
    assert set(asked(filled, tmp_path / "work", rows)) == {0, 1}
