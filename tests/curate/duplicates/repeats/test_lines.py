"""Repeated lines: what is counted, what goes, and that nothing depends on how the pages were handed over."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.duplicates.config import Lines
from curate.duplicates.repeats.count import find_repeated
from curate.duplicates.repeats.lines import LineWriter, Repeated, removals
from curate.duplicates.types import SignedUnit
from curate.edits import EditsConfig
from curate.edits.edit import edit
from curate.segment import decode

Page = tuple[str | None, str | None, str]  # host, url, text
KEY = b"0123456789abcdef"
MEMORY = 1 << 28


def found(directory: Path, units: Sequence[Sequence[Page]], config: Lines, *, jobs: int = 1, memory: int = MEMORY,
          excluded: dict[int, list[int]] | None = None) -> Path:  # fmt: skip
    signed = []
    for number, pages in enumerate(units):
        home = directory / f"unit-{number}"
        home.mkdir(parents=True)
        with LineWriter(home, config.max_chars) as writer:
            for begin in range(0, len(pages), 3):
                batch = pages[begin : begin + 3]
                writer.write(decode([text for _, _, text in batch]), [p[0] for p in batch], [p[1] for p in batch])
        out = (excluded or {}).get(number, [])
        signed.append(SignedUnit(home, len(pages), np.array(out, np.uint32)))
    return find_repeated(signed, config, directory=directory / "found", memory_bytes=memory, jobs=jobs)


def cleaned(path: Path, pages: Sequence[Page], config: Lines, edits: EditsConfig | None = None) -> list[str]:
    texts, hosts = [page[2] for page in pages], [page[0] for page in pages]
    gone = removals(decode(texts), hosts, Repeated.read(path), config.max_chars)
    return edit(texts, [None] * len(texts), edits or EditsConfig.off(), KEY, hosts, gone).texts


def site(host: str, pages: int, extra: str = "") -> list[Page]:
    return [
        (host, f"http://{host}/{n}", f"Home of {host}\n\nText {n} of {host}.\n\nAll rights\u00a0  reserved{extra}")
        for n in range(pages)
    ]


CONFIG = Lines(enabled=True, min_pages=3, min_share=0.5)


def test_headers_and_footers_go(tmp_path: Path) -> None:
    pages = site("a.org", 4)
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG) == [f"Text {n} of a.org." for n in range(4)]


def test_hosts_never_meet(tmp_path: Path) -> None:
    pages = site("a.org", 2) + site("b.org", 2) + [(None, None, "All rights reserved\nmore")] * 5
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG) == [page[2] for page in pages]


def test_the_share_of_pages_counts(tmp_path: Path) -> None:
    bare = [("a.org", f"http://a.org/bare/{n}", f"Bare {n}") for n in range(5)]
    pages = site("a.org", 4) + bare
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG) == [page[2] for page in pages]
    half = pages[:-1]
    table = pl.read_parquet(found(tmp_path / "half", [half], CONFIG))
    assert table.select("pages", "host_pages").rows() == [(4, 8), (4, 8)]
    seven = [("a.org", f"http://a.org/{n}", f"{n}\nline" if n < 7 else f"{n}") for n in range(100)]
    config = Lines(min_pages=2, min_share=0.07)
    assert pl.read_parquet(found(tmp_path / "seven", [seven], config))["pages"].to_list() == [7]


LESSON = [f"This is line {n} of a lesson." for n in range(5)]


def test_a_page_counts_once(tmp_path: Path) -> None:
    captures = [("a.org", "http://a.org/1", f"Header\nText as of {day}") for day in range(9)]
    addresses = [("b.org", f"http://b.org/{n}", "Header\n\nThe one text") for n in range(9)]
    nearly = [("d.org", f"http://d.org/{n}", "\n".join(["Menu", *LESSON, f"Visit {n}"])) for n in range(9)]
    twice = [("c.org", f"http://c.org/{n}", f"Menu\nMenu\n{n}") for n in range(2)]
    pages = captures + addresses + nearly + twice
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG) == [page[2] for page in pages]


def test_lines_are_compared_without_case_and_blanks(tmp_path: Path) -> None:
    pages = [("a.org", f"http://a.org/{n}", f"{line}\n{n}") for n, line in enumerate(["A  b", " a\tB ", "a b"])]
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG) == ["0", "1", "2"]
    digits = [("a.org", f"http://a.org/{n}", f"Page {n}\n{n}") for n in range(3)]
    assert cleaned(found(tmp_path / "digits", [digits], CONFIG), digits, CONFIG) == [page[2] for page in digits]


@pytest.mark.parametrize(
    "spared",
    [
        "```\nreturn 1\n```",
        "    return 1",
        "$$\nx = 1\n$$",
        "* * *",
        "long " * 61,
        "fn main() {\n}",
        "module A\n  let a\nend",
        "library(tidyverse)\nend",
        "$ cd Desktop",
    ],
)
def test_code_mathematics_marks_and_text_stay(tmp_path: Path, spared: str) -> None:
    pages = [("a.org", f"http://a.org/{n}", f"Text {n}.\n\n{spared}\n\nEnd {n}.") for n in range(5)]
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG) == [page[2] for page in pages]


def test_a_page_of_nothing_else_becomes_empty(tmp_path: Path) -> None:
    pages = [*site("a.org", 4), ("a.org", "http://a.org/none", "Home of a.org\n\nAll rights reserved\n")]
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG)[-1] == ""


def test_edits_show_the_lines_without_personal_values(tmp_path: Path) -> None:
    pages = [("a.org", f"http://a.org/{n}", f"Write to jane.roe@corp.net\nShare this\n\nText {n}.") for n in range(4)]
    texts, hosts = [page[2] for page in pages], [page[0] for page in pages]
    gone = removals(decode(texts), hosts, Repeated.read(found(tmp_path, [pages], CONFIG)), CONFIG.max_chars)
    edited = edit(texts, ["en"] * 4, EditsConfig(), KEY, hosts, gone)
    assert edited.texts == [f"Text {n}." for n in range(4)]
    shown = [(e.kind, e.removed) for e in edited.edits if e.doc == 0]
    assert shown == [("line:repeated", "Write to <EMAIL>\n"), ("line:repeated", "Share this\n\n")]
    assert edited.measures["edits.lines_removed"].tolist() == [0] * 4
    assert edited.measures["edits.words_removed_frac"].tolist() == [0.0] * 4
    assert edited.measures["edits.chars_removed_frac"].tolist() == [0.0] * 4


def test_repeated_lines_and_line_rules_leave_no_double_blank(tmp_path: Path) -> None:
    banner = "Our banner of this week, always here"
    frame = f"Text {{n}}.\n\n{banner}\nSkip to content\n\nMore {{n}}.\n\n{banner}\nSkip to content"
    pages = [("a.org", f"http://a.org/{n}", frame.format(n=n) if n else f"Nothing\n{banner}") for n in range(5)]
    config = Lines(min_pages=5, min_share=0.5)
    texts, hosts = [page[2] for page in pages], [page[0] for page in pages]
    gone = removals(decode(texts), hosts, Repeated.read(found(tmp_path, [pages], config)), config.max_chars)
    edited = edit(texts, ["en"] * 5, EditsConfig(), KEY, hosts, gone)
    assert edited.texts == ["Nothing", *(f"Text {n}.\n\nMore {n}." for n in range(1, 5))]
    assert edited.measures["edits.lines_removed"].tolist() == [0, 2, 2, 2, 2]


def test_a_heading_that_pages_share_stays_amid_their_own_text(tmp_path: Path) -> None:
    frame = "Home\nContact\n\nThe function number {n}.\n\nParameters\n\nThe size {n} of it.\n\nLegal notice"
    pages = [("a.org", f"http://a.org/{n}", frame.format(n=n)) for n in range(5)]
    config = Lines(min_pages=5, min_share=0.5)
    texts, hosts = [page[2] for page in pages], [page[0] for page in pages]
    gone = removals(decode(texts), hosts, Repeated.read(found(tmp_path, [pages], config)), config.max_chars)
    assert [texts[0][cut.start : cut.end] for cut in gone[0]] == ["Home", "Contact", "Legal notice"]


@pytest.mark.parametrize("lines", ["c4@datatrove", "c4@tfds"])
def test_lines_that_c4_breaks_further_go_whole(tmp_path: Path, lines: str) -> None:
    pages = [("a.org", f"http://a.org/{n}", f"One half\x0bthe other\nText {n} of five words.") for n in range(4)]
    edits = EditsConfig.model_validate({"lines": {"whitespace": "c4@datatrove", "few_words": lines}})
    assert cleaned(found(tmp_path, [pages], CONFIG), pages, CONFIG, edits) == [
        f"Text {n} of five words." for n in range(4)
    ]


def random_pages(seed: int) -> list[Page]:
    draw = random.Random(seed)
    pages: list[Page] = []
    for number in range(60):
        host = draw.choice([None, "a.org", "b.org", "b.org", "b.org", "c.org"])
        url = draw.choice([None, f"http://{host}/{draw.randrange(20)}", f"http://{host}/{number}"])
        lines = draw.choices(["Home", "About us", "  ", "Legal\u3000notice", "***", "ÄÖ"], k=draw.randrange(6))
        pages.append((host, url, "\n".join([*lines, draw.choice(["", "x", f"Number {number}"])])))
    return pages


def reference(pages: Sequence[Page], config: Lines) -> set[tuple[int, int]]:
    """(pages, host_pages) of every repeated (host, line), by Python sets; two numbers name a line well enough here."""
    seen: dict[tuple[str, str], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for host, url, text in pages:
        if host is None:
            continue
        lines = [" ".join(line.lower().split()) for line in text.split("\n")]
        own = frozenset(line for line in lines if line)
        longest = tuple(sorted(own, key=lambda line: (-len(line), line))[:5])
        for line in {"", *(line for line in own if any(map(str.isalnum, line)))}:
            seen[host, line].append((url or f"text {longest}", longest))
    out = set()
    for (host, line), holders in seen.items():
        count, total = (
            min(len({url for url, _ in some}), len({text for _, text in some})) for some in (holders, seen[host, ""])
        )
        if line and count >= config.min_pages and count / total >= config.min_share:
            out.add((count, total))
    return out


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_sets(tmp_path: Path, seed: int) -> None:
    config = Lines(min_pages=2, min_share=0.2)
    pages = random_pages(seed)
    table = pl.read_parquet(found(tmp_path, [pages], config))
    assert {*table.select("pages", "host_pages").rows()} == reference(pages, config) != set()


def test_nothing_depends_on_units_order_memory_or_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Lines(min_pages=2, min_share=0.2)
    pages = random_pages(7)
    whole = found(tmp_path / "whole", [pages], config)
    draw = random.Random(1)
    shuffled = draw.sample(pages, len(pages))
    cut = found(tmp_path / "cut", [shuffled[:7], [], shuffled[7:30], shuffled[30:]], config, jobs=2)
    monkeypatch.setattr("curate.duplicates.repeats.exchange.COPIES", 1 << 16)
    monkeypatch.setattr("curate.duplicates.repeats.lines._BUFFERED", 10)
    many = found(tmp_path / "many", [shuffled[:20], shuffled[20:]], config, memory=1)
    assert len([*(tmp_path / "many" / "found" / "parts").iterdir()]) > 8
    assert whole.read_bytes() == cut.read_bytes() == many.read_bytes()
    assert pl.read_parquet(whole).height > 3


def test_excluded_rows_do_not_count(tmp_path: Path) -> None:
    pages = site("a.org", 5)
    table = pl.read_parquet(found(tmp_path, [pages[:2], pages[2:]], CONFIG, excluded={0: [1], 1: [0, 2]}))
    assert table.is_empty()
    table = pl.read_parquet(found(tmp_path / "one", [pages[:2], pages[2:]], CONFIG, excluded={1: [2]}))
    assert table.select("pages", "host_pages").rows() == [(4, 4), (4, 4)]
