"""The evaluations of the demo: tasks, perplexity, contamination, a judge, an arena with simulated voters, reports."""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl

from dashboard.demo import spoken
from dashboard.demo.workshop import ROOT, Workshop
from workbench.people import Label, Note, People, Vote

ANSWERING = ("chat", "chat-dpo", "chat-grpo")
RATERS = {"ann": 0.95, "ben": 0.9, "cem": 0.85, "dot": 0.6}
"""How often each of the simulated voters looks at the answers at all."""
SAID = "2026-11-12T15:00:00.000Z"
"""When labels and remarks were given."""


def make(shop: Workshop) -> None:
    """All of them."""
    _evaluated(shop)
    _contaminated(shop)
    _judged(shop)
    _voted(shop)
    if not (shop.folder / "merged").is_dir():
        shop.run("train", "merge", f"{ROOT}/chat-grpo", "--out", "merged")
    shop.call([sys.executable, "-m", "dashboard.demo.nights", ROOT])
    _labelled(shop)


def _evaluated(shop: Workshop) -> None:
    """Models on the package's small tasks, and on three of the demo's own; and on held-out text."""
    shop.write("politeness.jsonl", spoken.questions())
    shop.write("naming.jsonl", spoken.naming())
    known = ("--data", "passages=benchmarks/passages.jsonl")
    own = ("--data", "politeness=politeness.jsonl", "--data", "naming=naming.jsonl")
    for model in ("base-1", "base-2", "base-3", "chat", "chat-grpo"):
        asked = ("run", "-m", f"{ROOT}/{model}", "--no-cache", "--no-progress")
        small = ("--tasks", "winnow-small,passages.yaml", "--limit", "80", *known)
        shop.run("evalkit", *asked, *small, out=f"small-{model}")
        if model not in ("base-1", "base-3"):
            tasks = ("--tasks", "politeness.yaml,naming.yaml", "--presets", "all", *own)
            shop.run("evalkit", *asked, *tasks, out=f"politeness-{model}")
    tokens = next(shop.root.glob("train.tokens-*")).name
    models = [part for model in ("base-1", "base-2", "base-3") for part in ("-m", f"{ROOT}/{model}")]
    shop.run("evalkit", "perplexity", *models, "--data", f"{ROOT}/{tokens}", "--no-progress", out="held-out")


def _contaminated(shop: Workshop) -> None:
    """What the models read of what they are asked."""
    for model in ("base-2", "chat"):
        shop.run("evalkit", "contamination", "known", f"{ROOT}/small-{model}", "--no-progress", out=f"known-{model}")
    order = ("order", "-m", f"{ROOT}/chat", "--data", "demonstrations.jsonl", "--field", "response", "--limit", "200")
    small = ("--shards", "10", "--permutations", "40", "--no-progress")
    shop.run("evalkit", "contamination", *order, *small, out="order")
    read = _openings(shop, "clean/documents")
    shop.write("read.jsonl", ({"text": text} for text in sorted(read)))
    shop.write("left.jsonl", ({"text": text} for text in sorted(_openings(shop, "clean/dropped") - read)))
    sides = ("--in", "read.jsonl", "--not-in", "left.jsonl", "--no-progress")
    shop.run("evalkit", "contamination", "membership", "-m", f"{ROOT}/base-2", *sides, out="membership")


def _openings(shop: Workshop, table: str) -> set[str]:
    """How the texts of a table begin."""
    texts = pl.read_parquet(shop.root / table)["text"].to_list()
    return {text[:600] for text in texts if len(text) > 200}


