"""What a line rule is, and the rules of other systems under their own names.

A rule selects lines by their shape, for a whole batch at once; where the shape does not settle the matter, `decide`
reads the line (without its citation marks, if those are edited) and answers with the stretches to cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.edits.config import LineRules
from curate.edits.lines.shape import Shape
from curate.edits.triggers import Bell
from curate.segment import Spans

Mask = NDArray[np.bool_]
Cuts = list[tuple[int, int]]


class Batch(NamedTuple):
    """The lines of a batch as the rules see them."""

    lines: Spans
    shape: Shape
    heard: NDArray[np.uint64]  # [lines] bits of the automaton

    def rung(self, bell: Bell) -> Mask:
        """The lines in which one of the bell's phrases occurs."""
        return (self.heard >> np.uint64(bell)) & np.uint64(1) != 0


class Rule(NamedTuple):
    """One line rule. `decide` None: every selected line goes."""

    kind: str
    select: Callable[[Batch], Mask]
    decide: Callable[[str], Cuts] | None = None
    strip: bool = True  # whether `decide` gets the line without the white space at its ends


def whole(line: str) -> Cuts:
    """The cut that removes the line."""
    return [(0, len(line))]


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
    ("javascript", "c4"): (lambda b: b.rung(Bell.JAVASCRIPT), _c4_javascript),
    ("policy", "c4"): (lambda b: b.rung(Bell.POLICY), _c4_policy),
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


@cache
def rules(config: LineRules) -> tuple[Rule, ...]:
    """The rules that are on, in the order in which they are asked; built once per process."""
    from curate.edits.lines import winnow

    on: list[Rule] = []
    for option in LineRules.model_fields:
        variant = getattr(config, option)
        if variant == "winnow":
            on += winnow.RULES[option]()
        elif variant != "off" and option != "whitespace":
            on.append(named(option, variant))
    return tuple(on)
