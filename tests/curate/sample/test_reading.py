"""The sample through the ordinary reader: charsets, encodings, types and damage."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape

import pytest

from curate.sample import register_inputs, truth
from curate.sample.crawl import plan
from curate.sample.planted import Truth
from curate.sources import Record, plan_units, read_unit


@pytest.fixture(scope="module")
def reading() -> tuple[dict[tuple[str, int], Record], Counter[str]]:
    register_inputs()
    records: dict[tuple[str, int], Record] = {}
    skipped: Counter[str] = Counter()
    for unit in plan_units(["sample"]):
        reader = read_unit(unit)
        records |= {(record.id, record.row): record for record in reader}
        skipped += reader.counts.skipped
    return records, skipped


@pytest.fixture(scope="module")
def both(reading: tuple[dict[tuple[str, int], Record], Counter[str]]) -> dict[str, tuple[Truth, Record]]:
    return {known.key: (known, reading[0][known.id, known.row]) for known in truth()}


def test_every_record_is_read_once_and_nothing_else(
    reading: tuple[dict[tuple[str, int], Record], Counter[str]],
) -> None:
    records, skipped = reading
    assert set(records) == {(known.id, known.row) for known in truth()}
    assert set(skipped) == {"warcinfo", "request", "metadata"}


def test_the_record_carries_what_the_truth_says(both: dict[str, tuple[Truth, Record]]) -> None:
    for known, record in both.values():
        assert (record.url, record.file) == (known.url, known.file)


def _readable(body: str) -> str:
    """The words of a page's markup, in order, without formulas, which have a markup of their own."""
    without = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", " ", body, flags=re.DOTALL | re.IGNORECASE)
    return " ".join(unescape(re.sub(r"</?[A-Za-z][^>]*>", "", without)).split())


def test_the_text_arrives_whatever_its_charset_encoding_and_shape(both: dict[str, tuple[Truth, Record]]) -> None:
    for known, record in both.values():
        if not known.text or known.kind == "math" or known.variant in ("odd", "truncated"):
            continue
        assert record.body is not None, known.key
        body = _readable(record.body) if record.kind == "html" else " ".join(record.body.split())
        for paragraph in known.text:
            for piece in paragraph.split(" | "):  # cells of a table
                assert " ".join(piece.split()) in body, (known.key, piece)


def test_charsets_are_recognised(both: dict[str, tuple[Truth, Record]]) -> None:
    served = {key: both[key][0].charset for key, how in plan()["transport"].items() if "charset" in how}
    assert len(set(served.values())) >= 9
    for key, charset in served.items():
        assert both[key][1].charset == charset, key


def test_what_holds_no_page_is_dropped_or_fails_while_reading(both: dict[str, tuple[Truth, Record]]) -> None:
    for known, record in both.values():
        if known.state == "failed":
            assert record.error, known.key
        elif known.rules and known.rules[0].startswith("read.") and known.variant != "repeat":
            assert record.drop is not None and record.drop[0] == known.rules[0], known.key
        else:
            assert record.body is not None, known.key


def test_truncation_is_noticed(both: dict[str, tuple[Truth, Record]]) -> None:
    found = {known.key: record.truncated for known, record in both.values() if record.truncated}
    assert found == {"truncated-said": "length", "truncated-gzip": "disconnect", "truncated-length": "length"}
