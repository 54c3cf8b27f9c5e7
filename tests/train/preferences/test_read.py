"""Forms of preference data: what each row says, what is wrong with bad ones, the real files."""

from __future__ import annotations

import pytest

from train.data.examples import Report
from train.data.records import Record, read_records
from train.preferences.read import SAME, SAME_TWICE, comparison, raters, read
from train.preferences.types import Judgement, Pair, Score, Thumb
from workbench.errors import UserError

ASKED = ({"role": "user", "content": "Fox?"},)
ANSWER = {"role": "assistant", "content": "Dog."}
HH = "\n\nHuman: Fox?\n\nAssistant: "


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Fox?", "chosen": "Dog.", "rejected": "Cat."},
        {"instruction": "Fox?", "input": "", "chosen": "Dog.", "rejected": "Cat.", "output": "Dog."},
        {"prompt": list(ASKED), "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "Cat."}]},
        {"prompt": list(ASKED), "chosen": [*ASKED, ANSWER], "rejected": [*ASKED, {**ANSWER, "content": "Cat."}]},
        {"chosen": [*ASKED, ANSWER], "rejected": [*ASKED, {**ANSWER, "content": "Cat."}]},
        {
            "conversations": [{"from": "human", "value": "Fox?"}],
            "chosen": {"from": "gpt", "value": "Dog."},
            "rejected": {"from": "gpt", "value": "Cat."},
        },
        {"chosen": HH + "Dog.", "rejected": HH + "Cat."},
        {"prompt": HH.rstrip(), "chosen": "Dog.", "rejected": "Cat."},
    ],
)
def test_each_form_of_a_pair_is_the_same_comparison(row):
    found = comparison("one", row)
    assert found.prompt == ASKED
    assert found.responses == ("Dog.", "Cat.")
    assert found.pairs().kept == [Pair(0, 1)]


def test_rankings_scores_thumbs_and_votes():
    base = {"prompt": "Fox?", "responses": ["a", "b", "c"]}
    assert [pair[:2] for pair in comparison("one", {**base, "ranks": [2, 1, 3]}).pairs().kept] == [
        (1, 0),
        (0, 2),
        (1, 2),
    ]
    assert comparison("one", {**base, "scores": [1, 3, 1]}).pairs() == ([Pair(1, 0, 1.0, 2.0), Pair(1, 2, 1.0, 2.0)], 1)
    thumb = comparison("one", {"messages": [*ASKED, ANSWER], "label": False})
    assert (thumb.prompt, thumb.responses, thumb.thumbs) == (ASKED, ("Dog.",), (Thumb(0, False),))
    assert comparison("one", {"prompt": "Fox?", "completion": "Dog.", "label": True}).thumbs == (Thumb(0, True),)
    score = comparison("one", {"prompt": "Fox?", "response": "Dog.", "score": 2, "rater": "ada"})
    assert score.scores == (Score(0, 2.0, "ada"),)
    vote = comparison("one", {"prompt": "Fox?", "a": "x", "b": "y", "vote": "b", "rater": "ada", "seconds": 3})
    assert vote.judgements == (Judgement(0, 1, 0.0, "ada", 0.0, 3.0),)


def test_a_pair_may_carry_a_probability_and_a_margin():
    row = {"prompt": "Fox?", "chosen": "Dog.", "rejected": "Cat.", "probability": 0.8, "margin": 2}
    assert comparison("one", row).pairs().kept == [Pair(0, 1, 0.8, 2.0)]
    assert comparison("one", {**row, "probability": 0.3}).pairs().kept[0][:3] == (1, 0, 0.7)


def test_a_system_text_and_an_input_belong_to_the_prompt():
    row = {"instruction": "Say", "input": "fox", "system": "Be short.", "chosen": "a", "rejected": "b"}
    assert comparison("one", row).prompt == (
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Say\n\nfox"},
    )


def test_rows_of_one_prompt_become_one_comparison():
    rows = [
        Record("1", {"prompt": "Fox?", "a": "x", "b": "y", "vote": "a", "rater": "ada"}),
        Record("2", {"prompt": "Hen?", "a": "x", "b": "y", "vote": "tie", "rater": "ada"}),
        Record("3", {"prompt": "Fox?", "a": "y", "b": "x ", "vote": "a", "rater": "bob"}),
        Record("4", {"prompt": "Fox?", "a": "z", "b": "x", "vote": "b", "rater": "bob"}),
    ]
    fox, hen = read(rows)
    assert (fox.id, fox.responses) == ("1", ("x", "y", "z"))
    assert fox.pairs().kept == [Pair(0, 1, 0.5, 0.0, 2), Pair(0, 2)]
    assert fox.disagreement() == (1, 1)
    assert (hen.pairs().kept, hen.pairs().ties) == ([], 1)
    assert raters([fox, hen]) == ["ada", "bob"]


