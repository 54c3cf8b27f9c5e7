"""How good a reward model is on pairs that it has not learnt from, whether its probabilities are true, and whether it
can be fooled by length or repetition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench import html, plots
from workbench.html import Html

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BINS = 10
_Z = 1.959964  # 95 % of a normal distribution


def calibration(chance: Floats, probability: Floats) -> dict[str, Any]:
    """Whether P(a > b) is true. chance: what the model says of the winners [pairs]; probability: what the raters do.

    Each pair is read from the side that the model prefers: `said` is the mean of what it says, `right` how often (or
    how probably) the raters agree, in ten bins from 0.5 to 1. `error`: the expected calibration error, the mean over
    pairs of |said - right| of their bins (Naeini et al. 2015).
    """
    said = np.maximum(chance, 1 - chance)
    right = np.where(chance > 0.5, probability, np.where(chance < 0.5, 1 - probability, 0.5))
    places = np.minimum(((said - 0.5) * 2 * BINS).astype(np.int64), BINS - 1)
    bins = []
    error = 0.0
    for number in range(BINS):
        inside = places == number
        count = int(inside.sum())
        row: dict[str, Any] = {"from": 0.5 + number / (2 * BINS), "to": 0.5 + (number + 1) / (2 * BINS), "pairs": count}
        if count:
            row |= {"said": float(said[inside].mean()), "right": float(right[inside].mean())}
            error += count / len(said) * abs(row["said"] - row["right"])
        bins.append(row)
    return {"bins": bins, "error": error if len(said) else None}


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `count`."""
    if not count:
        return 0.0, 1.0
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def correlation(first: Floats, second: Floats, groups: Ints | None = None) -> float | None:
    """Pearson's; with groups, of what is left when each group's mean is taken away. None where one does not vary."""
    if groups is not None:
        _, places = np.unique(groups, return_inverse=True)
        counts = np.bincount(places)
        first, second = (each - (np.bincount(places, each) / counts)[places] for each in (first, second))
    if len(first) < 2 or np.ptp(first) < 1e-12 or np.ptp(second) < 1e-12:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def repetition(text: str, words: int = 3) -> float:
    """The share of a text's runs of three words that stood in it before; 0 for a text that is too short for two."""
    parts = text.split()
    runs = [tuple(parts[at : at + words]) for at in range(len(parts) - words + 1)]
    return 1 - len(set(runs)) / len(runs) if len(runs) > 1 else 0.0


def measure(
    scores: Floats, pairs: Ints, probability: Floats, groups: Ints, lengths: Ints, texts: Sequence[str]
) -> dict[str, Any]:
    """The report's figures.

    scores: [responses, heads]. pairs: [pairs, 2], winner and loser. probability: of the winner [pairs]. groups: the
    prompt of each response. lengths: its tokens. texts: what it says.
    """
    score = scores.mean(1)
    winner, loser = pairs[:, 0], pairs[:, 1]
    gaps = scores[winner] - scores[loser]
    chance = (1 / (1 + np.exp(-gaps))).mean(1)
    gap = gaps.mean(1)
    right = (gap > 0) + 0.5 * (gap == 0)
    prompts = len(np.unique(groups[winner]))
    accuracy = _mean(right)
    longer, length_gap = lengths[winner] > lengths[loser], lengths[winner] - lengths[loser]
    differ = length_gap != 0
    model_longer = (np.sign(gap) * np.sign(length_gap) > 0) + 0.5 * (gap == 0)
    repeated = np.array([repetition(text) for text in texts], np.float64)
    within = groups.astype(np.int64)
    return {
        "prompts": prompts,
        "pairs": len(pairs),
        "accuracy": accuracy,
        # Pairs of one prompt hang together, so the interval counts prompts.
        "accuracy_interval": list(interval(accuracy, prompts)) if accuracy is not None else None,
        "raters_agree": _mean(probability),
        "loss": _mean(-probability * np.log(chance.clip(1e-12)) - (1 - probability) * np.log((1 - chance).clip(1e-12))),
        "mean_probability": _mean(chance),
        "calibration": calibration(chance, probability),
        "gap_histogram": _histogram(gap),
        "score_mean": _mean(score),
        "score_std": float(score.std()) if len(score) else None,
        "head_spread": _mean(scores.std(1, ddof=1)) if scores.shape[1] > 1 else None,
        "length": {
            "correlation": correlation(score, lengths.astype(np.float64)),
            "correlation_within_prompts": correlation(score, lengths.astype(np.float64), within),
            "model_prefers_longer": _mean(model_longer[differ]),
            "raters_prefer_longer": _mean(np.where(longer, probability, 1 - probability)[differ]),
            "accuracy_longer_is_better": _mean(right[differ & longer]),
            "accuracy_shorter_is_better": _mean(right[differ & ~longer]),
        },
        "repetition": {
            "mean": _mean(repeated),
            "correlation_within_prompts": correlation(score, repeated, within),
        },
    }


