"""The share of false finds that follows from what people say of pairs and hits."""

from __future__ import annotations

from collections import Counter, defaultdict

from dashboard import texts
from dashboard.ask import people

QUANTILE = 1.959964
"""Of the normal distribution, for intervals of 95 %."""


def share(run: str, about: str, wrong: str, what: str) -> None:
    """Of the judged finds of a run, how many people call wrong, with Wilson's interval; nothing before the first."""
    n, false, split = judged([(label.item, label.label) for label in people().labels(run, about)], wrong)
    if not n:
        texts.line(f"No {what} of this run have been judged yet.", soft=True)
        return
    from evalkit.statistics.intervals import wilson

    low, high = wilson(false / n, n, QUANTILE)
    even = f"; {split} more are judged both ways equally often" if split else ""
    texts.line(
        f"{false} of {n} judged {what} are '{wrong}': {100 * false / n:.1f} % "
        f"[{100 * low:.1f} %, {100 * high:.1f} %], Wilson's 95 % interval{even}. "
        "It speaks for all of them only where those that were judged were chosen blindly.",
        soft=True,
    )


def judged(labels: list[tuple[str, str]], wrong: str) -> tuple[int, int, int]:
    """Of (item, label): items with a majority, those of them that are `wrong`, and items without a majority."""
    by_item: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for item, label in labels:
        by_item[item][label == wrong] += 1
    decided = [counts for counts in by_item.values() if counts[True] != counts[False]]
    return len(decided), sum(counts[True] > counts[False] for counts in decided), len(by_item) - len(decided)
