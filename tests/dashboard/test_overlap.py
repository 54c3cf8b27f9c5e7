"""Duplicates and benchmark items: exact answers from a small run, verdicts, and the page as a visitor sees it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dashboard_app import page, texts
from dashboard_curated import COPY, KEPT, LINES, A, B, C, curated

from dashboard.panels.overlap_verdicts import judged
from dashboard.queries import contamination, overlap
from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.errors import UserError
from workbench.people import Label, People


def source(root: Path, name: str = "small") -> Source:
    found = scan(root)
    run = found.get(name)
    assert run is not None
    return Source(open_database(found.directories), run)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("workspace")
    curated(found)
    return found


@pytest.fixture(scope="module")
def small(root: Path) -> Source:
    return source(root)


def removals(*rows: tuple[str, str, str, float | None, str]) -> pl.DataFrame:
    names = ("dropped_id", "kept_id", "cluster", "jaccard", "method")
    kinds = dict.fromkeys(names, pl.String) | {"jaccard": pl.Float64}
    return pl.DataFrame(rows, schema=kinds, orient="row").with_columns(containment=pl.col("jaccard"))


def test_totals_and_clusters(small: Source) -> None:
    assert overlap.totals(small).rows() == [("near", 1, 1, 100)]
    assert overlap.number(small) == 1
    assert overlap.clusters(small, offset=0, limit=50).rows() == [
        (A, 2, 1, 1, 100, 2, 0.91, 0.91, "near", "one.example")
    ]
    members = overlap.members(small, cluster=A, offset=0, limit=50)
    assert members.select("id", "role", "jaccard", "host", "tokens").rows() == [
        (A, "kept", None, "one.example", 100),
        (B, "removed", 0.91, "two.example", 100),
    ]
    assert overlap.size(small, cluster=A) == 2 and overlap.size(small, cluster=B) == 0
    found = overlap.pair(small, dropped=B)
    assert found is not None and found["kept_id"] == A
    assert overlap.pair(small, dropped=C) is None


def test_clusters_are_sorted_by_size_then_name_and_paged(tmp_path: Path) -> None:
    rows = removals(
        ("1", "x", "x", 0.8, "near"),
        ("2", "y", "y", 1.0, "text"),
        ("3", "y", "y", 0.9, "near"),
        ("4", "w", "w", 0.85, "near"),
    )
    curated(tmp_path, duplicates=rows)
    several = source(tmp_path)
    assert overlap.clusters(several, offset=0, limit=2)["cluster"].to_list() == ["y", "w"]
    last = overlap.clusters(several, offset=2, limit=2).row(0, named=True)
    assert (last["cluster"], last["tokens"], last["host"]) == ("x", 0, None)  # its documents are not in the decisions
    assert overlap.clusters(several, offset=0, limit=1)["methods"].to_list() == ["near, text"]


def test_the_histogram_counts_near_duplicates_only(tmp_path: Path) -> None:
    rows = removals(
        ("1", "x", "x", 0.8, "near"),
        ("2", "x", "x", 0.81, "near"),
        ("3", "x", "x", 0.8199, "near"),
        ("4", "x", "x", 1.0, "near"),
        ("5", "x", "x", 1.0, "text"),
        ("6", "x", "x", None, "near"),
    )
    curated(tmp_path, duplicates=rows)
    several = source(tmp_path)
    assert overlap.similarities(several).rows() == [(0.8, 1), (0.81, 2), (0.99, 1)]
    assert overlap.below(several, similarity=0.81) == 1


def test_why_one_was_kept_and_what_both_say(small: Source, root: Path) -> None:
    criterion, rows = overlap.decided_by(small, kept=A, dropped=B, root=str(root))
    assert criterion == "newest"
    assert rows["id"].to_list() == [A, B]
    assert overlap.text(small, key=A) == KEPT and overlap.text(small, key=B) == COPY
    assert overlap.text(small, key="nobody") is None
    assert overlap.compared(small, kept=A, dropped="nobody", root=str(root)) is None


def test_equal_ones_are_told_apart_by_their_ids_only(tmp_path: Path) -> None:
    same = {"text": None, "url": None, "set": None, "file": "f", "date": None, "chars": 5}
    schema = dict.fromkeys(("id", "text", "url", "set", "file", "date"), pl.String) | {"chars": pl.Int64}
    curated(tmp_path, fingerprints=pl.DataFrame([{"id": B, **same}, {"id": A, **same}], schema=schema))
    criterion, rows = overlap.decided_by(source(tmp_path), kept=A, dropped=B, root=str(tmp_path))
    assert criterion is None and rows["id"].to_list() == [A, B]


def test_suites_items_and_holders(small: Source) -> None:
    assert contamination.suites(small).rows() == [("tides", 2, 2, 1, 0.5, 0)]
    assert contamination.number(small, suite=None, found=False) == 2
    assert contamination.number(small, suite="tides", found=True) == 1
    assert contamination.number(small, suite="' OR 1=1", found=False) == 0
    rows = contamination.items(small, suite=None, found=False, offset=0, limit=50)
    assert rows["item"].to_list() == [1, 0]
    assert contamination.holding(small, suite="tides", item=1) == 1
    found = contamination.holders(small, suite="tides", item=1, offset=0, limit=50)
    assert found.rows() == [(A, 0.9, "question", "one.example", "kept", 100)]
    assert contamination.item(small, suite="tides", item=7) is None


def unreadable(*_: Any) -> None:
    raise UserError("cannot be read just now")


def listed(root: Path, path: str, data: bytes) -> None:
    """Name an input in the manifest of the run, as `curate` does."""
    manifest = root / "small" / "manifest.json"
    told = json.loads(manifest.read_bytes())
    told["inputs"] = [{"path": path, "bytes": len(data), "digest": hashlib.sha256(data).hexdigest()}]
    manifest.write_text(json.dumps(told), "utf-8")


def test_an_items_text_is_shown_only_where_its_file_is_what_the_run_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curated(tmp_path)
    data = b'{"question": "What comes in twice?", "answer": "the tide"}\n{"question": "' + LINES[0].encode() + b'"}\n'
    listed(tmp_path, "items/tides.jsonl", data)
    small = source(tmp_path)
    asked: dict[str, Any] = {"suite": "tides", "item": 1, "near": (str(tmp_path),), "question": None, "answer": None}
    assert "is not where the run read it" in contamination.text(small, **asked).missing
    file = tmp_path / "items" / "tides.jsonl"
    file.parent.mkdir()
    file.write_bytes(data + b"\n")
    assert "has changed since" in contamination.text(small, **asked).missing
    file.write_bytes(data)
    with monkeypatch.context() as failing:
        failing.setattr(contamination, "read_items", unreadable)
        assert contamination.text(small, **asked).missing == "cannot be read just now"
    assert contamination.text(small, **asked) == (LINES[0], "", "")  # the failure was not kept
    assert contamination.text(small, **asked | {"item": 9}).missing == "tides.jsonl has no row 9"
    assert contamination.text(small, **asked | {"suite": "moons"}).missing.startswith("the run does not say")


def test_what_a_run_names_is_not_opened_unless_it_is_a_benchmark_of_that_digest(tmp_path: Path) -> None:
    curated(tmp_path)
    secret = tmp_path / "tides"
    secret.write_text("secret", "utf-8")
    listed(tmp_path, str(secret), b"secret")
    near = (str(tmp_path),)
    found = contamination.text(source(tmp_path), suite="tides", item=1, near=near, question=None, answer=None)
    assert (found.question, found.answer) == ("", "") and found.missing


def test_shared_ngrams_of_two_texts() -> None:
    left, right = "One two three, FOUR five.", "zero one two three four six one two"
    found = contamination.shared_ngrams(left, right, 3)
    assert (found.shared, found.total) == (2, 3)
    assert [left[slice(*span)] for span in found.left] == ["One two three, FOUR"]
    assert [right[slice(*span)] for span in found.right] == ["one two three four"]
    assert contamination.shared_ngrams(left, right, 6) == ([], [], 0, 0)
    assert contamination.shared_ngrams("", "", 5) == ([], [], 0, 0)


def test_verdicts_count_by_majority() -> None:
    labels = [("1", "bad"), ("1", "bad"), ("1", "fine"), ("2", "fine"), ("3", "bad"), ("3", "fine")]
    assert judged(labels, "bad") == (2, 1, 1)
    assert judged([], "bad") == (0, 0, 0)


def open_page(root: Path, **query: str) -> Any:
    app = page("overlap", root, run="small", **query)
    assert not app.exception
    return app


def test_a_pair_side_by_side(root: Path) -> None:
    said = texts(open_page(root, tab="duplicates", cluster=A, pair=B))
    assert "1 documents with 100 tokens removed in 1 clusters (1 by near); exact." in said
    assert "The kept one comes first by &#x27;newest&#x27;" in said
    assert '<mark class="removed" title="only in kept at this place">3 </mark>' in said
    assert '<mark class="added" title="only in removed at this place">three tells</mark>' in said
    assert 'class="shared"' in said and "1 places differ" in said


def test_a_verdict_by_key_and_the_share_of_false_finds(tmp_path: Path) -> None:
    curated(tmp_path)
    with People(tmp_path) as people:
        people.label(Label("small", "another", "duplicate", "ben", "duplicate"))
    app = open_page(tmp_path, cluster=A, pair=B)
    app.text_input(key="rater").set_value("ann").run()
    next(each for each in app.button if each.label == "Not a duplicate").click().run()
    said = texts(app)
    assert "not a duplicate (ann)" in said
    assert "1 of 2 judged pairs are &#x27;not a duplicate&#x27;: 50.0 % [9.5 %, 90.5 %]" in said


def test_an_item_beside_a_document(tmp_path: Path) -> None:
    curated(tmp_path)
    said = texts(open_page(tmp_path, tab="Contamination", item="tides:1"))
    assert "tides:1: 11 words, found in 1 documents" in said
    assert 'class="item"' in said and "text cannot be shown" in said
    data = b'{"question": "x"}\n{"question": "' + LINES[0].encode() + b'"}\n'
    listed(tmp_path, "tides.jsonl", data)
    (tmp_path / "tides.jsonl").write_bytes(data)
    said = texts(open_page(tmp_path, tab="Contamination", item="tides:1", n="8"))
    assert "4 of the item's 4 distinct 8-grams of words stand in this passage" in said


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"cluster": "gone<b>"}, "has no cluster"),
        ({"tab": "Contamination", "item": "tides:9"}, "knows no item"),
        ({"tab": "Contamination", "item": "x:\u0663"}, "knows no item"),
        ({"tab": "Contamination", "suite": "gone"}, "knows no suite"),
        ({"tab": "nonsense", "sim": "9"}, "1 clusters"),
    ],
    ids=["cluster", "item", "digit", "suite", "tab"],
)
def test_values_of_a_url_that_mean_nothing_are_told(root: Path, query: dict[str, str], told: str) -> None:
    assert told in texts(open_page(root, **query))


def test_runs_without_these_tables_give_the_command(tmp_path: Path) -> None:
    curated(tmp_path, duplicates=removals(), suites=None, items=None, contamination=None)
    assert "duplicates.near.enabled=true" in texts(open_page(tmp_path))
    assert f"curate decontaminate {tmp_path}/small --against" in texts(open_page(tmp_path, tab="Contamination"))
    curated(tmp_path, "none", duplicates=None)
    app = page("overlap", tmp_path, run="none")
    assert not app.exception and "no table" in texts(app)
