"""What the edits find in the true texts of the pages: every planted value, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from curate.edits import EditsConfig
from curate.edits.edit import edit
from curate.sample import Truth, truth

PAGES = [known for known in truth() if known.variant == "original" and known.text]
# A secret without a form of its own; only the name of the variable before it gives it away.
FORMLESS = {("apikeys", "api_key")}


@pytest.fixture(scope="module")
def found() -> list[tuple[Truth, list[tuple[str, str]]]]:
    texts = ["\n".join([*known.text, *(line for _, line in known.edits)]) for known in PAGES]
    made: list[list[tuple[str, str]]] = [[] for _ in PAGES]
    for one in edit(texts, [known.lang for known in PAGES], EditsConfig(), key=b"k" * 32).edits:
        made[one.doc].append((one.kind, texts[one.doc][one.start : one.end].strip()))
    return list(zip(PAGES, made, strict=True))


def test_planted_personal_data_is_found(found: list[tuple[Truth, list[tuple[str, str]]]]) -> None:
    missed = {
        (known.key, kind) for known, edits in found for kind, value in known.pii if (f"pii:{kind}", value) not in edits
    }
    assert missed <= FORMLESS


def test_nothing_else_is_taken_for_personal_data(found: list[tuple[Truth, list[tuple[str, str]]]]) -> None:
    for known, edits in found:
        planted = {(f"pii:{kind}", value) for kind, value in known.pii}
        assert {one for one in edits if one[0].startswith("pii:")} <= planted, known.key
        assert not {value for _, value in edits}.intersection(known.untouched)


def test_planted_lines_are_removed_by_the_rule_they_were_planted_for(
    found: list[tuple[Truth, list[tuple[str, str]]]],
) -> None:
    planted = [(known, edits) for known, edits in found if known.edits]
    assert planted
    for known, edits in planted:
        assert set(known.edits) <= set(edits), known.key
