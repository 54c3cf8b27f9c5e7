"""On real data, where a machine has it: the same text as the peer, and figures that must not fall."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from curate.edits import EditsConfig
from curate.edits.edit import edit

KEY = b"0123456789abcdef"
C4 = ("long_word", "few_words", "javascript", "policy", "whitespace")
TYPES = {
    "EMAIL_ADDRESS": {"email"},
    "PHONE_NUMBER": {"phone"},
    "IP_ADDRESS": {"ipv4", "ipv6"},
    "CREDIT_CARD": {"credit_card"},
    "IBAN_CODE": {"iban"},
    "US_SSN": {"us_ssn"},
}


def rows(path: Path) -> list[dict]:
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_the_text_of_datatrove_c4(shared_data: Path, configured: Callable[..., EditsConfig]) -> None:
    """Every page that the peer kept, character by character (terminal punctuation off, as its texts were made)."""
    config = configured(lines=dict.fromkeys(C4, "c4@datatrove"), citations="c4@datatrove")
    pages = rows(shared_data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst")
    kept = [page for page in pages if page["verdicts"]["c4_quality"]["keep"]]
    texts = edit([page["text"] for page in kept], [None] * len(kept), config, KEY).texts
    expected = [page["verdicts"]["c4_quality"]["text_after"] or page["text"] for page in kept]
    assert len(kept) > 2000
    assert [page["id"] for page, ours, theirs in zip(kept, texts, expected, strict=True) if ours != theirs] == []


# What the default settings reached; phone numbers that nothing names and no plan knows are the misses.
FLOORS = {
    "EMAIL_ADDRESS": (0.99, 0.99),
    "PHONE_NUMBER": (0.97, 0.80),
    "IP_ADDRESS": (0.99, 0.99),
    "CREDIT_CARD": (0.99, 0.97),
    "IBAN_CODE": (0.99, 0.99),
    "US_SSN": (0.99, 0.99),
}


def test_precision_and_recall(shared_data: Path) -> None:
    records = [record for path in sorted((shared_data / "pii").glob("*.jsonl.zst")) for record in rows(path)]
    config = EditsConfig.off().model_copy(update={"pii": EditsConfig().pii})
    changes = edit([record["full_text"] for record in records], ["en"] * len(records), config, KEY).edits
    found, gold, right, caught = Counter(), Counter(), Counter(), Counter()
    for change in changes:
        kind = next((kind for kind, ours in TYPES.items() if change.kind.removeprefix("pii:") in ours), None)
        spans = records[change.doc]["spans"]
        found[kind] += 1
        right[kind] += any(
            span["entity_type"] == kind and span["start_position"] < change.end and change.start < span["end_position"]
            for span in spans
        )
    for doc, record in enumerate(records):
        mine = [change for change in changes if change.doc == doc]
        for span in record["spans"]:
            kind = span["entity_type"]
            gold[kind] += 1
            caught[kind] += any(
                change.kind.removeprefix("pii:") in TYPES.get(kind, ())
                and span["start_position"] < change.end
                and change.start < span["end_position"]
                for change in mine
            )
    for kind, (precision, recall) in FLOORS.items():
        assert right[kind] / found[kind] >= precision, kind
        assert caught[kind] / gold[kind] >= recall, kind


@pytest.mark.parametrize("doc", [0, 1000, 3000])
def test_real_pages_edit_the_same_alone_and_together(shared_data: Path, doc: int) -> None:
    pages = rows(shared_data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst")[doc : doc + 50]
    texts = [page["text"] for page in pages]
    together = edit(texts, ["en"] * len(texts), EditsConfig(), KEY)
    assert together.texts == [edit([text], ["en"], EditsConfig(), KEY).texts[0] for text in texts]
