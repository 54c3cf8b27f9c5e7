"""Grades turn by turn: a mock that answers, a server that grades; failures, storage, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from invoke import invoke

from evalkit.judge.grade import read_questions

QUESTIONS = [
    {"question_id": number, "category": "odd" if number % 2 else "even", "turns": [f"first {number}", f"then {number}"]}
    for number in range(6)
]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    return path


def grade(questions: Path, *more: Any) -> Any:
    judge = ["--endpoint", "http://127.0.0.1:9/v1#j", "--root", questions.parent / "ws"]
    return invoke("evalkit", "grade", "--questions", questions, "--model", "mock:0", *judge, *more)


def test_both_turns_are_answered_in_one_conversation_and_graded(questions: Path, served: Any) -> None:
    def reply(prompt: str) -> str:
        return f"Good.\nGrade: {9 if 'then ' not in prompt else 4 if 'first 1' in prompt else 6}"

    asked = served(reply)
    planned = grade(questions, "--dry-run")
    assert (planned.data["answers"], planned.data["judge"]["requests"]) == (12, 12) and not asked
    assert planned.data["model"]["requests"] == 12 and planned.data["judge"]["prompt_tokens"] > 12 * 1024
    ended = grade(questions, "--out", questions.parent / "run")
    assert ended.code == 0, ended.stderr
    data = ended.data
    assert data["turns"]["1"]["value"] == 9 and data["turns"]["2"]["value"] == pytest.approx(34 / 6)
    assert data["all"]["n"] == 12 and data["all"]["clusters"] == 6
    assert data["all"]["low"] < data["all"]["value"] < data["all"]["high"]
    assert data["categories"]["odd"]["turns"]["2"]["value"] == pytest.approx(16 / 3)
    assert len(asked) == 12 and all(prompt.count("<<<") in (2, 4) for prompt in asked)
    second = next(prompt for prompt in asked if "then 3" in prompt)
    assert second.index("first 3") < second.index("Assistant:") < second.index("then 3")
    rows = [json.loads(line) for line in (questions.parent / "run/grades.jsonl").read_text().splitlines()]
    assert [(row["question_id"], row["turn"]) for row in rows[:3]] == [("0", 1), ("0", 2), ("1", 1)]
    again = grade(questions, "--out", questions.parent / "again")
    assert len(asked) == 12 and again.data["turns"] == data["turns"]  # nothing is asked twice


def test_a_grade_that_cannot_be_read_is_none_and_is_told(questions: Path, served: Any) -> None:
    served(lambda prompt: "Grade: 11" if "first 2" in prompt else "Grade: 7")
    ended = grade(questions, "--out", questions.parent / "run")
    assert ended.code == 3 and "2 answers have no grade" in ended.stderr
    assert ended.data["errors"] == {"the judge's last line is no grade": 2} and ended.data["all"]["value"] == 7


def test_no_grade_at_all_is_an_error(questions: Path, served: Any) -> None:
    served(lambda prompt: "no")
    ended = grade(questions)
    assert ended.code == 3 and "not one of 12 answers has a grade" in ended.stderr


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"turns": "one"}, "no texts in `turns`"),
        ({"turns": []}, "no texts in `turns`"),
        ({"turns": ["a", 1]}, "no texts in `turns`"),
        ({"question_id": 0, "turns": ["a"]}, "was there before"),
    ],
)
def test_bad_questions(questions: Path, row: dict[str, Any], message: str) -> None:
    with questions.open("a") as lines:
        lines.write(json.dumps(row) + "\n")
    ended = grade(questions)
    assert ended.code == 4 and message in ended.stderr


def test_a_prompt_for_pairs_is_refused(questions: Path) -> None:
    ended = grade(questions, "--prompt", "pair")
    assert ended.code == 2 and "judges pairs" in ended.stderr


def test_the_questions_of_mt_bench(shared_data: Path) -> None:
    path = shared_data / "arena/mt-bench-questions.jsonl"
    if not path.is_file():
        pytest.skip("no MT-bench questions")
    found = read_questions(path)
    assert len(found) == 80 and {len(one.turns) for one in found} == {2} and len({one.category for one in found}) == 8
