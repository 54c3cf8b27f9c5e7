"""`curate harm`: several labels a text, documents and sentences."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from whole_run import curate

from curate.classify import cut, model, opened
from curate.classify.config import Classify

from .conftest import write

PLAIN_WORDS = "the report describes how rivers carry sand and where old towns were built on dry ground"
PLAIN = PLAIN_WORDS.split()
RUDE = ["idiot", "moron", "stupid", "loser", "trash"]
MEAN = ["vermin", "subhuman", "inferior", "deport", "filth"]


def labelled(many: int = 160) -> list[dict[str, Any]]:
    rng = random.Random(4)
    found = []
    for at in range(many):
        toxic, hateful = at % 4 in (1, 3), at % 4 in (2, 3)
        words = [rng.choice(PLAIN) for _ in range(12)] + (rng.sample(RUDE, 3) if toxic else [])
        words += rng.sample(MEAN, 3) if hateful else []
        rng.shuffle(words)
        found.append({"text": " ".join(words) + ".", "toxic": int(toxic), "hateful": int(hateful)})
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harm")
    write(folder / "labels.jsonl", labelled())
    (folder / "harm.yaml").write_text("labelled: [{path: labels.jsonl, labels: [toxic, hateful]}]\n")
    ended = curate("harm", "train", folder / "harm.yaml", "--out", folder / "out", "--root", folder)
    assert ended.code == 0, ended.stderr
    reports = ended.data["evaluation"]["by_label"]
    assert {label: found["roc_auc"] > 0.95 for label, found in reports.items()} == {"hateful": True, "toxic": True}
    return folder / "out"


def test_each_kind_has_its_own_score(trained: Path) -> None:
    one = model.open_model(trained / "model")
    assert one.labels == ["hateful", "toxic"]
    both = "idiot moron stupid vermin filth deport"
    scores = one.score_texts([both, "stupid trash loser moron", "the old towns on dry ground"])
    assert (scores[0] > 0.5).all()
    assert scores[1, 1] > 0.5 > scores[1, 0]
    assert (scores[2] < 0.5).all()


def test_sentences_are_found_where_they_stand(trained: Path) -> None:
    one = model.open_model(trained / "model")
    texts = ["Rivers carry sand.", "Old towns were built. Stupid loser trash idiot. How rivers carry sand."]
    found = cut.harmful(model.batch_of(texts), {"toxic": one}, 0.5)
    assert {doc: [(texts[doc][hit.start : hit.end], hit.kind) for hit in hits] for doc, hits in found.items()} == {
        1: [("Stupid loser trash idiot. ", "harm:toxic")]
    }
    classifier = opened.find(Classify(harm={"toxic": str(trained)}), trained.parent).classifier
    measures = classifier.measures(model.batch_of(texts))
    assert measures["harm.toxic_sentences"][0] == 0.0
    assert 0.3 < measures["harm.toxic_sentences"][1] < 0.5
    assert [measure.name for measure in classifier.declared] == list(measures)


BAD = [
    ([{"text": "a word", "toxic": 3}], "labels.jsonl:1: 'toxic' is 3, not between 0 and 1"),
    ([{"text": "a word", "toxic": 0}, {"text": "other", "toxic": 0}], "all 2 examples are harmless"),
    ([{"text": "a word", "toxic": 1}, {"text": "other", "toxic": 1}], "0 examples are harmless"),
]


@pytest.mark.parametrize(("values", "told"), BAD)
def test_bad_labels_are_errors(tmp_path: Path, values: list[dict[str, Any]], told: str) -> None:
    write(tmp_path / "labels.jsonl", values)
    (tmp_path / "harm.yaml").write_text("labelled: [{path: labels.jsonl, labels: [toxic]}]\n")
    ended = curate("harm", "train", tmp_path / "harm.yaml", "--root", tmp_path)
    assert told in ended.stderr
