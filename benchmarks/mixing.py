"""Mixing: how near the regression comes to a known optimum, and how near a sample to its plan.

    python benchmarks/mixing.py [--seeds 4] [--documents 1000000]

Writes benchmarks/results/mixing.json and the tables of docs/mixing.md. Nothing is downloaded and no data is needed: the
surfaces are formulas whose best mixture is known, the documents are drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.mix.groups import Documents
from curate.mix.plan import make
from curate.mix.recipe import MixFile, MixRecipe
from curate.mix.regression import solve

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "curate" / "mix"))
from surfaces import SURFACES, trials  # noqa: E402

BEGIN, END = "<!-- written by python benchmarks/mixing.py; do not edit -->", "<!-- end of what was written -->"
GROUPS = (3, 5, 8)
NOISE = (0.0, 0.005, 0.02)
METHODS: dict[str, dict[str, Any]] = {
    "natural": {},
    "temperature": {"temperature": 0.3},
    "unimax": {},
    "curve": {"curve": {"measure": "quality"}},
}


def search(surface: str, groups: int, noise: float, seeds: int) -> dict[str, Any]:
    """How far above the best loss the found mixtures are, and the best of the 64 trials, in per cent of the best."""
    found, tried, inside, seconds, ranks = [], [], [], [], []
    for seed in range(seeds):
        random = np.random.default_rng([seed, groups])
        loss, best = SURFACES[surface](groups, random)
        table = trials(loss, groups, random, noise)
        began = time.perf_counter()
        answer = solve(table, bootstraps=20, seed=seed)
        seconds.append(time.perf_counter() - began)
        reached = float(loss(answer.weights[None, :])[0])
        found.append(100 * (reached / best - 1))
        tried.append(100 * (float(loss(table.weights[[table.values.argmin()]])[0]) / best - 1))
        inside.append(answer.predicted_low <= reached <= answer.predicted_high)
        ranks.append(answer.qualities[0].rank_correlation)
    return {
        "surface": surface,
        "groups": groups,
        "noise_percent": 100 * noise,
        "found_mean": float(np.mean(found)),
        "found_worst": float(np.max(found)),
        "within_2_percent": int(np.sum(np.array(found) <= 2)),
        "searches": seeds,
        "best_trial_mean": float(np.mean(tried)),
        "rank_correlation": float(np.mean(ranks)),
        "in_interval": int(np.sum(inside)),
        "seconds": float(np.median(seconds)),
    }


def sample(method: str, settings: dict[str, Any], frame: pl.DataFrame) -> dict[str, Any]:
    """Time, and the tokens that were wanted and taken, for documents of 50 groups of very different sizes."""
    recipe = MixRecipe.model_validate(
        {"by": ["domain"], "method": method, "tokens": int(frame["tokens"].sum() * 0.7), **settings}
    )
    began = time.perf_counter()
    plan = make(Documents(frame, MixFile(recipe, (), Path())))
    seconds = time.perf_counter() - began
    (phase,) = plan.phases
    off = (phase.groups["tokens_taken"] - phase.groups["tokens_wanted"]).abs()
    counted = int((phase.copies * frame["tokens"].to_numpy()).sum())
    return {
        "method": method,
        "documents": frame.height,
        "groups": phase.groups.height,
        "wanted": phase.budget,
        "taken": int(phase.groups["tokens_taken"].sum()),
        "counted_again": counted,
        "worst_group_off": float(off.max()),
        "longest_document": int(frame["tokens"].max()),
        "seconds": seconds,
    }


def documents(count: int) -> pl.DataFrame:
    """Documents of 50 groups whose sizes fall as a power, lengths lognormal."""
    random = np.random.default_rng(0)
    group = np.minimum(random.zipf(1.4, count), 50)
    return pl.DataFrame(
        {
            "id": [f"{number:032x}" for number in range(count)],
            "tokens": np.exp(random.normal(6, 1.2, count)).astype(np.int64) + 1,
            "domain": pl.Series(group).cast(pl.String),
            "quality": random.random(count),
        }
    )


def report(searches: list[dict[str, Any]], samples: list[dict[str, Any]]) -> str:
    lines = [
        "| surface | groups | noise % | found, above best % | worst % | within 2 % | best of the 64 trials % "
        "| rank correlation | interval holds | s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['surface']} | {row['groups']} | {row['noise_percent']:g} | {row['found_mean']:.2f} "
        f"| {row['found_worst']:.2f} | {row['within_2_percent']} of {row['searches']} | {row['best_trial_mean']:.2f} "
        f"| {row['rank_correlation']:.2f} | {row['in_interval']} of {row['searches']} | {row['seconds']:.1f} |"
        for row in searches
    ]
    lines += [
        "",
        "| method | documents | groups | tokens wanted | tokens taken | counted again | worst group off by "
        "| longest document | s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['method']} | {row['documents']:,} | {row['groups']} | {row['wanted']:,.0f} | {row['taken']:,} "
        f"| {row['counted_again']:,} | {row['worst_group_off']:,.0f} | {row['longest_document']:,} "
        f"| {row['seconds']:.1f} |"
        for row in samples
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--documents", type=int, default=1_000_000)
    options = parser.parse_args()
    frame = documents(options.documents)
    samples = [sample(method, settings, frame) for method, settings in METHODS.items()]
    searches = [search(name, groups, noise, options.seeds) for name in SURFACES for noise in NOISE for groups in GROUPS]
    found = {"searches": searches, "samples": samples}
    (ROOT / "benchmarks" / "results" / "mixing.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    page = ROOT / "docs" / "mixing.md"
    before, rest = page.read_text("utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{report(searches, samples)}\n\n{END}{rest.split(END)[1]}", "utf-8")
    print(report(searches, samples))


if __name__ == "__main__":
    main()
