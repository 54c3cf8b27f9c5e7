"""What other settings a finished run can answer for from what it stored, and what needs a run."""

from __future__ import annotations

from curate.duplicates.config import Duplicates, Near


def needs_run(stored: Duplicates, wanted: Duplicates) -> str | None:
    """Why the duplicates of a run cannot be decided again under other settings; None where they can.

    Stored are the groups of equal fingerprints and the pairs above the run's own thresholds: what asks for fewer of
    them, or for other survivors, needs no search. (Pairs that no band had proposed were added where the run's threshold
    had joined three documents or more: a run of its own at a higher threshold may lack some of these.)
    """
    for name in ("lines", "paragraphs", "substrings", "min_left_chars", "index"):
        if getattr(stored, name) != getattr(wanted, name):
            return f"duplicates.{name} changes the texts or what they are compared with"
    compared = ("text", "url", "near")
    if stored.index is not None and any(getattr(stored, name) != getattr(wanted, name) for name in compared):
        return "of what the index holds, only the best match of each document is stored"
    if (wanted.text and not stored.text) or (wanted.url and not stored.url):
        return "the run did not compare normalised texts or addresses"
    return _near(stored.near, wanted.near)


def _near(stored: Near, wanted: Near) -> str | None:
    if not wanted.enabled:
        return None
    if not stored.enabled:
        return "the run looked for no near duplicates"
    for name in Near.model_fields:
        if name not in ("enabled", "threshold", "containment") and getattr(stored, name) != getattr(wanted, name):
            return f"duplicates.near.{name} changes the signatures"
    if wanted.threshold < stored.threshold:
        return f"the run kept no pairs below {stored.threshold}"
    if wanted.containment is not None and (stored.containment is None or wanted.containment < stored.containment):
        return "the run kept no pairs of so small a containment"
    return None
