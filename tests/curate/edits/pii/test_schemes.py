"""Every national number in the data file has its validator and its patterns."""

from __future__ import annotations

from curate.edits.pii.national import scheme, scheme_count


def test_every_scheme_compiles() -> None:
    found = [scheme(number) for number in range(scheme_count())]
    assert len({one.name for one in found}) == len(found) > 50
