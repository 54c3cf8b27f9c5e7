"""Duplicates in whole runs: who goes and who stays, decided again, cut passages, an index, guards."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from whole_run import curate, outputs, table

WORDS = [
    "harbour",
    "lights",
    "dusk",
    "quay",
    "ferry",
    "fog",
    "clock",
    "customs",
    "house",
    "wheels",
    "town",
    "salt",
    "iron",
    "time",
]
RULES = ["--profile", "rules.yaml"]
PROFILE = """
source: test
text: edited
duplicates: {text: true, url: true, near: {enabled: true}}
rules:
  length.min: {measure: text.words, drop_if: "<", threshold: 5}
"""


def prose(seed: int, words: int = 120) -> str:
    """Sentences that share no five words with those of another seed."""
    return " ".join(f"{WORDS[(seed * 7 + i * (seed % 5 + 1)) % len(WORDS)]}{seed}x{i % 17}" for i in range(words))


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(PROFILE)
    long = prose(1)
    rows = [
        {"url": "https://a.org/one", "date": "2024-01-01", "text": long},
        {"url": "https://b.org/copy", "date": "2024-03-01", "text": long.upper()},  # same text, newer: it stays
        {"url": "https://c.org/near", "date": "2023-01-01", "text": long + " and a few words more at the end"},
        {"url": "http://www.d.org/two/?utm_source=x#top", "date": "2024-01-02", "text": prose(2)},
        {"url": "https://d.org/two", "date": "2024-01-01", "text": prose(3)},  # same address
        {"url": "https://e.org/alone", "date": "2024-01-01", "text": prose(4)},
        {"url": "https://f.org/short", "date": "2024-01-01", "text": "one two"},
        {"url": "https://g.org/short", "date": "2025-01-01", "text": "one two"},  # fails the rule, like its copy
    ]
    return write(tmp_path / "pages.jsonl", rows)


def run(pages: Path, name: str, *more: str | Path) -> Path:
    ended = curate("run", "--input", pages, "--out", pages.parent / name, *RULES, *more, cwd=pages.parent)
    assert ended.code == 0, ended.stderr
    return pages.parent / name


def by_url(made: Path) -> dict[str, dict[str, object]]:
    return {row["url"]: row for row in table(made, "decisions").iter_rows(named=True)}


def test_each_duplicate_names_the_kept_one(pages: Path) -> None:
    made = run(pages, "run")
    decisions = by_url(made)
    kept = {url for url, row in decisions.items() if row["state"] == "kept"}
    assert kept == {"https://b.org/copy", "http://www.d.org/two/?utm_source=x#top", "https://e.org/alone"}
    best = decisions["https://b.org/copy"]["id"]
    assert [decisions[url][name] for url in ("https://a.org/one",) for name in ("rule", "partner")] == [
        "duplicates.text",
        best,
    ]
    near = decisions["https://c.org/near"]
    assert (near["rule"], near["partner"], near["threshold"]) == ("duplicates.near", best, ">= 0.8")
    assert decisions["https://d.org/two"]["rule"] == "duplicates.url"
    assert decisions["https://g.org/short"]["rule"] == "length.min"
    rows = table(made, "duplicates")
    similar = rows.filter(pl.col("dropped_id") == near["id"]).row(0, named=True)
    # 120 words have 116 shingles, and eight more words add eight.
    assert (similar["jaccard"], similar["containment"], similar["cluster"]) == (116 / 124, 1.0, best)
    assert curate("verify", made).code == 0


def test_a_copy_that_fails_a_rule_does_not_take_the_others_along(pages: Path) -> None:
    made = run(pages, "strict", "--set", "length.min=124")
    assert {url for url, row in by_url(made).items() if row["state"] == "kept"} == {"https://c.org/near"}


def test_deciding_again_chooses_anew_among_who_passes(pages: Path) -> None:
    made = run(pages, "run")
    changed = ["--set", "length.min=124"]
    assert curate("decide", made, *changed, "--out", pages.parent / "child").code == 0
    assert outputs_of(pages.parent / "child") == outputs_of(run(pages, "strict", *changed))
    moved = curate("whatif", made, *changed).data
    assert (moved["kept"]["before"], moved["kept"]["after"]) == (3, 1)
    assert {"before": "duplicates.near", "after": "kept", "documents": 1} in [
        {name: row[name] for name in ("before", "after", "documents")} for row in moved["moved"]
    ]


def outputs_of(made: Path) -> dict[str, str]:
    return {path: sha for path, sha in outputs(made).items() if path.endswith(".parquet")}


def test_what_needs_a_run_is_said(pages: Path) -> None:
    made = run(pages, "run")
    assert curate("whatif", made, "--set", "duplicates.near.threshold=0.95").code == 0
    ended = curate("whatif", made, "--set", "duplicates.near.threshold=0.5")
    assert (ended.code, "below 0.8" in ended.stderr, "this needs a run" in ended.stderr) == (2, True, True)
    assert curate("decide", made, "--set", "duplicates.near.ngram=3", "--out", pages.parent / "no").code == 2


@pytest.mark.parametrize("more", [["-j", "2"], ["--set", "read.unit_mb=0.0005"], ["--set", "duplicates.memory_gb=0.3"]])
def test_neither_workers_nor_units_nor_memory_change_who_stays(pages: Path, more: list[str]) -> None:
    tables = ("documents", "decisions", "duplicates", "pairs", "fingerprints")
    one, other = run(pages, "run"), run(pages, "other", *more)
    for name in tables:
        assert table(one, name).equals(table(other, name)), name


def test_the_order_of_the_input_changes_nothing(pages: Path) -> None:
    rows = [json.loads(line) for line in pages.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["id"] = f"page {number}"
    one = run(write(pages.parent / "a.jsonl", rows), "a")
    other = run(write(pages.parent / "b.jsonl", rows[::-1]), "b")
    states = [dict(table(made, "decisions").select("url", "state").iter_rows()) for made in (one, other)]
    assert states[0] == states[1]
    assert table(one, "pairs").equals(table(other, "pairs"))


def test_passages_are_cut_from_all_but_one(tmp_path: Path) -> None:
    shared, tail = prose(9, 60), prose(8, 60)
    rows = [
        {
            "url": f"https://a{n}.org/",
            "date": f"2024-01-0{n}",
            "text": f"{prose(n)}\n\n{shared}\n\n{tail} {prose(n + 20)}",
        }
        for n in (1, 2, 3)
    ]
    rows.append({"url": "https://b.org/", "date": "2020-01-01", "text": f"{shared}\n\nOnly this is its own."})
    (tmp_path / "rules.yaml").write_text(
        "source: test\nduplicates: {paragraphs: {enabled: true}, substrings: {enabled: true}}\nrules: {}\n"
    )
    made = run(write(tmp_path / "pages.jsonl", rows), "run")
    texts = dict(table(made, "documents").select("url", "text").iter_rows())
    assert [shared in text for text in texts.values()].count(True) == 1
    assert shared in texts["https://a3.org/"], "the newest keeps it"
    assert tail in texts["https://a3.org/"]
    assert tail not in texts["https://a1.org/"]
    assert prose(1) in texts["https://a1.org/"]
    short = by_url(made)["https://b.org/"]
    assert (short["rule"], short["partner"]) == ("duplicates.remainder", by_url(made)["https://a3.org/"]["id"])
    kinds = set(table(made, "edits")["kind"])
    assert "substring:repeated" in kinds
    assert curate("verify", made).code == 0
    assert curate("decide", made, "--profile", "winnow", "--out", tmp_path / "child").code == 2
    assert curate("whatif", made, "--set", "duplicates.min_left_chars=10").code == 2


def test_a_later_crawl_against_an_index(pages: Path) -> None:
    made = run(pages, "run")
    index = pages.parent / "index"
    assert curate("index", "add", index, made).code == 0
    later = write(
        pages.parent / "later.jsonl",
        [
            {"url": "https://h.org/again", "date": "2030-01-01", "text": prose(4)},
            {"url": "https://i.org/new", "date": "2030-01-01", "text": prose(30)},
        ],
    )
    asked = ["--set", f"duplicates.index={index}"]
    second = by_url(run(later, "second", *asked))
    known = by_url(made)["https://e.org/alone"]
    assert (second["https://h.org/again"]["rule"], second["https://h.org/again"]["partner"]) == (
        "duplicates.text",
        known["id"],
    )
    assert second["https://i.org/new"]["state"] == "kept"
    assert curate("verify", pages.parent / "second").code == 0
    assert curate("index", "delete", index, "--url", "https://i.org/new", "--reason", "asked").code == 0
    third = by_url(run(later, "third", *asked))
    barred = third["https://i.org/new"]
    assert (barred["rule"], barred["partner"], barred["snippet"]) == ("duplicates.deleted", None, None)
    stored = pl.concat([table(pages.parent / "third", name) for name in ("documents", "dropped")])
    assert barred["id"] not in stored["id"].to_list()
    assert curate("verify", pages.parent / "third").code == 0
    refused = curate("whatif", pages.parent / "third", "--set", "duplicates.near.threshold=0.97")
    assert (refused.code, "needs a run" in refused.stderr) == (2, True)


def test_an_index_knows_the_pages_of_a_run_that_cut_passages(tmp_path: Path) -> None:
    shared = prose(9, 60)
    rows = [{"url": f"https://a{n}.org/", "text": f"{prose(n)}\n\n{shared}"} for n in (1, 2)]
    cutting = PROFILE.replace("near: {enabled: true}", "near: {enabled: true}, paragraphs: {enabled: true}")
    (tmp_path / "rules.yaml").write_text(cutting)
    pages = write(tmp_path / "pages.jsonl", rows)
    made = run(pages, "run")
    assert set(table(made, "edits")["kind"]) == {"paragraph:repeated"}
    assert curate("index", "add", tmp_path / "index", made).code == 0
    again = write(tmp_path / "again.jsonl", [{**row, "url": row["url"] + "again"} for row in rows])
    later = run(again, "later", "--set", f"duplicates.index={tmp_path / 'index'}")
    assert table(later, "decisions")["rule"].to_list() == ["duplicates.text"] * 2


def test_a_passage_does_not_vanish_with_a_short_owner(tmp_path: Path) -> None:
    first, second = prose(9, 60), prose(8, 12)
    rows = [
        {"url": "https://c.org/", "date": "2024-03-01", "text": f"{prose(1)}\n\n{first}"},
        {"url": "https://b.org/", "date": "2024-02-01", "text": f"{first}\n\n{second}"},
        {"url": "https://y.org/", "date": "2024-01-01", "text": f"{prose(2)}\n\n{second}"},
    ]
    (tmp_path / "rules.yaml").write_text(
        "source: test\nduplicates: {paragraphs: {enabled: true, min_chars: 50}, min_left_chars: 400}\nrules: {}\n"
    )
    texts = table(run(write(tmp_path / "pages.jsonl", rows), "run"), "documents")["text"]
    assert [sum(passage in text for text in texts) for passage in (first, second)] == [1, 1]


def test_an_order_that_nobody_measures_is_refused_before_anything_starts(pages: Path) -> None:
    for order in ("highest foo.bar", "highest language.lang", "highest text.chars@extracted"):
        ended = curate(
            "run", "--input", pages, "--out", pages.parent / "no", *RULES, "--set", f"duplicates.survivor=[{order}]",
            cwd=pages.parent,
        )  # fmt: skip
        assert ended.code == 2, order
        assert not (pages.parent / "no").exists()
    assert curate("whatif", run(pages, "run"), "--set", "duplicates.survivor=[highest foo.bar]").code == 2


def test_a_run_that_loses_a_host_is_not_exportable(tmp_path: Path) -> None:
    rows = [{"url": f"https://a.org/{n}", "text": prose(1)} for n in range(30)]
    (tmp_path / "rules.yaml").write_text(PROFILE)
    pages = write(tmp_path / "pages.jsonl", rows)
    limits = ["--set", "duplicates.guards.min_documents=20"]
    ended = curate("run", "--input", pages, "--out", tmp_path / "run", *RULES, *limits, cwd=tmp_path)
    assert ended.code == 1
    assert "host a.org lost 96.67 % of its documents" in ended.stderr
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["gates"]
    again = curate("run", "--input", pages, "--out", tmp_path / "run", *RULES, *limits, cwd=tmp_path)
    assert again.code == 1
    child = curate("decide", tmp_path / "run", "--set", "length.min=6", "--out", tmp_path / "child")
    assert (child.code, "a.org lost" in child.stderr) == (1, True)
    allowed = run(pages, "allowed", *limits, "--set", "duplicates.guards.override=true")
    assert json.loads((allowed / "manifest.json").read_text())["gates"] == []
