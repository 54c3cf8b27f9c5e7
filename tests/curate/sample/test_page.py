"""The source pages and their small Markdown."""

from __future__ import annotations

from curate.sample.page import Block, blocks, pages, paragraphs, plain
from curate.sample.personal import values
from curate.sample.site import sites


def test_blocks_of_every_kind() -> None:
    source = "\n".join(
        [
            "One line", "and the next.", "", "## A heading", "", "- a", "- b", "", "1. first", "2. second", "",
            "| x | y |", "|---|---|", "| 1 | 2 |", "", "```py", "a = 1", "", "b = 2", "```", "", "$$x^2$$", "",
            "> quoted", "> twice", "", "%% counter | 3 views", "", "!product 1 £ | Pan",
            "!product 2 £ | Pot | blue", "", "@@ jo | today", "Hello.",
        ]
    )  # fmt: skip
    assert blocks(source) == [
        Block("text", "One line and the next."),
        Block("heading", "A heading"),
        Block("bullets", items=("a", "b")),
        Block("numbers", items=("first", "second")),
        Block("table", rows=(("x", "y"), ("1", "2"))),
        Block("code", "a = 1\n\nb = 2", info="py"),
        Block("formula", "x^2"),
        Block("quote", "quoted twice"),
        Block("planted", "3 views", info="counter"),
        Block("product", items=("1 £", "Pan")),
        Block("product", items=("2 £", "Pot", "blue")),
        Block("post", "jo", info="today"),
        Block("text", "Hello."),
    ]


def test_the_true_text_holds_neither_marks_nor_planted_lines() -> None:
    body = blocks(
        "Some *plain* and **strong** `code`, [a link](/x), $a*b*c$.\n\n%% counter | 3 views\n\n@@ jo | today\nHello."
    )
    assert paragraphs(body) == ["Some plain and strong code, a link, $a*b*c$.", "Hello."]
    assert plain("`a*b*c`") == "a*b*c"


def test_every_page_belongs_to_a_site_and_says_what_is_expected_of_it() -> None:
    for page in pages().values():
        assert page.site in sites()
        assert page.expect in ("keep", "drop", "either")
        assert bool(page.rules) == (page.expect == "drop"), page.slug
        assert page.path.startswith("/")


def test_every_blank_has_a_value() -> None:
    known = set(values(0))
    for page in pages().values():
        assert all(name in known or name.startswith("bench.") for name in page.names), page.slug


def test_good_pages_have_the_length_of_real_ones() -> None:
    for page in pages().values():
        if page.expect == "keep":
            text = " ".join(paragraphs(blocks(page.filled(dict.fromkeys(page.names, "x")))))
            assert 110 <= len(text.split()) <= 900 or len(text) > 500, page.slug


def test_there_are_pages_in_seven_languages() -> None:
    kept = [page for page in pages().values() if page.expect == "keep"]
    languages = [page.lang or sites()[page.site].lang for page in kept]
    assert {lang: languages.count(lang) >= 3 for lang in ("en", "de", "fr", "es", "ru", "zh", "ja")} == dict.fromkeys(
        ("en", "de", "fr", "es", "ru", "zh", "ja"), True
    )
