"""Rules of instructions that anyone can check by reading: lengths, words, forms.

The kinds are those of IFEval (Zhou et al. 2023, arXiv 2311.07911); names, wording and checks are our own. An item's
`rules` are objects with the rule's name under `rule` and its settings beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalkit.tasks.templates import TemplateProblem

_SENTENCE = re.compile(r"[^.!?]+[.!?]+(?=\s|$)|[^.!?\s][^.!?]*$")
_BULLET = re.compile(r"^[^\S\n]*[-*•] +\S", re.MULTILINE)
_NUMBERED = re.compile(r"^[^\S\n]*(\d{1,9})[.)] +\S", re.MULTILINE)
_FENCE = re.compile(r"^```(?:json)?\s*\n(.*?)\n?```$", re.DOTALL)


def kept(rules: Sequence[Mapping[str, Any]], answer: str) -> list[bool]:
    """Whether the answer keeps each rule. Raises TemplateProblem for a rule that does not exist or lacks a setting."""
    found = []
    for rule in rules:
        settings = {name: value for name, value in rule.items() if name != "rule"}
        check = RULES.get(str(rule.get("rule")))
        if check is None:
            raise TemplateProblem(f"no rule '{rule.get('rule')}'; known: {', '.join(RULES)}")
        try:
            found.append(bool(check(answer.strip(), **settings)))
        except TypeError:
            raise TemplateProblem(
                f"the rule '{rule['rule']}' does not take {', '.join(settings) or 'nothing'}"
            ) from None
    return found


def _between(value: int, least: int, most: int | None) -> bool:
    return value >= least and (most is None or value <= most)


def _words(answer: str, least: int = 0, most: int | None = None) -> bool:
    return _between(len(answer.split()), least, most)


def _sentences(answer: str, least: int = 0, most: int | None = None) -> bool:
    return _between(len(_SENTENCE.findall(answer)), least, most)


def _paragraphs(answer: str, least: int = 0, most: int | None = None) -> bool:
    return _between(sum(1 for part in re.split(r"\n\s*\n", answer) if part.strip()), least, most)


def _contains(answer: str, texts: Sequence[str], least: int = 1, most: int | None = None) -> bool:
    counts = [len(re.findall(rf"(?<!\w){re.escape(text)}(?!\w)", answer, re.IGNORECASE)) for text in texts]
    return all(_between(count, least, most) for count in counts)


def _letter(answer: str, letter: str, least: int = 0, most: int | None = None) -> bool:
    return _between(answer.lower().count(letter.lower()), least, most)


def _bullets(answer: str, least: int = 0, most: int | None = None) -> bool:
    return _between(len(_BULLET.findall(answer)), least, most)


def _numbered(answer: str, least: int = 0, most: int | None = None) -> bool:
    numbers = [int(number) for number in _NUMBERED.findall(answer)]
    return _between(len(numbers), least, most) and numbers == list(range(1, len(numbers) + 1))


def _json(answer: str, keys: Sequence[str] = ()) -> bool:
    fenced = _FENCE.match(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(keys) <= value.keys() if keys else isinstance(value, dict | list)


RULES: dict[str, Callable[..., bool]] = {
    "words": _words,
    "sentences": _sentences,
    "paragraphs": _paragraphs,
    "contains": _contains,
    "without": lambda answer, texts: not any(_contains(answer, [text]) for text in texts),
    "letter": _letter,
    "bullets": _bullets,
    "numbered": _numbered,
    "json": _json,
    "starts": lambda answer, text: answer.startswith(text),
    "ends": lambda answer, text: answer.endswith(text),
    "lower": lambda answer: any(map(str.isalpha, answer)) and answer == answer.lower(),
    "upper": lambda answer: any(map(str.isalpha, answer)) and answer == answer.upper(),
    "no-commas": lambda answer: "," not in answer,
    "quoted": lambda answer: len(answer) > 1 and answer[0] == '"' and answer[-1] == '"',
    "title": lambda answer: re.search(r"<<[^\n<>]+>>", answer) is not None,
    "placeholders": lambda answer, least: len(re.findall(r"\[[^\[\]\n]+\]", answer)) >= least,
    "one-of": lambda answer, texts: answer.rstrip(".") in texts,
}
