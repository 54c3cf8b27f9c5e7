"""`curate pii`: finds stand where the text has them, spans and rows are checked, templates stay together."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_run import curate

from curate.classify import pii, tagger
from curate.classify.model import batch_of

from .conftest import write

FIRST, LAST = ["Mara", "Tobin", "Elke", "Rasmus", "Ines", "Joren"], ["Valdek", "Ostrow", "Hemling", "Quist", "Paravel"]
STREETS = ["Elm Street", "Harbour Road", "Mill Lane", "Station Avenue"]
TEMPLATES = [
    "Dear {n}, your parcel goes to {a}.",
    "My name is {n} and I live at {a}.",
    "Please send the invoice to {n}, {a}.",
    "We met {n} in the office; the address is {a}.",
    "Call {n} before noon. Deliver to {a} today.",
    "The tenant {n} moved to {a} in spring.",
]


def marked(many: int = 240) -> list[dict[str, Any]]:
    rng = random.Random(2)
    found = []
    for at in range(many):
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        address = f"{rng.randrange(1, 900)} {rng.choice(STREETS)}, {rng.randrange(10000, 99999)}"
        text = TEMPLATES[at % len(TEMPLATES)].format(n=name, a=address)
        spans = [("PERSON", name), ("STREET_ADDRESS", address)]
        rows = [
            {"entity_type": kind, "start_position": text.index(value), "end_position": text.index(value) + len(value)}
            for kind, value in spans
        ]
        found.append({"full_text": text, "spans": rows, "template_id": at % len(TEMPLATES)})
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pii")
    ended = curate(
        "pii", "train", "--labelled", write(folder / "m.jsonl", marked()), "--out", folder / "out", "--root", folder
    )
    assert ended.code == 0, ended.stderr
    found = ended.data["evaluation"]["by_kind"]
    assert {kind: row["touched"] > 0.9 for kind, row in found.items()} == {"address": True, "name": True}
    assert "precision" in (folder / "out" / "card.md").read_text()
    return folder / "out"


def test_finds_stand_where_the_text_has_them(trained: Path) -> None:
    found = pii.load(str(trained), trained.parent)
    texts = ["", "Dear Elke Quist, your parcel goes to 17 Mill Lane, 20457.", "Nothing is here."]
    hits = found.find(batch_of(texts))
    told = [(hit.doc, hit.kind, texts[hit.doc][hit.start : hit.end]) for hit in hits]
    assert told == [(1, "name", "Elke Quist"), (1, "address", "17 Mill Lane, 20457")]
    assert all(0.5 <= hit.score <= 1 for hit in hits)


def test_a_word_has_the_same_features_in_every_batch() -> None:
    texts = ["Call Mara Valdek now", "", "at 9 Elm Street,\nTown"]
    together = tagger.word_features(batch_of(texts)).slots
    alone = [tagger.word_features(batch_of([text])).slots for text in texts]
    assert together.tolist() == np.concatenate(alone).tolist()


def test_templates_stay_together(trained: Path) -> None:
    evaluation = pii.judge([pii.Text("no words of note", [], "g")], pii.load(str(trained), trained.parent), 0.5)
    assert evaluation["by_kind"]["name"]["spans"] == 0
    texts, _ = pii.read(pii.Pii(labelled=[{"path": "m.jsonl"}]), trained.parent)
    assert len({text.group for text in texts}) == len(TEMPLATES)


GOOD = {"full_text": "Mara went", "spans": [{"entity_type": "PERSON", "start_position": 0, "end_position": 4}]}
BAD = [
    ([GOOD, {"text": "Mara"}], "m.jsonl:2: no field 'full_text' that is a text"),
    ([GOOD, {**GOOD, "spans": [{"entity_type": "PERSON"}]}], "m.jsonl:2: a span has no type or place"),
    (
        [{**GOOD, "spans": [{"entity_type": "PERSON", "start_position": 0, "end_position": 40}]}],
        "m.jsonl:1: a span from 0 to 40 is not in a text of 9 characters",
    ),
    ([GOOD], "no span of the files is of the kind 'address'"),
]


@pytest.mark.parametrize(("values", "told"), BAD)
def test_bad_rows_are_named(tmp_path: Path, values: list[dict[str, Any]], told: str) -> None:
    write(tmp_path / "m.jsonl", values)
    settings = pii.Pii(labelled=[{"path": "m.jsonl"}])
    with pytest.raises(pii.UserError) as caught:
        pii.read(settings, tmp_path)
    assert told in str(caught.value)
