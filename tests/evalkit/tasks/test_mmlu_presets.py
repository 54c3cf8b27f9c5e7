"""The prompts of MMLU under its presets, byte by byte: what the code of each program makes of these rows."""

from __future__ import annotations

import pytest

from evalkit.models.types import Generated, Pair, Prompt
from evalkit.tasks import Item, Task, load_task, presets_of, read_items, render_items, score
from evalkit.tasks.data import Row


def rows(name: str, many: int) -> list[dict]:
    return [
        {
            "question": f"{name} question {number}? ",
            "choices": [f"{name}{number}{letter}" for letter in "abcd"],
            "answer": (number * 3 + 1) % 4,
            "subject": "us_foreign_policy",
        }
        for number in range(many)
    ]


def items_of(task: Task, fields: list[dict]) -> list[Item]:
    return read_items(task, [Row("mmlu.jsonl", number, each) for number, each in enumerate(fields, 1)])


def block(name: str, number: int, answer: str, before: str = "", after: str = "", space: str = " ") -> str:
    options = "".join(f"{letter}. {name}{number}{letter.lower()}\n" for letter in "ABCD")
    return f"{before}{name} question {number}?{space}\n{after}{options}Answer:{answer}"


HEADER = "The following are multiple choice questions (with answers) about us foreign policy.\n\n"
LETTERS = {0: " B", 1: " A", 2: " D", 3: " C", 4: " B"}


def lettered(order: list[int], before: str = "", space: str = " ") -> str:
    shots = [block("dev", number, LETTERS[number], before, space=space) for number in order]
    return "\n\n".join([*shots, block("test", 1, "", before, space=space)])


GOLDEN = {
    "original": HEADER.replace("about us", "about  us") + lettered([0, 1, 2, 3, 4]),
    "helm": HEADER + lettered([2, 1, 0, 4, 3], "Question: "),
    "lm-eval": HEADER + lettered([0, 1, 2, 3, 4], space=""),
    "harness-2023": "\n\n".join(
        [
            block("val", number, f" val{number}{'abcd'[(number * 3 + 1) % 4]}", "Question: ", "Choices:\n")
            for number in (0, 5, 2, 1, 4)
        ]
        + [block("test", 1, "", "Question: ", "Choices:\n")]
    ),
}


@pytest.mark.parametrize("preset", sorted(GOLDEN))
def test_prompts_are_exact(preset: str) -> None:
    task = load_task(f"mmlu@{preset}")
    pool = rows("val", 8) if preset == "harness-2023" else rows("dev", 5)
    rendered = render_items(task, items_of(task, rows("test", 3)), items_of(task, pool))[1]
    assert rendered.prompts == (GOLDEN[preset],)
    requests = [asked.request for asked in rendered.asked]
    if preset == "helm":
        assert requests == [Prompt(GOLDEN[preset])]
    else:
        texts = ["test1a", "test1b", "test1c", "test1d"] if preset == "harness-2023" else list("ABCD")
        assert requests == [Pair(GOLDEN[preset], f" {text}") for text in texts]


def test_a_limit_changes_no_prompt() -> None:
    task = load_task("mmlu@harness-2023")
    items, pool = items_of(task, rows("test", 9)), items_of(task, rows("val", 8))
    whole, some = render_items(task, items, pool), render_items(task, items[4:6], pool, among=items)
    assert some == whole[4:6] != render_items(task, items[4:6], pool)


def test_what_is_averaged_and_how() -> None:
    assert presets_of("mmlu") == ["lm-eval", "original", "helm", "harness-2023"]
    tasks = {preset: load_task(f"mmlu@{preset}") for preset in GOLDEN}
    averages = {preset: task.average for preset, task in tasks.items()}
    assert averages == {"original": "micro", "lm-eval": "micro", "helm": "macro", "harness-2023": "macro"}
    assert tasks["harness-2023"].metrics == ("acc", "acc_norm")
    assert {task.group for task in tasks.values()} == {"subject"}
    assert load_task("mmlu").label == "mmlu@lm-eval"


def test_helm_maps_one_token_to_a_text() -> None:
    task = load_task("mmlu@helm")
    twice = {**rows("test", 1)[0], "choices": ["same", "same", "other", "more"]}
    (item,) = items_of(task, [twice])
    (rendered,) = render_items(task, [item], items_of(task, rows("dev", 5)))
    for said, value, predicted in ((" B", 1.0, 1), (" A", 1.0, 0), (" C", 0.0, 2), (" Yes", 0.0, None)):
        scored = score(task, item, rendered, [[Generated(said, "length", 1)]])
        assert (scored.scores, scored.predicted) == ({"exact_match": value}, predicted)


def test_the_original_drops_examples_until_its_room_is_enough() -> None:
    task = load_task("mmlu@original", ["shots.room=40"])

    def count(texts: object) -> list[int]:
        return [len(text.split()) for text in texts]  # type: ignore[attr-defined]

    (rendered,) = render_items(task, items_of(task, rows("test", 1)), items_of(task, rows("dev", 5)), count=count)
    assert (rendered.shots, rendered.dropped) == (1, 4)
    assert len(rendered.prompts[0].split()) == 37