def _judged(shop: Workshop) -> None:
    """What three models answer, and which answers the reward model prefers."""
    asked = [f"{one}" for one in spoken.prompts()] + [f"{one} Now." for one in spoken.prompts()]
    shop.write("asked.jsonl", ({"prompt": one} for one in asked))
    for model in ANSWERING:
        said = shop.folder / f"said-{model}.jsonl"
        how = ("--file", "asked.jsonl", "--chat", "--max-new", "24", "--template", "chatml", "--seed", "5")
        shop.run("train", "generate", f"{ROOT}/{model}", *how, "--out", said.name, "--no-progress")
        rows = [json.loads(line) for line in said.read_text("utf-8").splitlines()]
        answers = zip(asked, rows, strict=True)
        one = ({"instruction": prompt, "output": row["text"], "generator": model} for prompt, row in answers)
        shop.write(f"answers-{model}.jsonl", one)
    for model in ANSWERING[1:]:
        pair = ("--outputs", f"answers-{model}.jsonl", "--baseline", "answers-chat.jsonl")
        shop.run("evalkit", "judge", *pair, "--reward", f"{ROOT}/reward", out=f"judged-{model}")


def _voted(shop: Workshop) -> None:
    """An arena of them, with the votes of four simulated people and of the reward model."""
    outputs = [part for model in ANSWERING for part in ("--outputs", f"answers-{model}.jsonl")]
    shop.run("evalkit", "arena", "pairs", *outputs, "-n", "60", out="arena")
    votes = ("--reward", f"{ROOT}/reward", "--out", f"{ROOT}/arena.judge.jsonl")
    shop.run("evalkit", "arena", "judge", f"{ROOT}/arena", *votes)
    pairs = pl.read_parquet(shop.root / "arena" / "pairs")
    with People(shop.root) as people:
        if not people.votes("arena"):
            for vote in _votes(pairs):
                people.vote(vote)
    shop.run("evalkit", "arena", "board", f"{ROOT}/arena")


def _votes(pairs: pl.DataFrame) -> Iterator[Vote]:
    """About 150 votes: each voter sees some pairs, likes what is polite, and takes longer over longer answers."""
    draw = random.Random(7)
    for name, care in RATERS.items():
        moment = datetime(2026, 11, 2, 9, 0, tzinfo=UTC) + timedelta(days=len(name) + draw.randrange(3))
        for row in pairs.iter_rows(named=True):
            if draw.random() > 0.63:
                continue
            liked = [_polite(row["output_a"]), _polite(row["output_b"])]
            strength = liked[0] - liked[1] + draw.gauss(0, 0.4)
            choice = "tie" if abs(strength) < 0.25 else "a" if strength > 0 else "b"
            if not any(liked) and draw.random() < 0.3:
                choice = "both_bad"
            if draw.random() > care:
                choice = draw.choice(("a", "b", "tie", "both_bad", "skip"))
            seconds = round(math.exp(draw.gauss(0.9, 0.4)) + 0.05 * len(row["output_a"] + row["output_b"]), 1)
            moment += timedelta(seconds=seconds + 1)
            time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            left, reason = draw.choice("ab"), "cannot tell" if choice == "skip" else ""
            yield Vote("arena", row["id"], name, choice, left, seconds, reason, time)  # type: ignore[arg-type]


def _polite(text: str) -> bool:
    return any(word in text.lower() for word in ("please", "gladly", "pleasure"))


def _labelled(shop: Workshop) -> None:
    """Labels on documents near a rule's threshold, and two remarks."""
    rows = pl.read_parquet(shop.root / "crawl" / "decisions").filter(pl.col("rule").is_not_null()).sort("id")
    draw = random.Random(9)
    with People(shop.root) as people:
        if people.labels("crawl"):
            return
        for row in rows.filter(pl.col("step").is_in(["gopher", "c4", "fineweb", "lexicon"])).iter_rows(named=True):
            for rater in ("ann", "ben"):
                label = "bad" if draw.random() < 0.8 else "good"
                people.label(Label("crawl", row["id"], f"rule:{row['rule']}", rater, label, SAID))
        people.note(Note("crawl", rows["id"][0], "ann", "Is this page really a redirect?", SAID))
        learned = "It has learned one answer by heart: see the rollouts at the end."
        people.note(Note("chat-grpo", "", "ben", learned, SAID))
