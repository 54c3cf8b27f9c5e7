"""Scores of what a model wrote: extraction, then the task's metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from evalkit.models.types import Generated
from evalkit.tasks import phrases, rules, textual
from evalkit.tasks.extract import extract, normalise
from evalkit.tasks.items import Item
from evalkit.tasks.schema import Extract, Task
from evalkit.tasks.score import Scored
from evalkit.tasks.templates import LETTERS, TemplateProblem, render
from evalkit.tasks.tools import Tools

_WHOLE = {"": Extract(rule="whole")}


def score_outputs(task: Task, item: Item, outputs: Sequence[Generated], tools: Tools | None) -> Scored:
    """The scores of an item's outputs; a metric of one output is the mean over them."""
    if not any(output.text.strip() for output in outputs):
        return Scored("unscored", "the model said nothing")
    scores: dict[str, float] = {}
    shown: str | None = None
    for name, rule in (task.extract or _WHOLE).items():
        suffix = f"/{name}" if len(task.extract) > 1 else ""
        try:
            found = [extract(rule, output.text) for output in outputs]
            shown = next((each for each in found if each is not None), None) if shown is None else shown
            for metric in task.metrics:
                scores |= _values(metric, metric + suffix, task, item, found, tools)
        except TemplateProblem as error:
            return Scored("failed", str(error))
        except TimeoutError:
            return Scored("failed", f"the pattern of `extract` ({name or 'whole'}) takes too long on this output")
    return Scored("scored", None, scores, {}, shown, _choice(item, shown))


def _choice(item: Item, answer: str | None) -> int | None:
    """The index of the choice that an answer names, by its letter or its text."""
    listed = item.fields.get("choices")
    if answer is None or not isinstance(listed, list):
        return None
    if len(answer) == 1 and answer in LETTERS[: len(listed)]:
        return LETTERS.index(answer)
    return listed.index(answer) if answer in listed else None


def _values(
    metric: str, name: str, task: Task, item: Item, found: Sequence[str | None], tools: Tools | None
) -> dict[str, float]:
    """A metric over an item's answers; None is an output in which none was found."""
    if metric in _COMPARED:
        compare = _COMPARED[metric]
        return {name: _mean([0.0 if each is None else compare(task, item, each) for each in found])}
    assert tools is not None, f"{metric} needs tools"
    if metric == "pass_at_k":
        from evalkit.statistics.intervals import pass_at_k

        programs = [render(task.scoring.program, {**item.fields, "answer": each or ""}) for each in found]
        passed = sum(tools.passed(task.scoring, programs, item.tests))
        return {f"{name}/{k}": pass_at_k(len(found), passed, k) for k in task.scoring.k}
    harm = max(tools.harm(task.scoring, [each or "" for each in found]))
    return {name: harm if metric == "toxicity" else float(harm >= task.scoring.bound)}


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _exact(task: Task, item: Item, answer: str) -> float:
    said = normalise(task.normalise, answer)
    return float(any(said == normalise(task.normalise, right) for right in item.answers))


def _best(measure: Callable[[str, str], float]) -> Callable[[Task, Item, str], float]:
    def best(task: Task, item: Item, answer: str) -> float:
        said = normalise(task.normalise, answer)
        return max(measure(normalise(task.normalise, right), said) for right in item.answers)

    return best


def _keeps(task: Task, item: Item, answer: str) -> float:
    return _mean([float(kept) for kept in rules.kept(item.fields["rules"], answer)])


_COMPARED: dict[str, Callable[[Task, Item, str], float]] = {
    "exact_match": _exact,
    "token_f1": _best(textual.token_f1),
    "rouge1": _best(lambda right, said: textual.rouge_n(right, said, 1)),
    "rouge2": _best(lambda right, said: textual.rouge_n(right, said, 2)),
    "rougeL": _best(textual.rouge_l),
    "drop_em": lambda task, item, answer: textual.drop(item.fields["spans"], answer)[0],
    "drop_f1": lambda task, item, answer: textual.drop(item.fields["spans"], answer)[1],
    "refused": lambda task, item, answer: float(phrases.refuses(answer)),
    "over_refused": lambda task, item, answer: float(phrases.refuses(answer)),
    "abstained": lambda task, item, answer: float(phrases.abstains(answer) != bool(item.fields["exists"])),
    "instructions": _keeps,
    "all_instructions": lambda task, item, answer: float(_keeps(task, item, answer) == 1.0),
}
