"""Instruction mixtures: task files by several templates, caps and rates, reasoning mixed with plain answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from small_tokenizers import small_tokenizer

from train.data.examples import Report
from train.data.instructions import Task, fill, read_tasks
from train.data.sft import Conversations, SftData, SftSet, load
from workbench.errors import UserError


def task(prompt, response="{a}", **more):
    return Task.model_validate({"file": "x", "templates": [{"prompt": prompt, "response": response}], **more})


def filled(found, values, drawn=0.0):
    return [message["content"] for message in fill(found, values, drawn)]


def test_fields_take_their_places():
    values = {"q": "Fox?", "a": 12, "opts": ["red", "blue"], "gold": 1, "choices": {"text": ["x", "y"]}, "key": "B"}
    found = task(
        "{q} {{{a}}}\n{opts|list}\n{opts|letters}",
        "{gold|letter} {opts[gold]} {choices.text[key]} {choices.text[gold]}",
    )
    assert filled(found, values) == ["Fox? {12}\n- red\n- blue\nA. red\nB. blue", "B blue y y"]


def test_text_in_a_row_is_never_read_as_a_template():
    assert filled(task("{q}"), {"q": "{a} {{", "a": "b"}) == ["{a} {{", "b"]


def test_a_field_is_split_and_values_get_words():
    found = task(
        "{q}",
        "{why} So {result}.",
        split={"a": {"by": "####", "into": ["why", "result"]}},
        values={"q": {"true": "yes"}},
    )
    assert filled(found, {"q": True, "a": "1+1 #### =\n#### 2"}) == ["yes", "1+1 #### = So 2."]
    with pytest.raises(UserError, match="field 'q' is 'no', which has no word"):
        filled(found, {"q": "no", "a": "b#### 2"})


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("{q}", "{q} is missing"),
        ("{blank}", "{blank} is missing"),
        ("{opts}", "{opts} is no text"),
        ("{opts[far]}", "{opts.far.} has no such entry"),
        ("{a|list}", "{a.list} is no list"),
        ("{a|letter}", "{a.letter} is no number of a letter"),
        ("{opts.a}", "{opts.a} is missing"),
    ],
)
def test_a_row_that_fits_no_template_says_why(prompt, message):
    with pytest.raises(UserError, match=f"no template fits: {message}"):
        filled(task(prompt), {"a": "b", "opts": ["x"], "far": 7, "blank": " "})


def test_a_template_is_drawn_by_its_share_among_those_that_fit():
    templates = [
        {"prompt": "{q} Think.", "response": "{why} {a}", "share": 3},
        {"prompt": "{q}", "response": "{a}"},
    ]
    found = Task.model_validate({"file": "x", "templates": templates})
    both = {"q": "Fox?", "a": "Dog.", "why": "Because."}
    drawn = Counter(filled(found, both, number / 100)[0] for number in range(100))
    assert drawn == {"Fox? Think.": 75, "Fox?": 25}
    assert {filled(found, {**both, "why": ""}, number / 10)[0] for number in range(10)} == {"Fox?"}


TASKS = """
cap: 30
rate: 20
tasks:
  big:
    file: big.jsonl
    templates:
      - {prompt: "Ask: {q}", response: "{a}"}
      - {prompt: "{q}?", response: "{a}", system: Be short.}
      - {prompt: "Say {a} or else: {q}", response: "{a}"}
  small:
    file: small.jsonl
    templates: [{prompt: "{q}", response: "{a}"}]
"""


def write(folder: Path) -> str:
    for name, count in (("big", 100), ("small", 10)):
        rows = [{"q": f"fox {number}", "a": f"dog {number}"} for number in range(count)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tasks.yaml").write_text(TASKS)
    return "tasks.yaml"


def kinds_of(examples):
    return {each.name: each.messages[-2]["content"].split()[0] for each in examples}


def test_tasks_have_a_cap_and_count_by_their_rate(tmp_path):
    big, small = read_tasks(tmp_path / write(tmp_path), 0)
    found = list(big.examples(Report()))
    assert (len(found), big.rate, small.rate) == (30, 20 / 30, 1.0)
    # Each template is used, and which one a row gets does not change with the cap.
    kinds = kinds_of(found)
    assert len(set(kinds.values())) == 3
    fewer = next(iter(read_tasks(tmp_path / "tasks.yaml", 0, cap=10)))
    assert {
        each.name: each.messages[-2]["content"].split()[0] for each in fewer.examples(Report())
    }.items() <= kinds.items()
    assert [each.messages for each in big.examples(Report())] == [each.messages for each in found]


def test_tasks_become_sets_that_are_read_by_their_rates(tmp_path):
    data = SftData(sets=[SftSet(path=write(tmp_path), format="templates")])
    loaded = load(data, small_tokenizer(), 64, base=tmp_path, seed=0)
    source = Conversations(loaded.sets, rows=2, micro=2, width=64, seed=0, epochs=3, rates=loaded.rates)
    epochs = {name: part["epochs"] for name, part in source.seen(source.steps).items()}
    assert epochs["big"] == pytest.approx(2, abs=0.2) and epochs["small"] == pytest.approx(3, abs=0.4)


def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "tasks.yaml"
    path.write_text("tasks:\n  a:\n    file: a.jsonl\n    templates:\n      - prompt: 'a {b'\n        response: c\n")
    with pytest.raises(UserError, match=r"a lone '{' at character 3") as error:
        list(read_tasks(path, 0))
    assert error.value.line == 5


def test_real_tasks_with_reasoning_and_without(shared_data, tmp_path):
    folder = shared_data / "benchmarks"
    (tmp_path / "tasks.yaml").write_text(f"""
cap: 50
tasks:
  sums:
    file: {folder}/gsm8k_train.jsonl.gz
    split: {{answer: {{by: "####", into: [reasoning, result]}}}}
    templates:
      - {{prompt: "{{question}}\\nThink step by step.", response: "{{reasoning}}\\nThe answer is {{result}}."}}
      - {{prompt: "{{question}}", response: "{{result}}"}}
  choice:
    file: {folder}/commonsense_qa_val.jsonl.gz
    templates: [{{prompt: "{{question}}\\n{{choices.text|letters}}", response: "{{choices.text[answerKey]}}"}}]
  sentiment:
    file: {folder}/sst2_val.jsonl.gz
    values: {{label: {{"0": negative, "1": positive}}}}
    templates: [{{prompt: "Is this negative or positive? {{sentence}}", response: "{{label}}"}}]
  yes:
    file: {folder}/boolq_val.jsonl.gz
    values: {{answer: {{"true": "yes", "false": "no"}}}}
    templates: [{{prompt: "{{passage}}\\n\\n{{question}}?", response: "{{answer}}"}}]
""")
    data = SftData(sets=[SftSet(path="tasks.yaml", format="templates")])
    loaded = load(data, small_tokenizer(), 4096, base=tmp_path, seed=0)
    assert {name: len(each) for name, each in loaded.sets.items()} == dict.fromkeys(loaded.sets, 50)
    asked = [each.messages[0]["content"] for each in next(read_tasks(tmp_path / "tasks.yaml", 0)).examples(Report())]
    assert 10 < sum(text.endswith("step by step.") for text in asked) < 40
