"""A workspace of full size on which the dashboard is measured: generated, seeded, and in the product's own formats.

    python benchmarks/dashboard_data.py --out big [--documents 1000000] [--items 200000] [--steps 100000] [--pairs 2000]

Runs: `crawl` (curate, `generated_crawl.py`) with an index of a sample, `mild` (`curate decide` of it: other
thresholds), `eval-a` and `eval-b` (two models on the same items), `long` (a training), `arena` with votes of people.
Everything is drawn after the runs of the demo (`dashboard --demo`), so nothing but this checkout is needed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/dashboard.py would stand for the package

import numpy as np
import polars as pl
import pyarrow as pa
from generated_crawl import Template, write_crawl

from dashboard.demo import unpack
from evalkit.arena.pairs import Pair, write_pairs
from evalkit.judge.outputs import Outputs
from evalkit.run.make import KIND
from evalkit.run.rows import ITEMS, SCHEMA, SCORES, SUMMARY, items_schema, read_summary, scores_schema
from evalkit.run.summarise import average, calibrated, estimates, groups, tally
from train.metrics import METRICS, SAMPLES, Growing
from workbench.envelope import jsonable
from workbench.files import write_text
from workbench.people import People, Vote
from workbench.runs import Run
from workbench.tables import ShardWriter, read_tables

MILDER = ("gopher.words_min=10", "gopher.top_3_gram=0.5", "gopher.top_4_gram=0.5")
TASKS, GROUPS, ROWS = 4, 20, 20_000
ABILITIES = {"eval-a": 0.30, "eval-b": 0.36}
"""How much a model knows, as a shift of every item's ease."""
METRIC_NAMES = ("acc", "acc_norm", "brier", "answer_bpb")


