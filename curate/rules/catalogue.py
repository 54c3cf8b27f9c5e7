"""The measures a rule may name, and what kind of threshold each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from curate.edits.config import PiiActions
from curate.measures.registry import REGISTRY
from curate.rules.model import OFF, RuleBody
from workbench.errors import did_you_mean

Kind = Literal["number", "text"]

OPEN = ("lexicon.", "edits.pii_", "edits.harm_", "quality.", "domain.", "harm.", "tokens.")
"""How measures begin that the user's own lists, models and tokenizer add."""
VERSIONLESS = ("language", "url", "edits", "corpus", "quality", "domain", "harm", "tokens")
"""Families of the page, of the edits themselves, or of the text that the run stores: taken once, whichever text version
the others read."""
_FAMILIES = {name.split(".", 1)[0] for name in REGISTRY}
_HINT = "'off' switches the rule off"
_LANGUAGE: dict[str, Kind] = {
    "language.lang": "text",
    "language.score": "number",
    "language.runner_up": "text",
    "language.runner_up_score": "number",
}
_EDITS = (
    *(f"edits.pii_{name}" for name, field in PiiActions.model_fields.items() if field.annotation is not bool),
    "edits.lines_removed",
    "edits.words_removed_frac",
    "edits.chars_removed_frac",
)


def kinds() -> dict[str, Kind]:
    """Kind of threshold by measure name, for every measure of our own."""
    built_in: dict[str, Kind] = {
        name: "text" if measure.dtype == "string" else "number" for name, measure in REGISTRY.items()
    }
    return {**built_in, **_LANGUAGE, **dict.fromkeys(_EDITS, "number")}


def has_versions(measure: str) -> bool:
    """Whether a measure is one of ours that is taken of each text version by itself."""
    family = measure.split(".", 1)[0]
    return family in _FAMILIES and family not in VERSIONLESS


class Complaint(Exception):
    """What is wrong with a rule, at which of its fields, and a hint."""

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.field, self.message, self.hint = field, message, hint


def check(rule: RuleBody, known: Mapping[str, Kind]) -> None:
    """Raises Complaint when the measure is unknown, or the comparison or the threshold does not suit its kind.

    A measure of a family that is not ours is the user's; whether it is there is checked against the run's columns.
    """
    kind = known.get(rule.measure)
    family = rule.measure.split(".", 1)[0]
    if kind is None and family in _FAMILIES | set(VERSIONLESS) and not rule.measure.startswith(OPEN):
        raise Complaint("measure", f"no measure is named '{rule.measure}'", did_you_mean(rule.measure, known))
    if rule.text is not None and family in VERSIONLESS:
        raise Complaint("text", f"'{rule.measure}' is the same for every text version", "leave 'text' out")
    if kind is None or rule.threshold == OFF:
        return
    values = rule.threshold if isinstance(rule.threshold, tuple) else (rule.threshold,)
    wrong = [value for value in values if isinstance(value, str) != (kind == "text")]
    if wrong:
        wanted = "words" if kind == "text" else "numbers"
        raise Complaint("threshold", f"'{rule.measure}' is compared with {wanted}, got {wrong[0]!r}", _HINT)
    if kind == "text" and rule.drop_if in (">", ">=", "<", "<="):
        raise Complaint("drop_if", f"'{rule.measure}' is a word: '{rule.drop_if}' says nothing", "use in or not in")
