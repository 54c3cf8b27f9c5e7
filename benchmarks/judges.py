"""Recorded judgments of people and a model: how far they agree, and what order and length do to each.

    python benchmarks/judges.py [--data DIR]

PandaLM's human test set (999 pairs, three annotators each) with GPT-3.5's verdicts on the same pairs, and LLMBar (pairs
whose better answer is known), from `arena/` under WINNOW_SHARED_DATA or `../shared/data`. Items are clustered by
instruction. Writes benchmarks/results/judges.json and .md; what is not there is left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from markdown_tables import table

from evalkit.arena.agreement import cohen, krippendorff, with_interval
from evalkit.arena.ratings import Battles, fit
from evalkit.arena.style import differences, style
from evalkit.statistics.intervals import mean
from workbench.envelope import jsonable
from workbench.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
LLMBAR = ("natural", "adversarial-manual", "adversarial-gptout")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, compressed or not."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


def clustered(statistic: Callable[[Ints], float], clusters: Sequence[str]) -> dict[str, Any]:
    """A statistic of items, its interval by drawing whole clusters."""
    names = list(dict.fromkeys(clusters))
    place = {name: number for number, name in enumerate(names)}
    members: list[list[int]] = [[] for _ in names]
    for item, name in enumerate(clusters):
        members[place[name]].append(item)
    groups = [np.array(items) for items in members]
    found = with_interval(lambda drawn: statistic(np.concatenate([groups[one] for one in drawn])), len(groups))
    return {**found._asdict(), "n": len(clusters), "clusters": len(groups)}


def share(values: Sequence[float] | Floats, clusters: Sequence[str]) -> dict[str, Any]:
    """A mean of zeros and ones."""
    return asdict(mean(values, clusters, bounded=True))


def signs(votes: Floats) -> Ints:
    """-1, 0 or 1: the second, neither, the first."""
    return np.sign(votes - 0.5).astype(np.int64)


def preferences(votes: Floats, lengths: tuple[Ints, Ints], of: list[str]) -> dict[str, Any]:
    """How often the answer shown first wins, and the longer one; ties and equal lengths left out."""
    first, second = lengths
    decided = votes != 0.5
    longer = decided & (first != second)
    return {
        "first": share((votes[decided] == 1).astype(float), [of[one] for one in np.flatnonzero(decided)]),
        "longer": share(
            ((votes == 1) == (first > second))[longer].astype(float), [of[one] for one in np.flatnonzero(longer)]
        ),
    }


def pandalm(folder: Path) -> dict[str, Any]:
    """People and GPT-3.5 on the same pairs."""
    judged = {row["idx"]: str(row["gpt_result"]) for row in rows(folder / "pandalm-judge-gpt-3.5.jsonl.gz")}
    people = rows(folder / "pandalm-human-testset.jsonl.gz")
    said = {1: 1.0, 2: 0.0, 0: 0.5}
    ratings = np.array([[said[row[f"annotator{number}"]] for number in (1, 2, 3)] for row in people])
    majority = np.array([Counter(votes).most_common(1)[0][0] for votes in ratings.tolist()])
    model = np.array([{"1": 1.0, "2": 0.0, "Tie": 0.5}.get(judged[row["idx"]], np.nan) for row in people])
    of = [f"{row['instruction']}\n{row['input']}" for row in people]
    sizes = [np.array([len(str(row[f"response{number}"])) for row in people], np.int64) for number in (1, 2)]
    known = np.flatnonzero(np.isfinite(model))
    names = [of[one] for one in known]
    each = {}
    for number in range(3):
        one, rest = others(ratings, number)
        each[f"annotator {number + 1} with the majority of the others"] = agree(signs(one), signs(rest), of)
    lengths = (sizes[0][known], sizes[1][known])
    by_people, by_model = (preferences(votes[known], lengths, names) for votes in (majority, model))
    gaps = {
        "first": share_gap(majority[known], model[known], names),
        "longer": share_gap(chose_longer(majority[known], *lengths), chose_longer(model[known], *lengths), names),
    }
    return {
        "pairs": len(people),
        "instructions": len(set(of)),
        "without_verdict": int(np.isnan(model).sum()),
        "alpha": clustered(lambda items: krippendorff(ratings[items], "ordinal"), of),
        "annotators": each,
        "model": agree(signs(majority[known]), signs(model[known]), names),
        "people_prefer": by_people,
        "model_prefers": by_model,
        "gaps": gaps,
        "effect_of_length": {
            name: length_effect(people, votes, of) for name, votes in (("people", majority), ("model", model))
        },
    }


def others(ratings: Floats, number: int) -> tuple[Floats, Floats]:
    """One annotator's votes, and the mean of the others'."""
    return ratings[:, number], np.delete(ratings, number, 1).mean(1)


def agree(a: Ints, b: Ints, of: list[str]) -> dict[str, Any]:
    """Kappa and the share of equal verdicts (first, second, tie)."""
    return {
        "kappa": clustered(lambda items: cohen(a[items].tolist(), b[items].tolist()), of),
        "same": share((a == b).astype(float), of),
    }


def chose_longer(votes: Floats, first: Ints, second: Ints) -> Floats:
    """1 where the longer answer won, 0.5 for a tie or equal lengths."""
    won = np.where(first > second, votes, 1 - votes)
    return np.where(first == second, 0.5, won)


def share_gap(people: Floats, model: Floats, of: list[str]) -> dict[str, Any]:
    """Model less people, item by item."""
    return asdict(mean(model - people, of, bounded=False))


def length_effect(pairs: list[dict[str, Any]], votes: Floats, of: list[str]) -> dict[str, Any]:
    """What a standard deviation of relative length adds to the log odds of winning, the models' strengths held.

    Bradley-Terry over the models with one covariate, errors clustered by instruction.
    """
    kept = [number for number in range(len(pairs)) if np.isfinite(votes[number])]
    keys = [pairs[number]["cmp_key"].split("_") for number in kept]
    players = sorted({name for pair in keys for name in pair})
    number_of = {name: place for place, name in enumerate(players)}
    prompts = {name: place for place, name in enumerate(dict.fromkeys(of))}
    looks = [[style(str(pairs[number][f"response{side}"])) for number in kept] for side in (1, 2)]
    battles = Battles(
        np.array([number_of[left] for left, _ in keys]),
        np.array([number_of[right] for _, right in keys]),
        votes[kept],
        cluster=np.array([prompts[of[number]] for number in kept]),
        covariates=differences(*looks)[:, :1],
    )
    found = fit(battles, players)
    effect, error = float(found.effects[0]), float(np.sqrt(found.covariance[len(players), len(players)]))
    return {"value": effect, "low": effect - 1.96 * error, "high": effect + 1.96 * error, "n": len(kept)}


def llmbar(folder: Path, name: str) -> dict[str, Any]:
    """How far length alone finds the better answer, and where that stands."""
    pairs = rows(folder / f"llmbar-{name}.jsonl")
    votes = np.array([float(str(row["label"]) == "1") for row in pairs])
    sizes = [np.array([len(row[f"output_{number}"]) for row in pairs], np.int64) for number in (1, 2)]
    of = [row["input"] for row in pairs]
    ruler = np.where(sizes[0] == sizes[1], 0.5, (sizes[0] > sizes[1]).astype(float))
    return {
        "pairs": len(pairs),
        **preferences(votes, (sizes[0], sizes[1]), of),
        "kappa_of_length": clustered(
            lambda items: cohen(signs(votes)[items].tolist(), signs(ruler)[items].tolist()), of
        ),
    }


def told(estimate: dict[str, Any], factor: float = 100, sign: str = "") -> str:
    """A number with its interval."""
    value, low, high = (factor * estimate[end] for end in ("value", "low", "high"))
    digits = ".1f" if factor == 100 else ".2f"
    return f"{value:{sign}{digits}} ({low:{sign}{digits}} to {high:{sign}{digits}})"


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    parts = ["# Recorded judgments: agreement, order, length"]
    if "pandalm" in found:
        one = found["pandalm"]
        parts.append(
            f"## PandaLM: people and GPT-3.5\n\n{one['pairs']:,} pairs of answers to {one['instructions']:,} "
            f"instructions, three annotators each; {one['without_verdict']:,} of GPT-3.5's verdicts cannot be read and "
            f"are left out. Krippendorff's alpha of the annotators (ordinal): {told(one['alpha'], 1)}."
        )
        lines = [(name, told(row["kappa"], 1), told(row["same"])) for name, row in one["annotators"].items()]
        lines.append(("GPT-3.5 with the majority", told(one["model"]["kappa"], 1), told(one["model"]["same"])))
        parts.append(table(("who", "kappa (95 %)", "same verdict, %"), lines))
        people, model, gaps = one["people_prefer"], one["model_prefers"], one["gaps"]
        names = (("first", "the answer shown first"), ("longer", "the longer answer"))
        parts.append(
            table(
                ("wins, % of decided pairs", "majority of people", "GPT-3.5", "GPT-3.5 less people, points"),
                [(said, told(people[key]), told(model[key]), told(gaps[key], sign="+")) for key, said in names],
            )
            + "\n\nThe last column is over the same pairs item by item, a tie counted half."
        )
        effect = one["effect_of_length"]
        parts.append(
            "With the models' strengths held (Bradley-Terry), a standard deviation more of relative length adds to the "
            f"log odds of winning: people {told(effect['people'], 1, '+')}, GPT-3.5 {told(effect['model'], 1, '+')}."
        )
    if "llmbar" in found:
        sets = [
            (name, row["pairs"], told(row["first"]), told(row["longer"]), told(row["kappa_of_length"], 1))
            for name, row in found["llmbar"].items()
        ]
        header = ("set", "pairs", "better is shown first, %", "better is longer, %", "kappa of taking the longer")
        parts.append("## LLMBar: is the better answer the longer one?\n\n" + table(header, sets))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Compute what there is data for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data")) / "arena"
    parser.add_argument("--data", type=Path, default=default)
    folder = parser.parse_args().data
    found: dict[str, Any] = {}
    if (folder / "pandalm-human-testset.jsonl.gz").is_file():
        found["pandalm"] = pandalm(folder)
    if (folder / "llmbar-natural.jsonl").is_file():
        found["llmbar"] = {name: llmbar(folder, name) for name in LLMBAR}
    if not found:
        print(f"no recorded judgments under {folder}")
        return
    write_text(RESULTS / "judges.json", json.dumps(jsonable(found), indent=1, allow_nan=False) + "\n")
    write_text(RESULTS / "judges.md", markdown(found))
    print(markdown(found))


if __name__ == "__main__":
    main()