def write_evaluation(root: Path, name: str, like: dict[str, Any], items: int, seed: int) -> None:
    """One model's answers to `items` items of choices in four tasks, and their summary by evalkit's own functions."""
    recipe = json.dumps({"evaluation": {"model": name, "tasks": f"{TASKS} generated"}, "items": items, "seed": seed})
    with Run.create(root / name, KIND, recipe + "\n", root=root, force=True) as run:
        rng, ability = np.random.default_rng([seed, sum(name.encode())]), ABILITIES[name]
        with (
            ShardWriter(run.path / ITEMS, items_schema()) as written,
            ShardWriter(run.path / SCORES, scores_schema()) as scored,
        ):
            for task in range(TASKS):
                for begin in range(0, items // TASKS, ROWS):
                    count = min(ROWS, items // TASKS - begin)
                    rows, scores = _answers(task, begin, count, ability, seed, rng)
                    written.append(rows)
                    scored.append(scores)
        files = [
            file._replace(path=f"{writer.directory.name}/{file.path}")
            for writer in (written, scored)
            for file in writer.written
        ]
        summary = _summary(run.path, name, like)
        write_text(run.path / SUMMARY, json.dumps(jsonable(summary), indent=1, allow_nan=False) + "\n")
        counts = {key: sum(task[key] for task in summary["tasks"]) for key in ("items", "scored", "failed", "unscored")}
        run.finish(counts=counts, written=files)


def _answers(
    task: int, begin: int, count: int, ability: float, seed: int, rng: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    """ITEMS and SCORES of a stretch of a task. Questions and their ease are the same for every model."""
    same = np.random.default_rng([seed, task, begin])
    numbers = np.arange(begin, begin + count)
    gold, ease = same.integers(0, 4, count), same.normal(0, 1, count)
    logprobs = rng.gumbel(0, 1, (count, 4)) - 30
    logprobs[np.arange(count), gold] += ease + 2 * ability
    predicted = logprobs.argmax(1)
    shares = np.exp(logprobs - logprobs.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    right = (predicted == gold).astype(float)
    wanted = np.eye(4)[gold]
    chars = same.integers(4, 30, (count, 4))
    values = {
        "acc": right,
        "acc_norm": ((logprobs / chars).argmax(1) == gold).astype(float),
        "brier": ((shares - wanted) ** 2).sum(1),
        "answer_bpb": -(logprobs * wanted).sum(1) / (chars * wanted).sum(1) / math.log(2),
    }
    item = pl.Series([f"item-{number:06}" for number in numbers])
    named = pl.DataFrame({"item": item}).select(
        task=pl.lit(f"generated-{task + 1}"),
        preset=pl.lit("default"),
        item="item",
        group=pl.Series([f"subject {number % GROUPS + 1:02}" for number in numbers]),
        cluster=pl.Series([f"passage {number // 3}" for number in numbers]),
    )
    failed = rng.random(count) < 0.001
    shots = [_shots(group) for group in range(GROUPS)]
    asked = [f"Question {number}: which of the four stands for {number * 7919 % 10007}?\nAnswer:" for number in numbers]
    prompts = [[f"{shots[number % GROUPS]}{question}"] for number, question in zip(numbers, asked, strict=True)]
    choices = [[f"the answer {(number + place) * 31 % 997}" for place in range(4)] for number in numbers]
    rows = named.with_columns(
        evaluation=pl.format("{}-{}", item, pl.lit(f"{ability}")),
        row=pl.Series(numbers),
        file=pl.lit("generated.jsonl"),
        line=pl.Series(numbers + 1),
        state=pl.Series(np.where(failed, "failed", "scored")),
        reason=pl.Series(np.where(failed, "the model gave no answer", "")).replace("", None),
        prompts=pl.Series(prompts),
        choices=pl.Series(choices),
        gold=pl.Series(gold[:, None].tolist()),
        chars=pl.Series(chars.tolist()),
        bytes=pl.Series(chars.tolist()),
        tokens=pl.Series((chars // 4 + 1).tolist()),
        logprobs=pl.Series(logprobs.round(4).tolist()),
        greedy=pl.Series((logprobs > -29).tolist()),
        predicted=pl.Series(predicted),
        prompt_hash=pl.format("{}", item.hash(seed)),
        **{name: pl.lit(0, pl.Int64) for name in ("shots", "dropped", "cut")},
    )
    good = pl.Series(~failed)
    scores = pl.concat(
        [
            named.with_columns(metric=pl.lit(name), value=pl.Series(values[name]), weight=pl.lit(1.0)).filter(good)
            for name in METRIC_NAMES
        ]
    )
    return _shaped(rows, items_schema()), _shaped(scores, scores_schema())


def _shots(group: int) -> str:
    """Five examples, as long as those of real tasks: the same before every question of a subject."""
    lines = [
        f"Question {place} of subject {group + 1}: {'which of the four stands for it? ' * 5}" for place in range(5)
    ]
    return "".join(f"{line}\nAnswer: the answer {31 * place}\n\n" for place, line in enumerate(lines))


def _shaped(rows: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The rows as a table of evalkit's: its columns in its order, null where nothing was drawn."""
    table = rows.to_arrow()
    missing = pa.nulls
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else missing(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _summary(run: Path, name: str, like: dict[str, Any]) -> dict[str, Any]:
    """`summary.json` by the functions that evalkit makes it with; what is not counted is taken from another run's."""
    tasks = []
    for number in range(TASKS):
        here = pl.col("task") == f"generated-{number + 1}"
        items, scores = (read_tables(run / table).filter(here).collect() for table in (ITEMS, SCORES))
        told = {"task": f"generated-{number + 1}", "preset": "default", "title": f"Generated questions, {number + 1}"}
        counted = {"metrics": estimates(scores), "groups": groups(scores), "calibration": calibrated(items, scores)}
        tasks.append({**like["tasks"][0], **told, **tally(items), "requests": 4 * items.height, **counted})
    whole = average(tasks)
    model = {**like["model"], "name": name, "digest": name.encode().hex().ljust(64, "0")}
    return {"schema": SCHEMA, "model": model, "tasks": tasks, "averages": {"all": whole, "held_out": whole}}


def write_training(root: Path, like: Path, steps: int, seed: int) -> None:
    """A training of `steps` steps, evaluated a hundred times: a loss that falls by a power law, with spikes."""
    draw = np.random.default_rng(seed)
    recipe = (like / "recipe.yaml").read_text("utf-8") + f"# generated: {steps} steps, seed {seed}\n"
    with Run.create(root / "long", "train.pretrain", recipe, root=root, force=True) as run:
        metrics, samples = Growing(run.path / "metrics", METRICS), Growing(run.path / "samples", SAMPLES)
        noise, spikes = draw.normal(0, 0.03, steps), draw.random(steps) < 0.0005
        for step in range(1, steps + 1):
            loss = 1.9 + 6 * (step + 20) ** -0.35 + noise[step - 1] + 1.5 * spikes[step - 1]
            lr = 0.003 * min(step / (0.02 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps))
            speed = float(draw.normal(24_000, 600))
            row = {"step": step, "kind": "train", "part": "", "skipped": False, "loss": loss, "lr": lr}
            row |= {"grad_norm": float(draw.lognormal(-0.5, 0.3)), "weight": 16_384.0, "tokens": 16_384.0}
            metrics.append(row | {"seconds": 16_384 / speed, "wait_s": 0.001, "tokens_per_s": speed, "peak_share": 0.4})
            if step % max(steps // 100, 1) == 0:
                for part in ("wiki", "news", ""):
                    held = loss - noise[step - 1] + 0.05
                    measured = {"loss": held, "bytes": 1e6, "bits_per_byte": held / math.log(2) / 4.2, "weight": 2.5e5}
                    metrics.append({"step": step, "kind": "eval", "part": part, **measured})
                samples.append({"step": step, "prompt": "The harbour", "text": f" lay still at step {step}."})
        metrics.flush()
        samples.flush()
        run.finish(counts={"steps": steps, "tokens": 16_384 * steps})


def write_arena(root: Path, pairs: int, seed: int) -> None:
    """Pairs of six models' answers, and as many votes by twenty people."""
    draw = random.Random(seed)
    models = [f"model-{letter}" for letter in "abcdef"]
    outputs = [Outputs(model, {}, {}, Path(__file__)) for model in models]
    drawn = list(_pairs(draw, models, pairs))
    write_pairs(outputs, drawn, {"generated": pairs, "seed": seed}, root, out=root / "arena", force=True)
    with People(root) as people:
        for place, pair in enumerate(drawn):
            ahead = models.index(pair.model_a) - models.index(pair.model_b) + draw.gauss(0, 3)
            choice = "tie" if abs(ahead) < 0.5 else "a" if ahead > 0 else "b"
            seconds, moment = round(draw.lognormvariate(2, 0.5), 1), f"2026-10-{1 + place % 28:02}T12:00:00.000Z"
            vote = Vote("arena", pair.id, f"rater-{place % 20:02}", choice, draw.choice("ab"), seconds, "", moment)  # type: ignore[arg-type]
            people.vote(vote)


def _pairs(draw: random.Random, models: list[str], pairs: int) -> Iterator[Pair]:
    words = ["the", "harbour", "lamp", "keeper", "rows", "out", "past", "the", "bar", "and", "counts", "boats"]

    def said(model: str) -> str:
        return " ".join(draw.choice(words) for _ in range(draw.randrange(20, 200))) + f" ({model[-1] * 3})."

    for number in range(pairs):
        first, second = draw.sample(models, 2)
        yield Pair(f"pair-{number:06}", f"Question {number}: {said('who')}", first, second, said(first), said(second))


def write(root: Path, documents: int, items: int, steps: int, pairs: int, seed: int = 0) -> None:
    """The whole workspace; says what each part took."""
    with tempfile.TemporaryDirectory() as folder:
        demo = unpack(Path(folder))
        parts = {
            "crawl": lambda: write_crawl(root / "crawl", root, Template.of("crawl", demo), documents, seed),
            "mild": lambda: _decide(root),
            "evaluations": lambda: [
                write_evaluation(root, name, read_summary(demo / "small-chat"), items, seed) for name in ABILITIES
            ],
            "training": lambda: write_training(root, demo / "base-2", steps, seed),
            "arena": lambda: write_arena(root, pairs, seed),
            "index": lambda: _curate("index-text", str(root / "crawl"), "--root", str(root)),
        }
        for name, part in parts.items():
            began = time.monotonic()
            part()
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


def _decide(root: Path) -> None:
    sets = [word for one in MILDER for word in ("--set", one)]
    _curate("decide", str(root / "crawl"), *sets, "--out", str(root / "mild"), "--root", str(root), "--force")


def _curate(*arguments: str) -> None:
    code = "import sys; from curate.cli import main; sys.argv[0] = 'curate'; main()"
    subprocess.run([sys.executable, "-c", code, *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the workspace")
    for name, default in (("documents", 1_000_000), ("items", 200_000), ("steps", 100_000), ("pairs", 2_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    write(said.out, said.documents, said.items, said.steps, said.pairs, said.seed)


if __name__ == "__main__":
    main()
