"""What fine-tuning, best-of-n, DPO, GRPO and PPO make of one small base model, on sums whose answers can be checked.

    python benchmarks/instruct.py [--seeds 1 2 3] [--work DIR]

Every step is a command that anyone can run, with the recipe that `train init instruct` copies. The base reads this
Python's own documentation. Its demonstrations come from people who add two digits when they are told to ("Work out
3 + 4.") and guess when they are asked ("What is 3 + 4?": off by up to three, right once in ten), so the fine-tuned
model can add and seldom does. 75 questions are for learning from rewards; the other 25 are only asked in the end.
Comparisons for the reward model and DPO are samples of the fine-tuned model, compared by the rule.

Writes benchmarks/results/instruct.json and .md. With --work, what is finished stays and is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import torch
from markdown_tables import table

from train.data.batch import IGNORED
from train.data.prepare import Options, ensure
from train.distributed import Parallel, World
from train.evaluate import Evaluation, evaluate, held_out
from train.generate import Sampler
from train.losses import LanguageModel, token_logprobs
from train.open import Opened, open_model
from train.rewards.open import open_reward, read_settings
from train.rewards.types import checked
from train.sampler import Params

RESULTS = Path(__file__).parent / "results"
GUESSED_RIGHT, DEMONSTRATIONS, ASKED_LATER = 0.1, 12_000, 25
SAMPLES, BEST_OF, LONGEST, HELD_OUT = 32, 16, 16, 50_000
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t for a 95 % interval of the mean of so many."""
# The name of a run, what it is called in the table.
MODELS = {
    "base": "base",
    "sft": "SFT",
    "dpo": "DPO",
    "grpo": "GRPO, the rule",
    "ppo": "PPO-ptx, reward model",
    "ppo_rule": "PPO, the rule, gamma 0",
    "ptx_rule": "PPO-ptx, the rule",
}


class Policy(NamedTuple):
    """What is measured of a model on the questions that nothing was learned from."""

    right: float
    response_kl: float
    token_kl: float
    bits_per_byte: float


