"""What is known to be missing or uncertain in a data set, one sentence each, from the facts alone."""

from __future__ import annotations

from collections.abc import Iterator

from curate.card.facts import Facts
from curate.card.tables import UNKNOWN
from workbench.render import percent

_PATTERNS = "Personal data is found by patterns: names of people, postal addresses and indirect descriptions stay."
_TAGGED = "Names and addresses are found by a trained tagger, which misses some and takes other words for them."


def gaps(facts: Facts) -> list[str]:
    """All that applies."""
    return [*_records(facts), *_content(facts), *_duplicates(facts)]


def _records(facts: Facts) -> Iterator[str]:
    for gate in facts.handed_on.gates:
        yield f"A check of the run failed: {gate}."
    funnel = facts.funnel
    if funnel is not None and funnel.failed:
        yield f"Records that could not be read or extracted, and are missing: {funnel.failed:,} of {funnel.total:,}."
    if facts.totals.truncated:
        yield f"Documents cut short, by the crawler or by a limit on their size: {facts.totals.truncated:,}."
    if facts.handed_on.tokenizer is None:
        yield "Tokens are estimated; no tokenizer has counted them."
    unknown = sum(one.documents for one in facts.languages if one.name in (UNKNOWN, "und"))
    if unknown:
        yield f"Documents whose language is not known: {unknown:,}."
    nobody = next((one.documents for one in facts.licences if one.name == UNKNOWN), facts.totals.documents)
    if nobody and facts.totals.documents:
        yield f"For {percent(nobody / facts.totals.documents)} of the documents the licence of the source is not known."


def _content(facts: Facts) -> Iterator[str]:
    actions = pii_actions(facts)
    left = [kind for kind, action in actions.items() if action in ("off", "flag")]
    if left:
        yield f"Left in the texts: {', '.join(left)}."
    yield _PATTERNS if facts.settings.classify.pii is None else _TAGGED
    if not any(name.startswith("harm.") for name in facts.measures):
        yield "No classifier has looked for toxic, sexual or hateful content."
    if not any(name.startswith("quality.") for name in facts.measures):
        yield "No classifier has judged the quality of the texts; rules alone have."


def _duplicates(facts: Facts) -> Iterator[str]:
    config = facts.settings.duplicates
    if not config.documents:
        yield "Nobody looked for duplicate documents."
    elif not config.near.enabled:
        yield "Nobody looked for near-duplicates, only for the same text or address."
    if facts.items_left is None:
        yield "Nobody looked for items of benchmarks in the texts."
    elif facts.items_left:
        yield f"Items of benchmarks that were found in the texts, and not removed: {facts.items_left:,}."


def pii_actions(facts: Facts) -> dict[str, str]:
    """What is done with each kind of personal data."""
    edits = facts.settings.edits
    actions = {kind: action for kind, action in edits.pii.model_dump().items() if isinstance(action, str)}
    # What the tagger of the run has learned to find stands in its measures.
    counted = [name.removeprefix("edits.pii_") for name in facts.measures if name.startswith("edits.pii_")]
    return actions | {kind: edits.tagged.action for kind in counted if kind not in actions}
