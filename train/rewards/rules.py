"""Rewards that need nobody's judgement: every rule gives one number for a prompt and a response."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import regex

from train.reward.report import repetition as repeated
from train.rewards.arithmetic import evaluate, expression, number
from train.rewards.settings import Arithmetic, Exact, Format, Length, Regex, Repetition
from train.rewards.types import Prompt, PromptError, Scores, key, text_of

Rule = Callable[[Prompt, str], float]
_SPACES = regex.compile(r"\s+")
EXTRACT_S = 2.0


class RuleReward:
    """A rule as a reward."""

    def __init__(self, name: str, digest: str, rule: Rule) -> None:
        self.name, self.digest, self._rule = name, digest, rule

    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
        """The scores; PromptError where the rule cannot judge."""
        total = np.zeros(len(responses))
        for place, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            try:
                total[place] = self._rule(prompt, response)
            except (ValueError, TimeoutError) as error:
                raise PromptError(place, str(error)) from None
        return Scores(total, {})

    def close(self) -> None:
        """Nothing is held."""


def arithmetic(settings: Arithmetic) -> Rule:
    """Exact answers; a prompt without an expression is an error."""
    pattern = None if settings.expression is None else regex.compile(settings.expression)

    def score(prompt: Prompt, response: str) -> float:
        text = text_of(prompt)
        if pattern is None:
            found = expression(text)
        else:
            match = pattern.search(text, timeout=EXTRACT_S)
            found = None if match is None else match[1] if match.re.groups else match[0]
        if found is None:
            raise ValueError("the prompt holds no arithmetic expression")
        value, said = evaluate(found), number(response, settings.answer)
        return float(said is not None and abs(said - value) <= settings.tolerance)

    return score


def exact(settings: Exact, answers: Mapping[str, Sequence[str]]) -> Rule:
    """Known answers, by the key of the prompt; a prompt without one is an error."""
    pattern = None if settings.extract is None else regex.compile(settings.extract)

    def fold(text: str) -> str:
        return _SPACES.sub(" ", text).strip().casefold() if settings.fold else text

    def score(prompt: Prompt, response: str) -> float:
        known = answers.get(key(prompt))
        if known is None:
            raise ValueError(f"{settings.answers} holds no answer to the prompt")
        if pattern is not None:
            found = list(pattern.finditer(response, timeout=EXTRACT_S))
            if not found:
                return 0.0
            response = found[-1][1 if pattern.groups else 0] or ""
        return float(fold(response) in {fold(answer) for answer in known})

    return score


def matches(settings: Regex) -> Rule:
    """A pattern that is there, or is not."""
    pattern = regex.compile(settings.pattern)
    search = pattern.fullmatch if settings.whole else pattern.search

    def score(prompt: Prompt, response: str) -> float:
        try:
            found = search(response, timeout=settings.timeout_s) is not None
        except TimeoutError:
            raise ValueError(f"the pattern took more than {settings.timeout_s:g} s: make it simpler") from None
        return float(found == settings.wanted)

    return score


def length(settings: Length) -> Rule:
    """Neither too short nor too long."""

    def score(prompt: Prompt, response: str) -> float:
        size = len(response.split()) if settings.unit == "words" else len(response)
        if size < settings.least:
            return size / settings.least
        if settings.most is not None and size > settings.most:
            return max(0.0, 1.0 - (size - settings.most) / settings.most)
        return 1.0

    return score


def form(settings: Format) -> Rule:
    """What a response begins with, ends with, contains and does not."""

    def score(prompt: Prompt, response: str) -> float:
        met = [part in response for part in settings.contains]
        met += [part not in response for part in settings.excludes]
        if settings.starts is not None:
            met.append(response.startswith(settings.starts))
        if settings.ends is not None:
            met.append(response.endswith(settings.ends))
        if settings.json_object:
            met.append(_is_object(response))
        return sum(met) / len(met)

    return score


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def repetition(settings: Repetition) -> Rule:
    """Words that are said again."""

    def score(prompt: Prompt, response: str) -> float:
        return -repeated(response, settings.words)

    return score
