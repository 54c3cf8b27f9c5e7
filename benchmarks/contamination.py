"""Contamination: speed against real benchmarks, and precision and recall of every variant on labelled texts.

    python benchmarks/contamination.py

Real data is found by WINNOW_SHARED_DATA or in `../shared/data`. Speed: CPU milliseconds a document of the two looks,
one core, best of three rounds, texts of real pages against all items. Planted: 1,000 real questions of at least 13
words, drawn by a seed, put into as many real pages, in five states from verbatim to one word in six edited; a question
that several items have word for word is all of them. What else is found there is counted as wrong, although items of
one benchmark may share nearly all of their text; the pages without a question are taken to hold none.
Labelled: the invented corpus of the tests, ten seeds that no threshold was chosen on. Writes
benchmarks/results/contamination.json and .md.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DATA = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
VARIANTS = ("gpt3", "llama3", "longest", "winnow")
SEEDS = range(100, 110)
PLANTED = 1_000
BATCH = 256
ROUNDS = 3
RUN_MS = 3.6  # a record of a whole run with resiliparse: results/pipeline.md
STATES = {"verbatim": 0, "one word in 20": 20, "one word in 12": 12, "one word in 8": 8, "one word in 6": 6}

sys.path[:0] = [str(HERE.parent / "tests")]


def speed(texts: list[str], parts: list[Any]) -> dict[str, dict[str, float]]:
    """By variant: seconds to index the items, and CPU milliseconds a document."""
    from curate.contamination.match import Matcher
    from curate.contamination.variants import load_variant

    batches = [texts[begin : begin + BATCH] for begin in range(0, len(texts), BATCH)]
    found = {}
    for name in VARIANTS:
        Matcher.of(parts[:100], load_variant(name))  # compiles
        began = time.process_time()
        matcher = Matcher.of(parts, load_variant(name))
        index_s = time.process_time() - began
        first = second = float("inf")
        for _ in range(ROUNDS):
            began = time.process_time()
            seen = [matcher.see(batch) for batch in batches]
            counts = sum(matcher.count(one) for one in seen)
            looked = time.process_time()
            weights = matcher.weigh(counts, len(texts))
            hits = 0
            for batch, one in zip(batches, seen, strict=True):
                hits += int(
                    matcher.hits(one, weights, lambda rows, batch=batch: [batch[row] for row in rows]).hit.sum()
                )
            ended = time.process_time()
            first, second = min(first, looked - began), min(second, ended - looked)
        found[name] = {
            "index_s": index_s,
            "first_ms": 1e3 * first / len(texts),
            "second_ms": 1e3 * second / len(texts),
            "hits": hits,
        }
    return found


def planted(texts: list[str], parts: list[Any]) -> dict[str, Any]:
    """By variant: recall by state of the planted questions, and what was found in pages that hold none."""
    from contamination_score import score

    from curate.contamination.variants import load_variant

    chance = random.Random(1)
    able = [part for part in parts if part.kind == "question" and len(part.text.split()) >= 13]
    chosen = chance.sample(able, PLANTED)
    pages = list(texts)
    places = chance.sample(range(len(pages)), PLANTED)
    cases, holds = ["page without"] * len(pages), [set[int]() for _ in pages]
    states = list(STATES)
    twins: dict[str, set[int]] = {}
    for part in parts:
        if part.kind == "question":
            twins.setdefault(" ".join(part.text.lower().split()), set()).add(part.item)
    for number, (part, place) in enumerate(zip(chosen, places, strict=True)):
        state = states[number % len(states)]
        page, cut = pages[place], chance.randrange(len(pages[place]) + 1)
        pages[place] = f"{page[:cut]}\n\n{_edited(part.text, STATES[state], chance)}\n\n{page[cut:]}"
        cases[place] = state
        holds[place] = twins[" ".join(part.text.lower().split())]
    found = {}
    for name in VARIANTS:
        result = score(parts, pages, cases, holds, load_variant(name))
        found[name] = {
            "recall": {state: result.right[state] / (result.right[state] + result.missed[state]) for state in states},
            "precision": result.precision,
            "wrong_in_pages_with_another": sum(result.wrong[state] for state in states),
            "wrong_in_pages_without": result.wrong["page without"],
        }
    return found


def _edited(text: str, every: int, chance: random.Random) -> str:
    """One word in `every` dropped, exchanged or misspelt; a number stays."""
    words = text.split(" ")
    if every:
        able = [place for place, word in enumerate(words) if word and not any(map(str.isdigit, word))]
        for place in chance.sample(able, min(len(able), max(1, len(words) // every))):
            word = words[place]
            words[place] = chance.choice(["", "rather", word[:-1] + "x", word[::-1] + "s"])
    return " ".join(words)


def labelled() -> dict[str, Any]:
    """By variant: precision and recall over all seeds, and by case what was wrong or missed."""
    from contaminated_corpus import make
    from contamination_score import score

    from curate.contamination.variants import load_variant

    found = {}
    for name in VARIANTS:
        right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
        for seed in SEEDS:
            corpus = make(seed)
            texts, cases = [one.text for one in corpus.documents], [one.case for one in corpus.documents]
            result = score(corpus.parts, texts, cases, [set(one.holds) for one in corpus.documents], load_variant(name))
            right, wrong, missed = right + result.right, wrong + result.wrong, missed + result.missed
        found[name] = {
            "precision": right.total() / (right.total() + wrong.total()),
            "recall": right.total() / (right.total() + missed.total()),
            "wrong": dict(sorted(wrong.items())),
            "missed": dict(sorted(missed.items())),
        }
    return found


def main() -> None:
    from curate.contamination.items import parts_of, read_items

    document: dict[str, Any] = {"labelled": labelled()}
    lines = [
        f"# Contamination: the invented corpus of the tests, {len(SEEDS)} seeds",
        "",
        "| variant | precision | recall | wrong, by case | missed, by case |",
        "|---|---:|---:|---|---|",
    ]
    for name, row in document["labelled"].items():
        told = (", ".join(f"{case} {count}" for case, count in row[what].items()) for what in ("wrong", "missed"))
        lines.append(f"| {name} | {row['precision']:.3f} | {row['recall']:.3f} | {' | '.join(told)} |")
    if (DATA / "benchmarks").is_dir():
        import zstandard

        path = DATA / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
        items, suites = read_items([DATA / "benchmarks"])
        parts = parts_of(items)
        document |= {"speed": speed(texts, parts), "planted": planted(texts, parts)}
        lines += [
            "",
            f"# Speed: {len(texts):,} texts of real pages against {len(items):,} items, one core",
            "",
            f"{len(suites)} suites. Share: of the {RUN_MS} ms that a record of a run with resiliparse takes.",
            "",
            "| variant | index, s | first look, ms a document | second look | both | share | hits in the pages |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for name, row in document["speed"].items():
            both = row["first_ms"] + row["second_ms"]
            lines.append(
                f"| {name} | {row['index_s']:.1f} | {row['first_ms']:.3f} | {row['second_ms']:.3f} | {both:.3f} "
                f"| {100 * both / RUN_MS:.1f} % | {row['hits']} |"
            )
        lines += [
            "",
            f"# {PLANTED:,} real questions of 13 words or more planted in real pages",
            "",
            f"| variant | {' | '.join(STATES)} | wrong: pages with another item | wrong: pages without |",
            "|---|" + "---:|" * (len(STATES) + 2),
        ]
        for name, row in document["planted"].items():
            recalls = " | ".join(f"{row['recall'][state]:.3f}" for state in STATES)
            wrong = f"{row['wrong_in_pages_with_another']} | {row['wrong_in_pages_without']}"
            lines.append(f"| {name} | {recalls} | {wrong} |")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "contamination.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "contamination.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
