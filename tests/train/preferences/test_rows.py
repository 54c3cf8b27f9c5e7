"""Comparisons as rows: what stands where, whatever the micro-batches and processes; what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_tokenizers import small_tokenizer

from train.data import chat
from train.data.batch import IGNORED, PADDING
from train.data.examples import Report
from train.preferences.load import TOO_LONG, PreferenceData, PreferenceSet, load, render, sequences
from train.preferences.rows import Comparisons, Responses, Sequenced, collate
from train.preferences.types import Comparison, Pair, ranked
from workbench.errors import UserError


def table(count=7, k=3):
    responses = [
        [Sequenced([1, 2, 10 * each + n + 3, *range(4, 4 + n + each % 3)], 2) for n in range(k)]
        for each in range(count)
    ]
    pairs = [[Pair(first, second) for first in range(k) for second in range(first + 1, k)] for _ in range(count)]
    return Responses([f"p{each}" for each in range(count)], responses, pairs)


def test_a_batch_holds_all_responses_of_its_prompts():
    made = table()
    batch = collate(made, np.array([4, 1]), 12)
    sequence, docs = batch.extras["sequence"], batch.docs
    assert batch.extras["responses"].tolist() == [12, 13, 14, 3, 4, 5]
    assert batch.extras["pairs"].tolist() == [[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5]]
    assert batch.extras["share"].tolist() == pytest.approx([1 / 3] * 6)
    assert (batch.weight, batch.names) == (2.0, ("p4", "p1"))
    for number, response in enumerate(batch.extras["responses"].tolist()):
        here = sequence == number
        ids = made.ids(response).tolist()
        assert batch.tokens[here].tolist() == ids
        assert batch.positions[here].tolist() == list(range(len(ids)))
        assert batch.labels[here].tolist() == [IGNORED, *ids[2:], IGNORED]
        assert len(set(docs[here].tolist())) == 1
    assert ((sequence == PADDING) == (docs == PADDING)).all()
    assert [collate(made, np.array([4, 1]), 12, count).weight for count in ("pairs", "responses")] == [6.0, 6.0]


@pytest.mark.parametrize(("world", "micro"), [(1, 10**6), (1, 1), (2, 30), (4, 1)])
def test_a_step_reads_the_same_prompts_for_any_processes_and_micro_batches(world, micro):
    made = table(9)

    def read(world, micro, step):
        source = Comparisons(made, np.arange(9), prompts=4, micro_tokens=micro, width=16, seed=3)
        return sorted(
            name for rank in range(world) for batch in source.batches(step, rank, world) for name in batch.names
        )

    for step in range(5):
        assert read(world, micro, step) == read(1, 40, step)


def test_every_epoch_reads_each_prompt_once_in_another_order():
    made = table(6)
    source = Comparisons(made, np.arange(6), prompts=3, micro_tokens=99, width=16, seed=0, epochs=2)
    names = [name for step in range(4) for batch in source.batches(step, 0, 1) for name in batch.names]
    assert source.steps == 4
    assert sorted(names[:6]) == sorted(names[6:]) == [f"p{n}" for n in range(6)]
    assert names[:6] != names[6:]
    seen = source.seen(3)[""]
    assert (seen["rows"], seen["pairs"], seen["epochs"]) == (9.0, 27.0, 1.5)


def test_ids_end_where_a_sampler_stops_and_begin_as_it_does():
    tokenizer, form = small_tokenizer(), chat.load_template("chatml")
    prompt = [
        {"role": "user", "content": "fox"},
        {"role": "assistant", "content": "dog"},
        {"role": "user", "content": "fox"},
    ]
    for one, text in zip(sequences(prompt, ["lazy dog", ""], tokenizer, form), ["lazy dog", ""], strict=True):
        assert one.ids[: one.prompt] == chat.prompt(prompt, tokenizer, form)
        assert one.ids[-1] == form.stops(tokenizer)[0]
        assert tokenizer.decode(one.ids[one.prompt :]) == text


def compared(prompt, *responses):
    return Comparison("one", tuple(prompt), responses, tuple(ranked(range(len(responses)))))


def test_a_long_prompt_is_shortened_for_all_responses_alike():
    tokenizer, form = small_tokenizer(), chat.load_template("chatml")
    asked = [{"role": "user", "content": "the quick brown fox jumps over the lazy dog " * 5}]
    report = Report()
    kept, (ids,) = render([compared(asked, "dog", "lazy lazy dog")], tokenizer, form, 32, report)
    assert len(kept) == 1
    assert max(len(one.ids) for one in ids) <= 32
    assert ids[0].ids[: ids[0].prompt] == ids[1].ids[: ids[1].prompt]
    assert report.shortened == {"middle of the prompt cut out": 1}
    turns = [
        {"role": "user", "content": "fox " * 9},
        {"role": "assistant", "content": "dog"},
        {"role": "user", "content": "dog"},
    ]
    report = Report()
    _, (ids,) = render([compared(turns, "dog", "lazy dog")], tokenizer, form, 24, report)
    assert ids == sequences(turns[2:], ["dog", "lazy dog"], tokenizer, form)
    assert report.shortened == {"oldest turns left out": 1}


def test_a_response_that_does_not_fit_leaves_the_comparison_out():
    tokenizer, form = small_tokenizer(), chat.load_template("chatml")
    long = compared([{"role": "user", "content": "fox"}], "dog", "lazy dog " * 30)
    for policy in ("truncate", "drop"):
        report = Report()
        assert render([long], tokenizer, form, 32, report, policy) == ([], [])
        assert report.dropped == {TOO_LONG: 1}
    with pytest.raises(UserError, match="one: longer than the context of 32 tokens"):
        render([long], tokenizer, form, 32, Report(), "error")


def test_sets_and_the_split_by_prompt(tmp_path):
    rows = [{"prompt": f"fox {n}", "chosen": "dog", "rejected": "cat"} for n in range(60)]
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = PreferenceData(sets=[PreferenceSet(path="a.jsonl"), PreferenceSet(path="b.jsonl", cap=30)])
    loaded = load(data, small_tokenizer(), 64, base=tmp_path, seed=0)
    assert {name: len(numbers) for name, numbers in loaded.sets.items()} == {"a": 60, "b": 30}
    by_place = data.model_copy(
        update={"sets": [each.model_copy(update={"path": str(tmp_path / each.path)}) for each in data.sets]}
    )
    assert load(by_place, small_tokenizer(), 64, base=Path(), seed=0).digest() == loaded.digest()
    learned, held = loaded.split(0.3, 0)
    assert len(learned) + len(held) == 90 and 5 < len(held) < 50
    asked = [{str(loaded.comparisons[n].prompt) for n in numbers} for numbers in (learned, held)]
    assert not asked[0] & asked[1]  # a prompt of both sets is on one side
    assert loaded.facts["a"]["pairs"] == 60
    with pytest.raises(UserError, match="two sets 'a'"):
        load(PreferenceData(sets=[PreferenceSet(path="a.jsonl")] * 2), small_tokenizer(), 64, base=tmp_path, seed=0)
