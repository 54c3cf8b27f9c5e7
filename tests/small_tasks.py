"""Small tasks of the tests' own, as a user would write them."""

from __future__ import annotations

import json
from pathlib import Path

CHOICE = """
name: colours
title: Colours of things
source: the tests
licence: CC0-1.0
kind: commonsense
data: {files: [colours]}
forms: [{question: question, choices: choices, gold: answer, theme: theme}]
prompt: "Question: {{question}}\\nAnswer:"
metrics: [acc, acc_norm, acc_mutual_info, brier, answer_bpb]
cluster: theme
group: theme
shots: {count: 2, order: random, fit: drop}
presets:
  letters: {choices: letters, delimiter: " ", metrics: [acc]}
"""
WRITTEN = """
name: sums
title: Sums
source: the tests
licence: CC0-1.0
kind: mathematics
formulation: generate
data: {files: [sums]}
forms: [{question: question, answers: answer}]
prompt: "{{question}} ="
metrics: [exact_match]
extract: {last: {rule: last-number}}
decoding: {max_new: 8, stop: ["\\n"], temperature: 0.5, n: 2}
"""
READ = """
name: pages
title: Pages
source: the tests
licence: CC0-1.0
kind: perplexity
formulation: rolling
data: {files: [pages]}
forms: [{text: text}]
prompt: "{{text}}"
metrics: [word_perplexity, bits_per_byte]
"""


def write_tasks(folder: Path, items: int = 30) -> list[str]:
    """Three tasks with their data in `folder`; their files. Some rows of the first cannot be asked."""
    rows: list[dict[str, object]] = [
        {
            "question": f"What colour is thing {number}?",
            "choices": ["red", "green", "deep blue", "no colour at all"],
            "answer": number % 4,
            "theme": f"theme {number // 5}",
        }
        for number in range(items)
    ]
    rows[3] = {"question": "Where are the choices?", "answer": 0, "theme": "theme 0"}
    rows[5] = {**rows[5], "answer": 4}
    rows[7] = {**rows[7], "choices": ["red", " "]}
    tables = {
        "colours": rows,
        "sums": [{"question": f"{number} + {number}", "answer": str(2 * number)} for number in range(items)],
        "pages": [{"text": " ".join(f"word{place}" for place in range(2 + number))} for number in range(items)],
    }
    names = []
    for name, text in (("colours", CHOICE), ("sums", WRITTEN), ("pages", READ)):
        (folder / f"{name}.yaml").write_text(text)
        names.append(str(folder / f"{name}.yaml"))
        lines = "".join(json.dumps(row) + "\n" for row in tables[name])
        (folder / f"{name}.jsonl").write_text(lines)
    return names
