"""What of an output is its answer, and when two texts are the same."""

from __future__ import annotations

import string

import regex

from evalkit.tasks.schema import Extract, Normalise

PATTERN_S = 2.0
_ARTICLES = regex.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
_LETTER = r"(?:answer\s*(?:is|:)\s*\(?([A-Z])\b)|^\W*([A-Z])\b|\(([A-Z])\)|\b([A-Z])\b"


def extract(settings: Extract, output: str) -> str | None:
    """The answer in an output, None where there is none. Raises TimeoutError for a pattern that takes too long."""
    match settings.rule:
        case "whole":
            return output.strip() or None
        case "first-line":
            return next((line.strip() for line in output.splitlines() if line.strip()), None)
        case "letter":
            return _found(_LETTER, output, "first")
        case "last-number":
            return _found(_NUMBER, output, "last")
        case "code":
            from train.rewards.unittests import code_of

            return code_of(output) if output.strip() else None
    assert settings.pattern is not None
    return _found(settings.pattern, output, settings.which)


def _found(pattern: str, output: str, which: str) -> str | None:
    matches = list(regex.finditer(pattern, output, timeout=PATTERN_S))
    if not matches:
        return None
    match = matches[-1 if which == "last" else 0]
    groups = [group for group in match.groups() if group]
    return (groups[0] if groups else match[0]).strip() or None


def normalise(settings: Normalise, text: str) -> str:
    """The text as it is compared. `lower`, `punctuation` and `articles` together are SQuAD's rule."""
    for pattern in settings.remove:
        text = regex.sub(pattern, "", text, timeout=PATTERN_S)
    if settings.lower:
        text = text.lower()
    if settings.punctuation:
        text = text.translate(_PUNCTUATION)
    if settings.articles:
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split()) if settings.spaces else text