def page(data: Mapping[str, Any]) -> str:
    """The report as a page of its own."""
    found, signs = data["held_out"], data["held_out"]["length"]
    bins = [each for each in found["calibration"]["bins"] if each["pairs"]]
    rows = [[f"{each['from']:.2f} to {each['to']:.2f}", each["pairs"], each["said"], each["right"]] for each in bins]
    facts = [
        ["accuracy", _shown(found["accuracy"])],
        ["95 % interval", " to ".join(f"{end:.3f}" for end in found["accuracy_interval"] or [])],
        ["pairs", str(found["pairs"])],
        ["prompts", str(found["prompts"])],
        ["loss, nats a pair", _shown(found["loss"])],
        ["calibration error", _shown(found["calibration"]["error"])],
    ]
    hacking = [
        ["score with length, within prompts (correlation)", _shown(signs["correlation_within_prompts"])],
        ["the model prefers the longer", _shown(signs["model_prefers_longer"])],
        ["raters prefer the longer", _shown(signs["raters_prefer_longer"])],
        ["accuracy where the longer is better", _shown(signs["accuracy_longer_is_better"])],
        ["accuracy where the shorter is better", _shown(signs["accuracy_shorter_is_better"])],
        [
            "score with repetition, within prompts (correlation)",
            _shown(found["repetition"]["correlation_within_prompts"]),
        ],
        ["a response said twice scores higher than said once", _shown(data["doubled_wins"])],
    ]
    return html.page(
        "Reward model",
        html.section("Held-out pairs", html.table(["", "value"], facts)),
        html.section(
            "Are its probabilities true?",
            "Each pair from the side that the model prefers: how sure it says it is, and how often raters agree.",
            html.figure(picture(found)),
            html.table(["P(a > b)", "pairs", "said", "right"], rows),
        ),
        html.section("How far apart winners and losers score", html.figure(gaps(found))),
        html.section("Signs that it can be fooled", html.table(["", "value"], hacking)),
    )


def picture(found: Mapping[str, Any]) -> Html:
    """Bars: how often the model is right, by how sure it says it is."""
    bins = [each for each in found["calibration"]["bins"] if each["pairs"]]
    items = [(f"says {each['said']:.2f} ({each['pairs']} pairs)", float(each["right"])) for each in bins]
    return plots.bars(items, "how often the reward model is right, by how sure it says it is")


def gaps(found: Mapping[str, Any]) -> Html:
    """A histogram of score differences, winner minus loser."""
    drawn = found["gap_histogram"]
    return plots.histogram(drawn["edges"], drawn["counts"], label="score of the winner minus score of the loser")


def _histogram(gap: Floats) -> dict[str, Any]:
    widest = max(float(np.abs(gap).max()) if len(gap) else 0.0, 1e-6)
    counts, edges = np.histogram(gap, bins=24, range=(-widest, widest))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
