"""From an item's answers to its scores. What cannot be scored has a reason and no number: it is never a 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from evalkit.models.types import Generated, Likelihood, Rolled
from evalkit.tasks.items import Item
from evalkit.tasks.render import Rendered
from evalkit.tasks.schema import Task
from evalkit.tasks.tools import Tools

Answer = Likelihood | Rolled | list[Generated] | None


@dataclass(frozen=True, slots=True)
class Scored:
    """What an item's answers are worth.

    state: `scored`; `unscored` where the model said nothing that can be judged; `failed` where the item could not be
    asked or a request failed; with the reason. scores: by metric. weights: of the metrics that are ratios of sums.
    extracted: what of an output was taken for the answer. predicted: the choice, by likelihood or by what was said.
    """

    state: Literal["scored", "unscored", "failed"]
    reason: str | None = None
    scores: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    extracted: str | None = None
    predicted: int | None = None


def score(task: Task, item: Item, rendered: Rendered, answers: Sequence[Answer], tools: Tools | None = None) -> Scored:
    """The scores of one item from the answers to `rendered.asked`, in that order; None is an answer that is missing.

    tools: what tests of programs and scorers of harm need.
    """
    if rendered.problem is not None:
        return Scored("failed", rendered.problem)
    # Without a choice's likelihood in the neutral context, one metric is missing and not the item.
    problem = _failed(answers[: len(rendered.choices)] if task.formulation == "choice" else answers)
    if problem is not None:
        return Scored("failed", problem)
    if task.formulation == "choice":
        return _choice(task, item, rendered, [answer for answer in answers if isinstance(answer, Likelihood)])
    if task.formulation == "rolling":
        rolled = answers[0]
        assert isinstance(rolled, Rolled)
        return _rolling(task, rendered.prompts[0], rolled)
    from evalkit.tasks.outputs import score_outputs

    outputs = answers[0]
    assert isinstance(outputs, list)
    return score_outputs(task, item, outputs, tools)


def _failed(answers: Sequence[Answer]) -> str | None:
    for answer in answers:
        if answer is None:
            return "no answer"
        for each in answer if isinstance(answer, list) else [answer]:
            if each.error is not None:
                return each.error
        if isinstance(answer, list) and not answer:
            return "no answer"
        if isinstance(answer, Likelihood) and not math.isfinite(answer.logprob):
            return "a log-likelihood that is no finite number"
    return None


def _choice(task: Task, item: Item, rendered: Rendered, answers: Sequence[Likelihood]) -> Scored:
    """The metrics of choices, as lm-eval 0.4.13 has them where it has them (task.py, process_results)."""
    from evalkit.statistics.calibration import probabilities  # numba and scipy, for which a list of tasks does not wait

    many = len(rendered.choices)
    logprobs = np.array([answer.logprob for answer in answers[:many]])
    tokens = np.array([answer.tokens for answer in answers[:many]], np.float64)
    gold = list(item.gold)
    chars, size = np.array(rendered.chars, np.float64), np.array(rendered.sizes, np.float64)
    likeliest = int(np.argmax(logprobs))
    right = max(gold, key=lambda index: logprobs[index])
    shares = probabilities(logprobs)
    scores: dict[str, float] = {}
    weights: dict[str, float] = {}
    for metric in task.metrics:
        match metric:
            case "acc":
                value = float(likeliest in gold)
            case "acc_norm":
                value = float(int(np.argmax(logprobs / chars)) in gold)
            case "acc_bytes":
                value = float(int(np.argmax(logprobs / size)) in gold)
            case "acc_token":
                value = float(int(np.argmax(logprobs / np.maximum(tokens, 1))) in gold)
            case "acc_mutual_info":
                if _failed(answers[many:]) is not None:
                    continue
                alone = np.array([answer.logprob for answer in answers[many:]])
                value = float(int(np.argmax(logprobs - alone)) in gold)
            case "acc_centered":
                # DCLM, eval/aggregated_metrics.py: chance is 0 and perfection 1.
                chance = len(set(gold)) / many
                value = 1.0 if chance == 1 else (float(likeliest in gold) - chance) / (1 - chance)
            case "greedy":
                value = float(any(answers[index].greedy for index in gold))
            case "brier":
                truth = np.zeros(many)
                truth[gold] = 1 / len(set(gold))
                value = float(np.sum((shares - truth) ** 2))
            case "norm_correct_prob":
                value = float(sum(shares[index] for index in sorted(set(gold))))
            case "correct_prob":
                value = float(np.exp(logprobs[right]))
            case "answer_bpb":
                value = float(-logprobs[right] / size[right] / math.log(2))
            case "perplexity":
                value = float(-logprobs[right])
            case "f1":
                # 2 TP / (2 TP + FP + FN): one sum over another.
                hit = likeliest == 1 and 1 in gold
                value = 2.0 * hit
                weights[metric] = float(likeliest == 1) + float(1 in gold)
            case _:
                raise AssertionError(metric)
        scores[metric] = value
    return Scored("scored", None, scores, weights, None, likeliest)


def _rolling(task: Task, text: str, rolled: Rolled) -> Scored:
    """Sums over a text, as lm-eval 0.4.13 has them: words are what `re.split` on white space gives."""
    import re

    total = -rolled.total
    weights = {
        "word_perplexity": float(len(re.split(r"\s+", text))),
        "byte_perplexity": float(len(text.encode("utf-8", "surrogatepass"))),
        "token_perplexity": float(len(rolled.logprobs)),
    }
    weights["bits_per_byte"] = weights["byte_perplexity"]
    if not len(rolled.logprobs):
        return Scored("unscored", "a text without tokens")
    return Scored("scored", None, dict.fromkeys(task.metrics, total), {each: weights[each] for each in task.metrics})
