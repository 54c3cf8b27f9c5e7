"""`curate domains`: seed terms, clusters, labelled files; formats from shape and address."""

from __future__ import annotations

from pathlib import Path

import pytest
from whole_run import curate

from curate.classify import model, opened
from curate.classify.clusters import cluster
from curate.classify.config import Classify
from curate.classify.pages import page_features, url_words
from curate.classify.taxonomy import load_taxonomy, weak_labels
from workbench.errors import UserError

from .conftest import rows, write

OWN = """
labels:
  study: {terms: [scholar, careful reading, history, thought, study, argument]}
  selling: {terms: [casino, promo code, cart, login, bonus, newsletter], paths: [shop]}
"""


@pytest.mark.parametrize("name", ["topics", "formats"])
def test_the_shipped_taxonomies_have_24_labels(name: str) -> None:
    assert len(load_taxonomy(name).labels) == 24


def test_terms_and_addresses_label_texts(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    own = load_taxonomy("own.yaml", tmp_path)
    texts = [
        "Scholars like careful reading",
        "promo code for the casino",
        "one casino",
        "nothing here",
        "casino history",
    ]
    urls = [None, None, "https://a.example/shop/1", None, None]
    assert weak_labels(own, texts, urls).label.tolist() == [0, 1, 1, -1, -1]


def test_bad_taxonomies_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no taxonomy is called 'topic'"):
        load_taxonomy("topic")
    (tmp_path / "long.yaml").write_text(OWN.replace("careful reading", "a very careful reading"))
    with pytest.raises(UserError, match="is not one or two words"):
        load_taxonomy("long.yaml", tmp_path)
    (tmp_path / "typo.yaml").write_text(OWN.replace("paths", "path"))
    with pytest.raises(UserError, match=r"typo.yaml:4:\d+: unknown name 'labels.selling.path'"):
        load_taxonomy("typo.yaml", tmp_path)


def test_words_of_addresses() -> None:
    assert url_words("https://blog.example.org/Forum/view-topic.php?id=3&lang=en") == [
        "blog",
        "en",
        "forum",
        "id",
        "lang",
        "php",
        "topic",
        "view",
    ]
    assert url_words(None) == url_words("http://[broken") == []


def test_pages_of_another_shape_have_other_features() -> None:
    texts = ["for (int i = 0; i < 9; ++i) {\n  x[i] = 0;\n}", "A sentence of words. " * 30]
    found = page_features(model.batch_of(texts, ["https://a.example/docs", None]))
    shapes = [set(found.slots[found.first[at] : found.first[at + 1]].tolist()) for at in range(2)]
    assert len(shapes[0] ^ shapes[1]) > 8


def test_clusters_are_found_named_and_repeated() -> None:
    texts = [row["text"] for good in (True, False) for row in rows(good)]
    names, found = cluster(texts, 2, seed=0)
    assert len(set(found[:60])) == len(set(found[60:])) == 1
    assert found[0] != found[60]
    assert len(set(names)) == 2
    assert cluster(texts, 2, seed=0)[0] == names


def test_a_trained_topic_is_a_measure(tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", [row for good in (True, False) for row in rows(good)])
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "recipe.yaml").write_text("taxonomy: own.yaml\ntexts: [{path: texts.jsonl}]\n")
    ended = curate("domains", "train", tmp_path / "recipe.yaml", "--out", tmp_path / "out", "--root", tmp_path / "root")
    assert ended.code == 0, ended.stderr
    assert ended.data["evaluation"]["accuracy"] > 0.9
    classifier = opened.find(Classify(domain={"topic": str(tmp_path / "out")}), tmp_path).classifier
    found = classifier.measures(model.batch_of([rows(True, seed=8)[0]["text"], "--", rows(False, seed=8)[0]["text"]]))
    assert found["domain.topic"].tolist() == ["study", "", "selling"]
    assert [measure.name for measure in classifier.declared] == list(found)
    asked = curate("domains", "eval", tmp_path / "out", "--on", tmp_path / "texts.jsonl", "--root", tmp_path / "root")
    assert sum(row["texts"] for row in asked.data["evaluation"]["predicted"]) == 120


def test_labelled_files_and_their_errors(tmp_path: Path) -> None:
    both = write(tmp_path / "both.jsonl", [*rows(True), *rows(False)])
    ended = curate("domains", "train", "--labelled", f"{both}:label", "--out", tmp_path / "out", "--root", tmp_path)
    assert ended.code == 0, ended.stderr
    again = curate("domains", "eval", tmp_path / "out", "--labelled", f"{both}:label", "--root", tmp_path)
    assert again.data["evaluation"]["accuracy"] > 0.95
    wrong = curate("domains", "eval", tmp_path / "out", "--labelled", f"{both}:url", "--root", tmp_path)
    assert "no label of the files is one of the model's" in wrong.stderr
    none = curate("domains", "train", "--taxonomy", "topics", "--root", tmp_path)
    assert "taxonomy needs `texts:`" in none.stderr
