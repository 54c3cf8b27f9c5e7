"""Ready tasks ask what lm-eval 0.4.13 asks: requests of both, on rows in the shape of the original data."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.types import Pair, Prompt
from evalkit.tasks import load_task, read_items, render_items
from evalkit.tasks.data import Row

pytestmark = pytest.mark.oracle

ARC = [
    {
        "id": "a",
        "question": "Which is red?",
        "choices": {"text": ["sky", "blood"], "label": ["A", "B"]},
        "answerKey": "B",
    },
    {
        "id": "b",
        "question": "Which is wet?",
        "choices": {"text": ["sand", "sea"], "label": ["1", "2"]},
        "answerKey": "2",
    },
]
TRUTH = {
    "question": "Can pigs fly?",
    "mc1_targets": {"choices": ["No.", "Yes."], "labels": [1, 0]},
    "mc2_targets": {"choices": ["No.", "They cannot.", "Yes."], "labels": [1, 1, 0]},
}
CASES: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("arc-easy", "arc_easy", ARC),
    ("arc-challenge", "arc_challenge", ARC),
    (
        "hellaswag",
        "hellaswag",
        [
            {
                "ind": 1,
                "source_id": "s",
                "activity_label": "Roof shingle removal",
                "ctx_a": "A man is  on a roof.",
                "ctx_b": "he",
                "endings": ["is [title] Using wrap. [step] wide", "[header] sits  down. ", "flies", "sings"],
                "label": "3",
            }
        ],
    ),
    ("piqa", "piqa", [{"goal": "Open a jar.", "sol1": "Turn it.", "sol2": "Sing.", "label": 0}]),
    (
        "winogrande",
        "winogrande",
        [
            {
                "sentence": "The cup fell off the box because _ was round.",
                "option1": "cup",
                "option2": "box",
                "answer": "1",
            }
        ],
    ),
    ("boolq", "boolq", [{"passage": "Cats purr.", "question": "do cats purr", "label": 1, "idx": 0}]),
    (
        "copa@lm-eval",
        "copa",
        [{"premise": "It rained. ", "choice1": "I got wet.", "choice2": "We sang.", "question": "effect", "label": 0}],
    ),
    (
        "openbookqa",
        "openbookqa",
        [
            {
                "id": "x",
                "question_stem": "The sun is",
                "choices": {"text": ["hot", "cold"], "label": ["A", "B"]},
                "answerKey": "A",
            }
        ],
    ),
    (
        "commonsense-qa@letter",
        "commonsense_qa",
        [{"question": " Where? ", "choices": {"text": list("vwxyz"), "label": list("ABCDE")}, "answerKey": "C"}],
    ),
    (
        "social-iqa",
        "social_iqa",
        [
            {
                "context": "Al ran.",
                "question": "Why?",
                "answerA": "late",
                "answerB": "fun",
                "answerC": "no",
                "label": "2",
            }
        ],
    ),
    ("lambada", "lambada_openai", [{"text": 'He said "it is\n a robot'}]),
    ("truthfulqa-mc1", "truthfulqa_mc1", [TRUTH]),
    ("truthfulqa-mc2", "truthfulqa_mc2", [TRUTH]),
    ("gsm8k", "gsm8k", [{"question": "How many?", "answer": "One.\n#### 1"}]),
    ("sst2", "sst2", [{"sentence": "so good ", "label": 1, "idx": 0}]),
    ("mrpc", "mrpc", [{"sentence1": "A b.", "sentence2": "B a.", "label": 0, "idx": 0}]),
    (
        "mmlu@lm-eval",
        "mmlu_astronomy",
        [{"question": " What orbits? ", "subject": "astronomy", "choices": ["a", "b", "c", "d"], "answer": 3}],
    ),
]


_QUESTIONS = ("question", "goal", "sentence", "passage", "premise", "question_stem", "context", "sentence1", "ctx_a")


def other(row: dict[str, Any], number: int) -> dict[str, Any]:
    """The row with another question."""
    name = next(name for name in (*_QUESTIONS, "text") if name in row and row[name] not in ("cause", "effect"))
    return {**row, name: f"In case {number}: {row[name]}"}


@cache
def known_tasks() -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager().task_index


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize(("ours", "theirs", "rows"), CASES, ids=[case[0] for case in CASES])
def test_the_same_is_asked(ours: str, theirs: str, rows: list[dict[str, Any]], shots: int, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    os.environ["HF_DATASETS_CACHE"] = str(tmp_path / "cache")
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(known_tasks()[theirs].yaml_path)
    train = config.get("fewshot_split") or config.get("training_split")
    if shots and train is None:
        pytest.skip("no split for examples")
    rows, examples = rows * 3, [other(rows[0], number) for number in range(6)]
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("rows", "examples")}
    for name, listed in (("rows", rows), ("examples", examples)):
        Path(files[name]).write_text("".join(json.dumps(row) + "\n" for row in listed))
    splits = {config[key]: files["rows"] for key in ("validation_split", "test_split") if config.get(key)}
    splits |= {train: files["examples"]} if train is not None else {}
    config |= {"dataset_path": "json", "dataset_name": None, "num_fewshot": shots}
    config["dataset_kwargs"] = {"data_files": splits, "cache_dir": str(tmp_path / "cache")}
    for name in ("group", "tag"):
        config.pop(name, None)
    task = ConfigurableTask(config=config)
    task.set_fewshot_seed(1234)
    wanted: list[Pair | Prompt] = []
    for document in task.eval_docs:
        context = task.fewshot_context(document, shots)
        instances = task.construct_requests(document, context, metadata=(None, 0, 1))
        for instance in instances if isinstance(instances, list) else [instances]:
            if instance.request_type == "generate_until":
                wanted.append(Prompt(instance.args[0]))
            else:
                wanted.append(Pair(*instance.args))
    order = "first" if config.get("fewshot_config") else "lm-eval"
    own = load_task(ours, [f"shots={{count: {shots}, order: {order}, seed: 1234, source: {{files: [x]}}}}"])
    items, pool = (
        read_items(own, [Row(name, number, row) for number, row in enumerate(listed, 1)])
        for name, listed in (("rows.jsonl", rows), ("examples.jsonl", examples))
    )
    rendered = render_items(own, items, pool)
    found = [asked.request for each in rendered for asked in each.asked if asked.role != "unconditional"]
    assert wanted and found == wanted