def test_scored_rankings_of_nobody_in_particular_are_by_one_rater_each():
    base = {"prompt": "Fox?", "responses": ["Dog.", "Cat."]}
    records = [Record("1", {**base, "scores": [9, 4]}), Record("2", {**base, "scores": [1, 2]})]
    (found,) = read(records)
    assert found.pairs().kept == [Pair(0, 1, 0.5, 2.0, 2)]  # margins of 5 and -1
    assert found.disagreement() == (1, 1)
    (found,) = read([Record("1", {**base, "scores": [9, 4], "rater": "ada"}), Record("2", {**base, "scores": [1, 2]})])
    assert found.scores == (Score(0, 9.0, "ada"), Score(1, 4.0, "ada")) and found.disagreement() == (1, 1)


def test_single_scores_of_one_prompt_are_compared():
    rows = [Record(str(n), {"prompt": "Fox?", "response": f"r{n}", "score": n}) for n in range(3)]
    (found,) = read(rows)
    assert [pair[:2] for pair in found.pairs().kept] == [(1, 0), (2, 0), (2, 1)]


def test_both_sides_the_same_are_left_out_and_counted():
    report = Report()
    rows = [
        Record("bad", {"prompt": "Fox?", "chosen": "Dog.", "rejected": "Dog. "}),
        Record("half", {"prompt": "Hen?", "responses": ["a", "b", "a"], "ranks": [1, 2, 3]}),
    ]
    (found,) = read(rows, report=report)
    assert report.dropped == {SAME: 1}
    assert report.named[SAME] == ["bad"]
    assert report.shortened == {SAME_TWICE: 1}
    assert (found.responses, [pair[:2] for pair in found.pairs().kept]) == (("a", "b"), [(0, 1)])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a"}, "no known form; its fields are: text"),
        ({"prompt": "Fox?", "chosen": "a", "rejected": 3}, "an answer is no text"),
        ({"prompt": "Fox?", "chosen": "", "rejected": " "}, "both answers are empty"),
        ({"prompt": " ", "chosen": "a", "rejected": "b"}, "the prompt is empty"),
        ({"chosen": "a", "rejected": "b"}, "it has no prompt, and `chosen` is no conversation"),
        ({"chosen": HH + "a", "rejected": "\n\nHuman: Hen?\n\nAssistant: b"}, "the two sides answer different prompts"),
        ({"chosen": "\n\nHuman: a", "rejected": "\n\nHuman: b"}, "`chosen` does not end with an answer"),
        ({"prompt": "Fox?", "responses": ["a"], "ranks": [1]}, "`responses` is no list of two or more"),
        ({"prompt": "Fox?", "responses": ["a", "b"], "ranks": [1]}, "`ranks` has not one entry for each of 2"),
        ({"prompt": "Fox?", "responses": ["a", "b"]}, "it has neither `ranks` nor `scores`"),
        ({"prompt": "Fox?", "responses": ["a", "b"], "scores": [1, float("nan")]}, "`scores` holds what is no number"),
        ({"prompt": "Fox?", "response": "a", "score": True}, "`score` holds what is no number"),
        ({"prompt": "Fox?", "response": "a", "label": "yes"}, "`label` is neither true nor false"),
        ({"prompt": "Fox?", "a": "x", "b": "y", "vote": "c"}, "`vote` is none of a, b and tie"),
        ({"prompt": "Fox?", "chosen": "a", "rejected": "b", "probability": 2}, "`probability` is 2, which is none"),
        ({"messages": [{"role": "user", "content": "a"}], "label": True}, "`messages` do not end with an answer"),
    ],
)
def test_bad_rows_say_what_is_wrong(row, message):
    with pytest.raises(UserError, match="^row 7: " + message):
        read([Record("row 7", row)])
    report = Report(drop_invalid=True)
    assert read([Record("row 7", row)], report=report) == []
    assert sum(report.dropped.values()) == 1


@pytest.mark.parametrize(
    ("name", "prompts", "pairs", "dropped"),
    [
        ("dpo-en", 295, 295, {}),
        ("kto-en", 297, 1, {}),
        ("hh-harmless-base-test-sample", 1132, 1132, {"the two sides answer different prompts": 3}),
        ("llms-from-scratch-preferences", 813, 830, {SAME: 3}),
    ],
)
def test_the_real_files(shared_data, name, prompts, pairs, dropped):
    report = Report(drop_invalid=True)
    found = read(read_records(shared_data / "post-training" / f"{name}.jsonl.gz"), report=report)
    assert (len(found), sum(len(each.pairs().kept) for each in found), dict(report.dropped)) == (
        prompts,
        pairs,
        dropped,
    )
