"""Our own line rules: what goes, and what only looks like it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.edits import EditsConfig
from curate.edits.edit import edit

LINES = EditsConfig().lines.model_dump()

GONE = {
    "javascript": [
        "Please enable JavaScript to view the comments powered by Disqus.",
        "JavaScript is disabled in your browser. You need to enable it.",
        "This site requires JavaScript to function.",
        "JavaScript required",
        "Bitte aktivieren Sie JavaScript in Ihrem Browser.",
        "Veuillez activer JavaScript pour voir cette page.",
        "Для работы сайта включите JavaScript в браузере.",
        "请启用JavaScript以继续浏览本站。",
        "このページを表示するにはJavaScriptを有効にしてください。",
    ],
    "policy": [
        "We use cookies to give you the best experience on our website.",
        "This site uses cookies. By continuing to browse the site you are agreeing to our use of cookies.",
        "Diese Website verwendet Cookies, um Ihnen den besten Service zu bieten.",
        "Nous utilisons des cookies pour améliorer votre expérience.",
        "Utilizamos cookies propias y de terceros.",
        "Мы используем файлы cookie.",
        "Privacy Policy",
        "Terms of Use | Privacy Policy | Contact Us",
        "Impressum | Datenschutz",
        "© 2021 Example Inc. All rights reserved.",
        "Alle Rechte vorbehalten",
        "版权所有 © 2020 某某公司",
    ],
    "counter": [
        "3 likes",
        "1,024 views",
        "3K likes · 12 comments",
        "12 Kommentare",
        "Views: 1,204",
        "Comments (3)",
        "15 комментариев",
        "阅读 123",
    ],
    "navigation": [
        "Skip to main content",
        "» Back to top «",
        "Home > Products > Shoes",
        "Startseite » Über uns",
        "Home / Blog / 2019 / May",
        "Previous | Next",
        "« Previous 1 2 3 ... 10 Next »",
        "Home About Contact",
        "Sign in",
        "Log in or register to post comments",
        "You must be logged in to post a comment.",
        "Share on Facebook",
        "Share this post on Twitter",
        "Page 2 of 10",
        "Items in cart",
        "Read more →",
        "Weiterlesen …",
        "Читать далее",
        "返回顶部",
        "続きを読む",
        "본문 바로가기",
        "Last updated on 2024-05-01 | Edit this page",
    ],
    "digits": ["7", "  2021  ", "٣٤"],
}
KEPT = [
    "JavaScript is a language that runs in every browser.",
    "This chapter explains closures in JavaScript.",
    "The court found that cookies set by the shop were not lawful.",
    "Grandmother's cookies need butter, sugar and two eggs.",
    "A privacy policy tells visitors what happens to their data.",
    "In 2019 the video had 3 likes and nobody cared.",
    "3 comments on this article were about the weather",
    "2.2 Comments",
    "Log in to the server and start the service.",
    "Home is where the heart is.",
    "Skip the introduction if you are in a hurry.",
    "| field | method |",
    "Class | first |",
    "x <- 8",
    "next",
    "git checkout",
    "12.5",
    "[1] 6",
    "1.",
    "Start / Stop",
    "Method Summary",
]


@pytest.mark.parametrize(("rule", "line"), [(rule, line) for rule, lines in GONE.items() for line in lines])
def test_goes(edits_of: Callable[..., list], rule: str, line: str) -> None:
    text = f"The text begins.\n{line}\nThe text ends."
    assert [(e.kind, e.removed) for e in edits_of(text, lines=LINES)] == [(f"line:{rule}", line + "\n")]


@pytest.mark.parametrize("line", KEPT)
def test_stays(edited: Callable[..., str], line: str) -> None:
    assert edited(line, lines=LINES) == line


@pytest.mark.parametrize("line", [line for lines in GONE.values() for line in lines])
@pytest.mark.parametrize("block", ["```\n{}\n```", "text\n\n    {}\n\ntext", "$$\n{}\n$$"])
def test_code_and_mathematics_stay(edited: Callable[..., str], line: str, block: str) -> None:
    assert edited(block.format(line), lines=LINES) == block.format(line)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("The cat sat on the ... Read more", "The cat sat on the"),
        ("The cat sat on the mat. Read more", "The cat sat on the mat."),
        ("The cat sat on the mat [Read more...]", "The cat sat on the mat"),
        ("The cat sat Continue reading →", "The cat sat"),
        ("Die Katze saß … weiterlesen", "Die Katze saß"),
        ("If you like cats, read more", "If you like cats, read more"),
        ("The cat sat. Read more... Read more...", "The cat sat."),
    ],
)
def test_tails_are_cut(edited: Callable[..., str], line: str, kept: str) -> None:
    assert edited(line, lines=LINES) == kept


def test_uppercase_counts_letters_of_longer_lines(edited: Callable[..., str]) -> None:
    text = "SUBSCRIBE NOW AND WIN 1000000 dollars\nNASA AND ESA\nOnly ONE word here"
    assert edited(text, lines={"uppercase": "winnow"}) == "NASA AND ESA\nOnly ONE word here"


def test_a_line_at_the_end_takes_the_line_end_before_it(edits_of: Callable[..., list]) -> None:
    (edit_,) = edits_of("The end.\nPrevious | Next", lines=LINES)
    assert (edit_.start, edit_.end, edit_.removed) == (8, 24, "\nPrevious | Next")


def test_blank_lines_left_double_go_along(edited: Callable[..., str]) -> None:
    assert edited("one\n\nSign in\n\ntwo", lines=LINES) == "one\n\ntwo"
    assert edited("Sign in\n\none", lines=LINES) == "one"
    assert edited("one\n\nSign in", lines=LINES) == "one"
    assert edited("one\nSign in\n\ntwo", lines=LINES) == "one\n\ntwo"
    assert edited("one\n\nSign in\n\n7\n\n\ntwo", lines=LINES) == "one\n\ntwo"
    assert edited("one\nSign in\n\n7", lines=LINES) == "one"


def test_nothing_may_be_left(edited: Callable[..., str]) -> None:
    assert edited("Sign in\n\nPrevious | Next\n", lines=LINES) == ""


PARTS = st.sampled_from([line for lines in GONE.values() for line in lines] + KEPT + ["", "  ", "```", "    x", "$$"])


@given(st.lists(PARTS, max_size=12), st.sampled_from(["\n", "\n\n", "\n \n"]))
def test_editing_twice_changes_nothing_more(parts: list[str], joint: str) -> None:
    config = EditsConfig.model_validate({**EditsConfig.off().model_dump(), "lines": LINES})
    once = edit([joint.join(parts)], ["en"], config, b"0" * 16).texts
    assert edit(once, ["en"], config, b"0" * 16).texts == once
