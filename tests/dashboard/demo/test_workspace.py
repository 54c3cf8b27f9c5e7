"""The demo that is shipped: whole, with something for every page, and with no word of where it was made."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from dashboard.demo import ARCHIVE, build, unpack, unpack_archive
from evalkit.report.ledger import read_rows
from evalkit.report.plan import read_plan
from evalkit.report.tick import standing
from workbench import manifest, registry
from workbench.people import People

PLACES = (b"/tmp/", b"/root/", b"/Users/", b"/var/folders/")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("demo"))


def test_it_is_small() -> None:
    assert ARCHIVE.stat().st_size < 4_500_000


def test_every_run_is_what_its_manifest_says(root: Path) -> None:
    runs = registry.list_runs(root)
    for run in runs:
        found = manifest.read(run.path)
        assert (run.state, found is None) in (("finished", False), ("stopped", True)), run.id
        assert found is None or not manifest.verify(run.path, found), run.id
        lost = [line for line in registry.lineage(run.path, root) if line.state in ("missing", "changed")]
        assert not lost, f"{run.id}: {lost}"
    assert [run.id for run in runs if run.state == "stopped"] == ["base-stopped"]


def test_it_has_something_for_every_page(root: Path) -> None:
    kinds = {run.kind for run in registry.list_runs(root)}
    assert kinds >= {
        "curate.run",
        "curate.decide",
        "curate.decontaminate",
        "curate.mix",
        "curate.export",
        "arena",
        "eval",
    }
    assert kinds >= {f"train.{stage}" for stage in ("tokenizer", "pretrain", "sft", "reward", "dpo", "pg", "ppo")}
    crawl = root / "crawl"
    for table in ("documents", "dropped", "duplicates", "edits", "contamination", "items", "suites", "rollups"):
        assert pl.scan_parquet(crawl / table).select(pl.len()).collect().item(), table
    states = pl.read_parquet(crawl / "decisions")["state"].unique()
    assert set(states) == {"kept", "dropped", "failed"}
    assert pl.read_parquet(crawl / "documents")["quality"].null_count() == 0
    for name in ("crawl.search.sqlite", "crawl.card/README.md", "crawl.card/croissant.json", "arena.judge.jsonl"):
        assert (root / name).is_file(), name
    assert not (root / "records.search.sqlite").exists()
    curve = pl.read_parquet(root / "base-2" / "metrics")
    assert curve.filter(kind="train").height > 300 and curve.filter(kind="eval", part="").height > 5
    for policy in ("chat-grpo", "chat-ppo"):
        learned = pl.read_parquet(root / policy / "metrics")["policy.reward"]
        assert learned.tail(8).mean() > learned.head(8).mean() + 0.1, policy  # type: ignore[operator]
        assert list((root / policy / "rollouts").glob("*.parquet"))


def test_the_arena_has_votes(root: Path) -> None:
    with People(root) as people:
        votes, labels = people.votes("arena"), people.labels("crawl")
    assert len({vote.rater for vote in votes}) == 4 and 100 < len(votes) < 200
    assert {vote.choice for vote in votes} == {"a", "b", "tie", "both_bad", "skip"}
    assert {label.label for label in labels} == {"good", "bad"}
    pairs = set(pl.read_parquet(root / "arena" / "pairs")["id"])
    assert {vote.pair for vote in votes} <= pairs


def test_the_plan_is_overdue_and_has_an_alarm_that_was_acknowledged(root: Path) -> None:
    plan = read_plan(root / "plans" / "nightly.yaml")
    home = root / "reports" / plan.name
    alarms = list(read_rows(home / "alarms.jsonl"))
    assert {alarm["level"] for alarm in alarms} >= {"error"}
    assert {alarm["acknowledged_until"] is None for alarm in alarms} == {True, False}
    stands = standing(plan, root, datetime(2027, 11, 1, tzinfo=UTC))
    assert stands.last is not None and stands.late_h > 0 and not stands.running
    entries = list(read_rows(home / "ledger.jsonl"))
    assert sum(entry["missed"] for entry in entries) == 2
    reports = [json.loads((home / entry["window"] / "report.json").read_text("utf-8")) for entry in entries]
    assert all((root / model["run_id"]).is_dir() for report in reports for model in report["models"])


def test_contaminated_items_are_scored_apart(root: Path) -> None:
    summary = json.loads((root / "known-base-2" / "summary.json").read_text("utf-8"))
    passages = next(task for task in summary["tasks"] if task["task"] == "passages")
    assert passages["clean"] > 5 and passages["dirty"] > 5
    assert all(passages["metrics"]["acc"][part] is not None for part in ("all", "clean", "dirty"))


def test_no_place_of_a_machine_is_named(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        assert not [place for place in PLACES if place in content], path
    for path in root.glob("*/recipe.yaml"):
        assert not [line for line in path.read_text("utf-8").splitlines() if line.split(": ")[-1].startswith("/")], path
    assert not any(path.is_symlink() or path.name.endswith(("-wal", "lock.json")) for path in files)


def test_packing_again_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    """Also with other times, and with what a live workspace has besides."""
    small = tmp_path / "workspace"
    for name in ("arena/pairs/part-00000.parquet", "plans/nightly.yaml", "people/people.sqlite"):
        (small / name).parent.mkdir(parents=True)
        (small / name).write_bytes((root / name).read_bytes())
    build.pack(small, tmp_path / "first.tar.zst")
    (small / "plans" / "nightly.yaml").touch()
    (small / "cache").mkdir()
    (small / "cache" / "answers.sqlite").touch()
    (small / "arena" / "lock.json").touch()
    build.pack(small, tmp_path / "second.tar.zst")
    assert (tmp_path / "first.tar.zst").read_bytes() == (tmp_path / "second.tar.zst").read_bytes()
    again = unpack_archive(tmp_path / "first.tar.zst", tmp_path / "home")
    names = sorted(str(path.relative_to(again)) for path in again.rglob("*") if path.is_file())
    assert names == ["arena/pairs/part-00000.parquet", "people/people.sqlite", "plans/nightly.yaml"]


def test_votes_that_lie_in_the_log_are_packed(tmp_path: Path) -> None:
    with People(tmp_path / "workspace") as people, sqlite3.connect(people.path) as other:
        other.execute("INSERT INTO notes (run, item, rater, text, time) VALUES ('r', '', 'ann', 'look', '')")
        other.commit()
        build.pack(tmp_path / "workspace", tmp_path / "demo.tar.zst")
        root = unpack_archive(tmp_path / "demo.tar.zst", tmp_path / "home")
    with People(root) as people:
        assert [note.text for note in people.notes("r")] == ["look"]


def test_a_workspace_that_names_its_place_or_was_changed_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("all is well")
    build.check(tmp_path)
    (tmp_path / "note.txt").write_text(f"made in {tmp_path.resolve().parent}/somewhere")
    with pytest.raises(SystemExit, match="names"):
        build.check(tmp_path)
