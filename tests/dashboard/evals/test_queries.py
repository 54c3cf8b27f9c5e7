"""What the page of evaluations asks, on a handful of items whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from dashboard_evals import write_eval
from dashboard_runs import write_run

from dashboard.queries import evals, evals_curated, evals_others, evals_pairs
from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.errors import UserError

TASK = ("sums", "default")


def source(root: Path, a: str, b: str | None = None) -> Source:
    here = scan(root)
    run = here.get(a)
    assert run is not None
    return Source(open_database(here.directories), run, other=None if b is None else here.get(b))


def shared(asked: Source) -> tuple[str, ...]:
    assert asked.other is not None
    return evals_curated.shared_files(*map(evals_curated.read_files, (asked, replace(asked, run=asked.other))))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    write_eval(tmp_path, "one", {"sums": [1, 1, 0, 0, 0, None], "sums@letters": [1, 0, 0, 0, 0, 0]})
    write_eval(tmp_path, "two", {"sums": [1, 0, 1, 1, 0, 1], "words": [1]})
    return tmp_path


def test_scores_are_those_of_the_summary(two: Path) -> None:
    rows = evals.scores(source(two, "one")).filter(place=0)
    assert rows.select("label", "metric", "value", "n", "items", "failed").rows() == [
        ("sums", "acc", 0.4, 5, 6, 1),
        ("sums@letters", "acc", pytest.approx(1 / 6), 6, 6, 0),
    ]
    assert 0 < rows["low"][0] < 0.4 < rows["high"][0] < 1


def test_a_summary_that_lacks_something_is_told(tmp_path: Path) -> None:
    write_run(tmp_path, "bad", "eval", {}, {"summary.json": {"schema": "evalkit.summary/1", "tasks": [{}]}})
    with pytest.raises(UserError, match="not as evalkit writes it"):
        evals.scores(source(tmp_path, "bad"))
    write_run(tmp_path, "odd", "judge", {}, {"summary.json": []})
    with pytest.raises(UserError, match="not as evalkit writes it"):
        evals_others.judged(source(tmp_path, "odd"))


def test_a_comparison_is_that_of_evalkit(two: Path) -> None:
    [row] = evals_pairs.compared(source(two, "one", "two"), None, False).rows
    found = row.difference
    assert (row.label, row.metric, row.unscored) == ("sums", "acc", 1)
    assert (found.a, found.b, found.gained, found.lost, found.same) == (0.4, 0.6, 2, 1, 2)


def test_flips_are_counted_and_listed(two: Path) -> None:
    asked = source(two, "one", "two")
    assert evals_pairs.flips(asked, TASK, "acc") == {
        "gained": 2,
        "lost": 1,
        "wrong": 1,
        "failed": 1,
        "right": 1,
        "same": 0,
    }
    assert evals_pairs.flips(asked, TASK, "brier")["gained"] == 2
    page = evals_pairs.flipped(asked, TASK, "acc", "gained", 0, 1)
    assert page.select("item", "a", "b", "said_a", "said_b").rows() == [("item2", 0.0, 1.0, "0", "1")]
    assert evals_pairs.flipped(asked, TASK, "acc", "gained", 1, 5)["item"].to_list() == ["item3"]
    assert evals_pairs.flipped(asked, TASK, "acc", "failed", 0, 5)["item"].to_list() == ["item5"]
    assert evals_pairs.flipped(asked, TASK, "acc", "' OR 1=1 --", 0, 5).height == 0
    assert "item2" not in "".join(asked.asked) and "'one/items/*.parquet'" in asked.asked[0]


def test_an_item_comes_whole_with_its_history(two: Path) -> None:
    asked = source(two, "one", "two")
    row = evals_pairs.item(asked, TASK, "item1")
    assert row is not None and row["choices"] == ["no", "yes"] and row["logprobs"] == [-2.0, -2.0]
    assert row["scores"] == {"acc": 1.0, "brier": 0.0}
    assert evals_pairs.item(asked, TASK, "nothing") is None
    seen = evals_pairs.history(asked, TASK, "acc", "item1")
    assert seen.select("preset", "value", "said").rows() == [("default", 1.0, "yes"), ("letters", 0.0, "no")]
    [(name, text)] = evals_pairs.questions(asked, TASK, ("item3",)).rows()
    assert name == "item3" and text.endswith("xxx")


def test_slices_are_paired_and_adjusted_together(two: Path) -> None:
    asked = source(two, "one", "two")
    even, odd = evals_pairs.by_group(asked, TASK, "acc")
    assert (even.name, even.difference.a, even.difference.b) == ("even", pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (odd.name, odd.difference.estimate.n, odd.difference.gained, odd.difference.lost) == ("odd", 2, 1, 1)
    assert even.p >= even.difference.p
    lengths = evals_pairs.by_length(asked, TASK, "acc")
    assert [each.difference.estimate.n for each in lengths] == [2, 1, 1, 1, 0]


def test_scores_without_what_was_read(tmp_path: Path) -> None:
    number = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 4}
    sets = {"all": number, "clean": {**number, "value": 0.25}, "dirty": None, "untestable": None}
    task = {"label": "sums", "items": 6, "clean": 4, "dirty": 2, "untestable": 0, "metrics": {"acc": sets, "odd": {}}}
    summary = {"evaluation": "one", "tasks": [{**task, "share": number, "reads": 3.0}]}
    write_run(tmp_path, "known", evals.KNOWN, {}, {"summary.json": json.dumps(summary)})
    asked = source(tmp_path, "known")
    assert evals.clean_scores(asked).filter(set="clean").rows() == [
        ("one", "sums", "acc", "clean", 4, 4, 0.25, 0.2, 0.8)
    ]
    [row] = evals_others.known(asked).to_dicts()
    assert row["items found"] == "2 of 6" and row["on items not found"] == "25 % [20, 80], n 4"


def test_items_found_in_curated_data_are_told_apart_by_the_file_they_came_from(two: Path) -> None:
    asked = source(two, "one", "two")
    assert shared(asked) == () and evals_curated.by_set(asked).height == 0
    digest = "ab" * 32
    for name in ("one", "two"):
        path = two / name / "manifest.json"
        inputs = [{"path": f"somewhere/{name}/t.jsonl", "bytes": 1, "digest": digest}]
        path.write_text(json.dumps({**json.loads(path.read_text()), "inputs": inputs}))
    suites = pl.DataFrame(
        {
            "suite": ["t"] * 6,
            "item": list(range(6)),
            "contaminated": [True, False, True, False, False, False],
            "testable": [True] * 5 + [False],
            "answer_testable": [False] * 6,
        }
    )
    write_run(two, "found", "curate.run", {"items": suites})
    path = two / "found" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "inputs": inputs}))
    asked = source(two, "one", "found")
    assert shared(asked) == ("t.jsonl",)
    row = evals_curated.by_set(asked).filter(label="sums", metric="acc").to_dicts()[0]
    assert (row["clean_n"], row["clean_value"], row["found_n"], row["found_value"]) == (3, pytest.approx(1 / 3), 2, 0.5)
    assert row["untestable"] == 1


def test_a_torn_table_is_named(two: Path) -> None:
    for torn in two.glob("one/scores*/*.parquet"):
        torn.write_bytes(torn.read_bytes()[:50])
    with pytest.raises(UserError, match="cannot be read"):
        evals_pairs.compared(source(two, "one", "two"), None, False)