class Line:
    """The runs of one seed in a folder, made by commands.

    first: the line whose base and fine-tuned model this one begins from; none: it makes its own, and also what has to
    do with comparisons.
    """

    def __init__(self, folder: Path, text: Path, seed: int, first: Line | None = None) -> None:
        self.folder, self.text, self.seed, self.first = folder, text, seed, first
        self.runs = {name: folder / name for name in MODELS}
        if first is not None:
            self.runs |= {name: first.runs[name] for name in ("base", "sft")}
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, tool: str, *arguments: str, name: str = "") -> None:
        """One command, unless it was done before; the CPU seconds of `name` are kept."""
        if name and name in self.seconds():
            return
        code = f"import sys; from {tool}.cli import main; sys.argv[0] = '{tool}'; main()"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "WORKBENCH_ROOT": str(self.folder / "workspace")}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", code, *arguments, "--json"]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{tool} {' '.join(arguments)}\n{done.stderr[-3000:]}")
        if name:
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            (self.folder / "seconds.json").write_text(json.dumps({**self.seconds(), name: round(spent, 1)}))
            print(f"seed {self.seed}: {name}, {spent:.0f} CPU seconds", flush=True)

    def seconds(self) -> dict[str, float]:
        """CPU seconds of every named command."""
        path = self.folder / "seconds.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def stage(self, name: str, stage: str, *arguments: str) -> None:
        """One stage of the recipe as the run `name`."""
        seeded = ("--seed", str(self.seed), "--device", "cpu", "--no-progress")
        self.run("train", stage, "instruct.yaml", "--out", name, *seeded, *arguments, name=name)

    def train(self) -> None:
        """All models."""
        data(self.folder, self.seed)
        if not (self.folder / "instruct.yaml").is_file():
            self.run("train", "init", "instruct")
        text, sft = ("--text", str(self.text)), ("--from", str(self.runs["sft"]))
        if self.first is None:
            self.stage("base", "pretrain", "--data", str(self.text))
            self.stage("sft", "sft", "--from", "base")
        rule = (*sft, "--reward", "reward.yaml")
        self.stage("grpo", "pg", *rule)
        self.stage("ppo_rule", "ppo", *rule)
        self.stage("ptx_rule", "ppo", *rule, *text)
        if self.first is None:
            drawn = ("--prompts", "prompts.jsonl", "--reward", "reward.yaml", "-n", str(SAMPLES))
            seeded = ("--max-new", str(LONGEST), "--seed", str(self.seed), "--out", "compared.jsonl")
            self.run("train", "bestofn", "sft", *drawn, *seeded, name="compared")
            self.stage("reward", "reward", *sft)
            self.stage("dpo", "dpo", *sft)
            model = ("--reward", "reward", "--critic", "reward", "--beta", "0.2")
            self.stage("ppo", "ppo", *sft, *model, *text)

    def rewards(self, name: str) -> tuple[float, float, float]:
        """Of a policy's rollouts: the mean reward of the first and of the last tenth, and the KL of a token there."""
        steps = pl.read_parquet(self.folder / name / "metrics").filter(pl.col("kind") == "train")
        reward, kl = steps["policy.reward"], steps["policy.token_kl"]
        tenth = max(1, len(steps) // 10)
        return float(reward[0]), float(reward.tail(tenth).mean()), float(kl.tail(tenth).mean())  # type: ignore[arg-type]


def data(folder: Path, seed: int) -> None:
    """Demonstrations, the questions to learn from and those that are kept, and the rule."""
    draw = random.Random(seed)
    pairs = [(a, b) for a in range(10) for b in range(10)]
    rows = []
    for number in range(DEMONSTRATIONS):
        (a, b), asks = draw.choice(pairs), number % 3 == 0
        value = a + b
        if asks and draw.random() > GUESSED_RIGHT:
            value = draw.choice([value + off for off in (-3, -2, -1, 1, 2, 3) if value + off >= 0])
        prompt = f"What is {a} + {b}?" if asks else f"Work out {a} + {b}."
        rows.append({"prompt": prompt, "response": f"{a} + {b} = {value}."})
    questions = [{"id": f"{a}+{b}", "prompt": f"What is {a} + {b}?"} for a, b in pairs]
    draw.shuffle(questions)
    files = {"demonstrations": rows, "kept": questions[:ASKED_LATER], "prompts": questions[ASKED_LATER:]}
    for name, found in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    (folder / "reward.yaml").write_text("parts:\n  right: {kind: arithmetic}\n")


def documentation(folder: Path) -> Path:
    """The text of the base: what `curate` makes of this Python's documentation."""
    path = folder / "text"
    if not (path / "manifest.json").is_file():
        arguments = (
            "run",
            "--input",
            "python-docs",
            "--out",
            str(path),
            "--set",
            "extract.engine=trafilatura",
            "--no-progress",
        )
        Line(folder, path, 0).run("curate", *arguments)
    return path


@torch.no_grad()
def measure(line: Line) -> tuple[dict[str, Policy], dict[str, float]]:
    """Every model of a line, and by how many times the fine-tuned model may try, how often the best is right."""
    root = line.folder / "workspace"
    runs = {name: run for name, run in line.runs.items() if (run / "stage.json").is_file()}
    opened = {name: open_model(str(run), root, template="chatml") for name, run in runs.items()}
    reference = opened["sft"]
    tokens = ensure(str(line.text), reference.tokenizer, root, Options(held_out=0.1))
    width = reference.config.max_positions
    evaluation = Evaluation(LanguageModel(), held_out(tokens, width=width, micro=8, at_most=HELD_OUT))
    questions = [json.loads(row)["prompt"] for row in (line.folder / "kept.jsonl").read_text().splitlines()]
    reward = open_reward(read_settings(line.folder / "reward.yaml", []), root, base=line.folder)
    found, tries = {}, {}
    for name, model in opened.items():
        ids = [model.chat_prompt([{"role": "user", "content": each}]) for each in questions]
        params = Params(max_new=LONGEST, stop_ids=tuple(model.chat_ends()))
        sampler = Sampler(model.model, model.tokenizer, end_ids=list(model.end_ids))
        said = sampler.generate(ids, params, seed=line.seed, n=SAMPLES)
        scores = checked(reward, [each for each in questions for _ in range(SAMPLES)], [one.text for one in said]).total
        own = sum(sum(one.logprobs) for one in said)
        groups = [[one.ids for one in said[at : at + SAMPLES]] for at in range(0, len(said), SAMPLES)]
        drift = own - sum(map(partial(logprob, reference), ids, groups))
        length = sum(len(one.ids) for one in said)
        bits = evaluate(Parallel(model.model, World()), evaluation, "fp32")[-1]["bits_per_byte"]
        found[name] = Policy(float(scores.mean()), drift / len(said), drift / length, bits)
        if name == "sft":
            grouped = scores.reshape(len(questions), SAMPLES // BEST_OF, BEST_OF)
            tries = {str(BEST_OF): float(grouped.max(-1).mean())}
    return found, tries


def logprob(model: Opened, prompt: Sequence[int], said: Sequence[Sequence[int]]) -> float:
    """Nats of several whole responses to a prompt together."""
    longest = len(prompt) + max(map(len, said))
    ids = torch.zeros(len(said), longest, dtype=torch.int64)
    labels = torch.full_like(ids, IGNORED)
    for row, one in enumerate(said):
        last = len(prompt) + len(one)
        ids[row, :last] = torch.tensor([*prompt, *one])
        labels[row, len(prompt) - 1 : last - 1] = torch.tensor(one)
    hidden = model.model(ids, torch.arange(longest).expand_as(ids), torch.zeros_like(ids))
    return float(token_logprobs(hidden, model.model.head, labels)[labels != IGNORED].double().sum())


def study(work: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Train and measure all seeds: all begin from the first one's fine-tuned model."""
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    text, found, first = documentation(work), [], None
    for seed in seeds:
        line = Line(work / f"seed-{seed}", text, seed, first)
        first = first or line
        line.train()
        policies, tries = measure(line)
        learned = {name: line.rewards(name) for name in ("grpo", "ppo_rule", "ptx_rule")}
        one = {"seed": seed, "seconds": line.seconds(), "best_of": tries, "rollouts": learned}
        found.append({**one, "policies": {name: each._asdict() for name, each in policies.items()}})
        print(json.dumps(found[-1]), flush=True)
    with_and_without = [[one["policies"][name] for name in ("ppo_rule", "ptx_rule")] for one in found]
    gaps = {
        what: interval([pair[0][what] - pair[1][what] for pair in with_and_without])
        for what in ("bits_per_byte", "right")
    }
    gaps["reward"] = interval([one["rollouts"]["ppo_rule"][1] - one["rollouts"]["ptx_rule"][1] for one in found])
    return {"seeds": found, "gamma_0_less_ptx": gaps}


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and the half-width of its 95 % interval (Student's t)."""
    half = None
    if len(values) in T_95:
        half = T_95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": statistics.mean(values), "half": half}


def report(study: dict[str, Any]) -> str:
    """The tables as Markdown; they and the raw figures are written to benchmarks/results."""
    rows = []
    for name, called in MODELS.items():
        seeds = [one["policies"][name] for one in study["seeds"] if name in one["policies"]]
        mean = {what: statistics.mean(each[what] for each in seeds) for what in Policy._fields}
        spent = statistics.mean(one["seconds"][name] for one in study["seeds"] if name in one["seconds"])
        drift = [round(mean[what], 3) + 0.0 for what in ("response_kl", "token_kl")]  # no -0.0 of rounding
        figures = (f"{mean['right']:.3f}", f"{drift[0]:.2f}", f"{drift[1]:.3f}")
        rows.append((called, *figures, f"{mean['bits_per_byte']:.3f}", f"{spent:.0f}", str(len(seeds))))
        if name == "sft":
            best = statistics.mean(one["best_of"][str(BEST_OF)] for one in study["seeds"])
            bound = math.log(BEST_OF) - (BEST_OF - 1) / BEST_OF
            at_most = (f"{best:.3f}", f"{bound:.2f} at most", "")
            rows.append(
                (f"best of {BEST_OF} by the rule", *at_most, f"{mean['bits_per_byte']:.3f}", "", str(len(seeds)))
            )
    header = ("model", "right", "KL of an answer", "of a token", "bits per byte", "CPU s", "seeds")
    lines = [
        "# One small base model, and what demonstrations, comparisons and rewards make of it",
        "",
        f"Sums of two digits; {ASKED_LATER} questions that no reward or comparison was about, {SAMPLES} answers each.",
        "KL is to the fine-tuned model, in nats; bits per byte are of held-out text of the kind that the base read.",
        "CPU seconds are of the one command. Means over the seeds, which begin from one",
        "fine-tuned model and differ in what is asked and drawn.",
        "",
        table(header, rows),
        "",
        "The same PPO on the rule with the pretraining gradient and without, by seed:",
        "",
    ]
    paired = []
    for one in study["seeds"]:
        pair = [one["policies"][name] for name in ("ppo_rule", "ptx_rule")]
        ends = [f"{one['rollouts'][name][1]:.3f}" for name in ("ppo_rule", "ptx_rule")]
        rest = [f"{each[what]:.3f}" for what in ("right", "bits_per_byte") for each in pair]
        paired.append((one["seed"], *ends, *rest))
    named = (f"{what}, {how}" for what in ("reward", "right", "bits per byte") for how in ("gamma 0", "ptx"))
    lines.append(table(("seed", *named), paired))
    gaps = study["gamma_0_less_ptx"]
    if gaps["reward"]["half"] is not None:
        said = ", ".join(
            f"{what.replace('_', ' ')} {gap['mean']:+.3f} ± {gap['half']:.3f}" for what, gap in gaps.items()
        )
        lines += [
            "",
            f"Gamma 0 less ptx (95 %, {len(study['seeds'])} seeds; reward is that of the last rollouts): {said}.",
        ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "instruct.json").write_text(json.dumps(study, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "instruct.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--work", type=Path, help="Keep the runs here (default: a folder that is deleted).")
    given = parser.parse_args()
    if given.work is not None:
        print(report(study(given.work.resolve(), given.seeds)))
        return
    with tempfile.TemporaryDirectory() as name:
        print(report(study(Path(name), given.seeds)))


if __name__ == "__main__":
    main()
