"""Token shards as mixtures: parts, phases of a mix, long documents; read once for evaluation."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from numbered_text import Numbers
from small_tokenizers import small_tokenizer

from train.data.batch import IGNORED
from train.data.prepare import Options, ensure
from train.data.pretraining import Texts, parts, phases, pretraining
from train.data.rows import read_once
from workbench.errors import UserError


@pytest.fixture
def tokens(tmp_path):
    rows = [
        {"id": f"{topic}{number}", "domain": topic, "text": f"the quick {topic} fox {number} " * (number + 1)}
        for topic, count in (("web", 20), ("code", 5))
        for number in range(count)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ensure(str(tmp_path / "rows.jsonl"), small_tokenizer(), tmp_path / "root", Options())


def test_an_epoch_of_real_shards_labels_each_token_but_the_first(tokens):
    source = pretraining(tokens, rows=1, micro=1, width=50, seed=0, weights={"code": 1})
    labels = [
        label
        for step in range(source.streams["code"].cycle)
        for batch in source.batches(step, 0, 1)
        for label in batch.labels[batch.labels != IGNORED].tolist()
    ]
    expected = [number for doc in tokens.split("train", "code") for number in tokens.read(doc)[1:].tolist()]
    assert sorted(labels) == sorted(expected)


def test_parts_are_those_of_the_tokens_and_weights_the_tokens_there(tokens):
    found = parts(tokens)
    assert sorted(found) == ["code", "web"]
    (phase,) = phases(tokens, found, rows=2, width=32)
    wanted = {name: int((tokens.lengths[tokens.split("train", name)] - 1).sum()) for name in found}
    assert phase.weights == wanted
    assert phase.steps == sum(wanted.values()) // 64
    source = pretraining(tokens, rows=2, micro=2, width=32, seed=0)
    seen = source.seen(source.steps)
    assert all(abs(part["epochs"] - 1) < 0.25 for part in seen.values())
    names = source.batches(0, 0, 1)[0].names
    assert all(name.startswith(("web", "code")) for name in names)


def test_only_long_documents(tokens):
    found = parts(tokens, at_least=100)
    assert all((tokens.lengths[part.documents] >= 100).all() for part in found.values())
    with pytest.raises(UserError, match="no document to read"):
        parts(tokens, at_least=10**6)


def mixed():
    """Two phases of a mix over two parts."""
    numbers = Numbers([9] * 6)
    copies = np.array([[1, 0], [2, 0], [1, 1], [0, 3], [1, 0], [0, 1]], np.int32)
    return SimpleNamespace(
        lengths=np.array(numbers.sizes), copies=copies, phases=("main", "anneal"), parts=("a", "b"),
        part=np.array([0, 0, 0, 1, 1, 1]), ids=[f"d{doc}" for doc in range(6)], run=SimpleNamespace(path="run"),
        split=lambda split, part: np.array([0, 1, 2]) if part == "a" else np.array([3, 4, 5]),
        read=lambda doc, start, stop: 1000 * doc + 1 + np.arange(start, stop),
    )  # fmt: skip


def test_the_phases_of_a_mix_are_followed_with_their_copies():
    source = pretraining(mixed(), rows=1, micro=1, width=8, seed=0)
    assert [(phase.name, phase.steps) for phase in source.phases] == [("main", 5), ("anneal", 5)]
    read = [source.batches(step, 0, 1)[0].names[0] for step in range(10)]
    assert sorted(read[:5]) == ["d0", "d1", "d1", "d2", "d4"]
    assert sorted(read[5:]) == ["d2", "d3", "d3", "d3", "d5"]
    assert {name: part["rows"] for name, part in source.seen(10).items()} == {
        "main/a": 4, "main/b": 1, "anneal/a": 1, "anneal/b": 4
    }  # fmt: skip


def test_phases_are_stretched_to_the_steps_and_may_be_chosen():
    source = pretraining(mixed(), rows=1, micro=1, width=8, seed=0, steps=20)
    assert [phase.steps for phase in source.phases] == [10, 10]
    source = pretraining(mixed(), rows=1, micro=1, width=8, seed=0, only=["anneal"])
    assert [phase.name for phase in source.phases] == ["anneal"]
    with pytest.raises(UserError, match="no phase 'aneal'"):
        pretraining(mixed(), rows=1, micro=1, width=8, seed=0, only=["aneal"])
    with pytest.raises(UserError, match="phases have weights of their own"):
        pretraining(mixed(), rows=1, micro=1, width=8, seed=0, weights={"main/a": 1})


def test_evaluation_reads_everything_once():
    content = Texts(mixed())
    batches = list(read_once(content, np.array([0, 3, 5]), width=5, micro=2))
    labels = [label for batch in batches for label in batch.labels[batch.labels != IGNORED].tolist()]
    assert sorted(labels) == sorted(1000 * doc + 1 + at for doc in (0, 3, 5) for at in range(1, 9))
    assert max(len(batch.tokens) for batch in batches) == 2
