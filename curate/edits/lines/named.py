"""The line rules of other systems under their own names, exact to the character."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curate.edits.lines.rule import Batch, Cuts, Mask, Rule, whole
from curate.edits.triggers import Bell

# C4 as datatrove (pipeline/filters/c4_filters.py) and as TFDS (tensorflow_datasets/text/c4_utils.py) write it. Both
# split by str.splitlines, strip each line, remove citation marks from it without stripping again, and then ask.

C4_LONGEST_WORD = 1000
C4_POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def _c4_terminal(marks: tuple[str, ...]) -> Callable[[str], Cuts]:
    def decide(line: str) -> Cuts:
        return [] if line.endswith(marks) and not line.endswith("...") else whole(line)

    return decide


def _c4_words_after_marks(line: str) -> Cuts:
    return whole(line) if len(line.split()) < 5 else []


def _c4_javascript(line: str) -> Cuts:
    return whole(line) if "javascript" in line.lower() else []


def _c4_policy(line: str) -> Cuts:
    lower = line.lower()
    return whole(line) if any(phrase in lower for phrase in C4_POLICY) else []


# RefinedWeb as DCLM writes it (baselines/mappers/modifiers.py and dclm_baseline_refinedweb.yaml). Lines are split at
# "\n" and not stripped; empty ones stay.

DCLM_COUNTER = re.compile(
    r"\W*\d[,.\d]*[kmb]?\s+"
    r"(?:likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers)\W*"
)
# The dots of "Read more..." match any character there, so here too.
DCLM_CUTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"\s?(?:items in cart)", r"\s?(?:Read more...)$", r"^(?:Sign-in)\s?")
)
DCLM_SHORT = 10


def _dclm_counter(line: str) -> Cuts:
    return whole(line) if DCLM_COUNTER.fullmatch(line.lower()) else []


def _dclm_navigation(line: str) -> Cuts:
    left = list(range(len(line)))  # positions that are still there
    for pattern in DCLM_CUTS:
        shown = "".join(line[at] for at in left)
        for found in reversed(list(pattern.finditer(shown))):
            del left[found.start() : found.end()]
    if not "".join(line[at] for at in left).strip():
        return whole(line)
    gone = sorted(set(range(len(line))) - set(left))
    edges = [at for at in gone if at - 1 not in gone], [at + 1 for at in gone if at + 1 not in gone]
    return list(zip(*edges, strict=True))


def _width(batch: Batch) -> NDArray[np.int64]:
    return batch.lines.end - batch.lines.begin


NAMED: dict[tuple[str, str], Callable[[Batch], Mask] | tuple[Callable[[Batch], Mask], Callable[[str], Cuts]]] = {
    ("long_word", "c4"): lambda b: b.shape.longest > C4_LONGEST_WORD,
    ("no_terminal_punctuation", "c4@datatrove"): (
        lambda b: b.shape.words >= 0,
        _c4_terminal((".", "?", "!", '"', "'")),
    ),
    ("no_terminal_punctuation", "c4@tfds"): (lambda b: b.shape.words >= 0, _c4_terminal((".", "?", "!", '"'))),
    # datatrove counts the words before it removes the citation marks, TFDS after.
    ("few_words", "c4@datatrove"): lambda b: b.shape.words < 3,
    ("few_words", "c4@tfds"): (lambda b: b.shape.words >= 0, _c4_words_after_marks),
    # A mark that is removed may stand inside of the word.
    ("javascript", "c4"): (lambda b: b.rung(Bell.JAVASCRIPT) | b.rung(Bell.CITATION), _c4_javascript),
    ("policy", "c4"): (lambda b: b.rung(Bell.POLICY) | b.rung(Bell.CITATION), _c4_policy),
    ("uppercase", "refinedweb@dclm"): lambda b: 2 * b.shape.upper > _width(b),
    ("digits", "refinedweb@dclm"): lambda b: (b.shape.digits == _width(b)) & (_width(b) > 0),
    ("counter", "refinedweb@dclm"): (lambda b: b.shape.digits > 0, _dclm_counter),
    ("one_word", "refinedweb@dclm"): lambda b: (b.shape.words < 2) & (_width(b) > 0),
    ("navigation", "refinedweb@dclm"): (
        lambda b: (b.shape.words <= DCLM_SHORT) & (_width(b) > 0),
        _dclm_navigation,
    ),
}


def named(option: str, variant: str) -> Rule:
    """A rule of another system. Where datatrove and TFDS agree, both names give the same rule."""
    found = NAMED.get((option, variant)) or NAMED[option, variant.split("@")[0]]
    kind = f"line:{option}"
    strip = not variant.startswith("refinedweb")
    return Rule(kind, *found, strip=strip) if isinstance(found, tuple) else Rule(kind, found)
