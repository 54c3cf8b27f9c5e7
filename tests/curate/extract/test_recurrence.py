"""Labels by recurrence: what many pages of a host have is boilerplate, what one page has is text."""

import gzip
from pathlib import Path

import pytest

from curate.extract.learn.labels import texts_of
from curate.extract.learn.recurrence import LEAST_PAGES, PER_HOST, Recurring, recurring_pages
from curate.extract.learn.train import Sources, recurring_samples

MENU = "<nav><a href=/>Home of it</a></nav><p>A line on top of every page of this site</p>"
FOOT = "<footer>All rights are reserved by nobody</footer>"


def page(number: int, shared: str = "") -> str:
    text = "".join(
        f"<p>Paragraph {part} of page {number} says in {number * 7 + part} words what no other page has ever said</p>"
        for part in range(4)
    )
    return f"<html><body>{MENU}{text}{shared}<p>Short {number}</p>{FOOT}</body></html>"


def record(url: str, html: str, number: int) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + html.encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number:032x}>\r\n"
        f"WARC-Date: 2024-05-01T00:00:00Z\r\nWARC-Target-URI: {url}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n", 6, mtime=0)


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    """A host with enough pages, a sentence on two of them, one page captured thrice; and a host with too few."""
    twice = "<p>A sentence that just two pages of all have, and nobody can say whether it is text</p>"
    pages = [(f"http://a.example/{n}", page(n, twice if n < 2 else "")) for n in range(LEAST_PAGES)]
    pages += [(f"http://b.example/{n}", page(n)) for n in range(LEAST_PAGES - 1)]
    pages += [pages[3]] * 2
    records = [record(url, html, number) for number, (url, html) in enumerate(pages)]
    records.append(records[4])  # the same record again
    (tmp_path / "a.warc.gz").write_bytes(b"".join(records[:5]))
    (tmp_path / "b.warc.gz").write_bytes(b"".join(records[5:]))
    return tmp_path


def labels(found: Recurring) -> dict[str, float | None]:
    texts = texts_of(found.analysed)
    return {
        text: float(share) if known else None
        for text, share, known in zip(texts, found.share, found.known, strict=True)
    }


def test_what_recurs_is_no_text_and_what_comes_once_is(crawl: Path) -> None:
    found = list(recurring_pages(crawl))
    assert [page.host for page in found] == ["a.example"] * PER_HOST
    for one in found:
        by_text = labels(one)
        assert [by_text[text] for text in by_text if text.startswith("Paragraph")] == [1.0] * 4
        assert by_text["Home of it"] == by_text["A line on top of every page of this site"] == 0.0
        assert by_text["All rights are reserved by nobody"] == 0.0
        assert {by_text[text] for text in by_text if text.startswith(("Short", "A sentence"))} == {None}


def test_the_order_of_files_does_not_matter(crawl: Path) -> None:
    before = [labels(page) for page in recurring_pages(crawl)]
    (crawl / "a.warc.gz").rename(crawl / "c.warc.gz")
    assert [labels(page) for page in recurring_pages(crawl)] == before


def test_what_recurs_is_learned_from_and_what_is_not_known_weighs_nothing(crawl: Path) -> None:
    samples = recurring_samples(Sources(crawl=crawl))
    assert [sample.host for sample in samples] == ["a.example"] * PER_HOST
    for sample, page in zip(samples, recurring_pages(crawl), strict=True):
        assert ((sample.weight > 0) == (page.known > 0)).all() and (sample.share == page.share).all()
    assert recurring_samples(Sources()) == []


def test_hosts_can_be_left_out(crawl: Path) -> None:
    assert list(recurring_pages(crawl, frozenset({"a.example"}))) == []
