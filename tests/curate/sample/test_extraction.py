"""What every engine makes of the sample's pages: their text is there, and what surrounds it mostly is not."""

from __future__ import annotations

import re
from statistics import mean

import pytest

from curate.extract import ENGINES, Extracted, Extractor
from curate.sample import register_inputs, truth
from curate.sample.planted import Truth
from curate.sample.site import sites
from curate.sources import plan_units, read_unit

_FORMULA = re.compile(r"\$+[^$]*\$+")
_WORD = re.compile(r"[぀-ヿ一-鿿]|[^\W_]+")  # an ideograph or kana is a word of its own


def trigrams(text: str) -> list[tuple[str, ...]]:
    """The word 3-grams of a text, none of which reaches over a formula: each engine writes formulas in its own way."""
    pieces = [_WORD.findall(piece.lower()) for piece in _FORMULA.split(text)]
    return [tuple(words[at : at + 3]) for words in pieces for at in range(len(words) - 2)]


def recall(known: Truth, text: str) -> float:
    """The share of the word 3-grams of the page's paragraphs that the extracted text holds."""
    found = set(trigrams(text))
    wanted = [gram for paragraph in known.text for gram in trigrams(paragraph)]
    return sum(gram in found for gram in wanted) / len(wanted)


@pytest.fixture(scope="module", params=ENGINES)
def pages(request: pytest.FixtureRequest) -> list[tuple[Truth, Extracted]]:
    register_inputs()
    known = {(entry.id, entry.row): entry for entry in truth()}
    records = [record for unit in plan_units(["sample"]) for record in read_unit(unit) if record.kind == "html"]
    records = [record for record in records if record.body is not None and known[record.id, record.row].text]
    with Extractor(request.param) as extractor:
        texts = extractor.extract([(str(record.body), record.url) for record in records])
    return [(known[record.id, record.row], text) for record, text in zip(records, texts, strict=True)]


def test_no_page_fails(pages: list[tuple[Truth, Extracted]]) -> None:
    assert [known.key for known, page in pages if page.error] == []


# Short posts of a thread, or its last one, may be taken for comments.
_THREADS = {"trafilatura": {"diesel"}, "resiliparse": {"diesel"}, "winnow": {"diesel", "teplitsa"}}


def test_good_pages_keep_their_text(pages: list[tuple[Truth, Extracted]], request: pytest.FixtureRequest) -> None:
    found = {known.key: recall(known, page.text) for known, page in pages if known.state == "kept"}
    assert mean(found.values()) > 0.98
    low = {key: round(value, 2) for key, value in found.items() if value <= 0.95}
    assert set(low) <= _THREADS[request.node.callspec.params["pages"]], low


def test_surroundings_mostly_stay_out(pages: list[tuple[Truth, Extracted]]) -> None:
    sites_by_host = {site.host: site for site in sites().values()}
    shares = []
    for known, page in pages:
        if known.state == "kept":
            around = sites_by_host[known.url.split("/")[2]].boilerplate()
            lines = {line.strip(" -*•") for line in page.text.splitlines()}
            shares.append(sum(line in lines for line in around) / len(around))
    assert mean(shares) < 0.05
    assert mean(shares) > 0  # a sample whose surroundings are removed without a trace would be too easy


def test_values_planted_as_personal_data_survive_extraction(pages: list[tuple[Truth, Extracted]]) -> None:
    for known, page in pages:
        flat = " ".join(page.text.split())
        for kind, value in known.pii:
            assert " ".join(value.split()) in flat, (known.key, kind)


def test_planted_lines_and_citation_marks_reach_the_edits(pages: list[tuple[Truth, Extracted]]) -> None:
    for known, page in pages:
        for _, line in known.edits:
            assert line in page.text, known.key
        if known.citations:
            assert page.text.count("[1]") >= 1
