"""The line rules of other systems, against what those systems answered."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.edits import EditsConfig
from curate.edits.edit import edit

C4 = {
    "long_word": "c4@datatrove",
    "no_terminal_punctuation": "c4@datatrove",
    "few_words": "c4@datatrove",
    "javascript": "c4@datatrove",
    "policy": "c4@datatrove",
    "whitespace": "c4@datatrove",
}
DCLM = dict.fromkeys(("uppercase", "digits", "counter", "one_word", "navigation", "whitespace"), "refinedweb@dclm")


def test_c4_lines(edited: Callable[..., str]) -> None:
    lines = ["A good line is kept here.", "no end", "Enable JavaScript to read this.", "Short one.", ""]
    text = "\n".join([*lines, "See our Privacy Policy now."])
    assert edited(text, lines=C4, citations="c4@datatrove") == "A good line is kept here."


def test_c4_reads_lines_without_marks_but_does_not_strip_them_again(edited: Callable[..., str]) -> None:
    only_end = {"no_terminal_punctuation": "c4@datatrove"}
    assert edited("It ends so.[12]\n", lines=only_end, citations="c4@datatrove") == "It ends so.\n"
    assert edited("It ends so. [12]", lines=only_end, citations="c4@datatrove") == ""


def test_c4_sees_a_word_that_a_mark_had_parted(edited: Callable[..., str]) -> None:
    assert edited("java[1]script\nuse coo[edit]kies", lines=C4 | {"few_words": "off"}, citations="c4@datatrove") == ""


def test_c4_counts_words_before_the_marks_in_datatrove_and_after_in_tfds(edited: Callable[..., str]) -> None:
    line = "one two three four [5]"
    assert edited(line, lines={"few_words": "c4@datatrove"}, citations="c4@datatrove") == "one two three four "
    assert edited(line, lines={"few_words": "c4@tfds"}, citations="c4@tfds") == ""
    assert edited(line, lines={"few_words": "c4@tfds"}) == line


@pytest.mark.parametrize(("variant", "kept"), [("c4@datatrove", "It said 'yes'"), ("c4@tfds", "")])
def test_an_apostrophe_ends_a_line_in_datatrove_only(edited: Callable[..., str], variant: str, kept: str) -> None:
    assert edited("It said 'yes'", lines={"no_terminal_punctuation": variant}) == kept


def test_c4_splits_at_every_line_end_of_python(edited: Callable[..., str]) -> None:
    text = "\u2028 First line has words.\x0b  Second line has words. \r\n"
    assert edited(text, lines=C4) == "First line has words.\nSecond line has words."


def test_c4_long_word(edited: Callable[..., str]) -> None:
    assert edited(f"a {'x' * 1001} b\nrest", lines={"long_word": "c4@datatrove"}) == "rest"
    assert edited(f"a {'x' * 1000} b", lines={"long_word": "c4@datatrove"}) == f"a {'x' * 1000} b"


def test_c4_strips_what_a_mark_bares_at_the_ends(edited: Callable[..., str]) -> None:
    lines = {"few_words": "c4@datatrove", "whitespace": "c4@datatrove"}
    assert edited("[1] [2] [3]\n[edit] three more words\nand the end [4]", lines=lines, citations="c4@datatrove") == (
        "three more words\nand the end"
    )


def test_dclm_shape_rules(edited: Callable[..., str]) -> None:
    assert edited("SHOUTed OUT\nhalf HALF\n\n123\n12 3\nword\ntwo words", lines=DCLM) == "half HALF\n\n12 3\ntwo words"


def test_dclm_cuts(edited: Callable[..., str]) -> None:
    navigation = {"navigation": "refinedweb@dclm"}
    assert edited("3 items in cart today", lines=navigation) == "3 today"
    assert edited("A short text. Read more...", lines=navigation) == "A short text."
    assert edited("Sign-in for more", lines=navigation) == "for more"
    assert edited("Read more...\nrest", lines=navigation) == "rest"
    long = "one two three four five six seven eight nine ten Read more..."
    assert edited(long, lines=navigation) == long


def test_dclm_dots_match_any_character(edited: Callable[..., str]) -> None:
    assert edited("We read more at", lines={"navigation": "refinedweb@dclm"}) == "We"


def test_peer_cases(shared_data: Path, configured: Callable[..., EditsConfig]) -> None:
    seen = 0
    with gzip.open(shared_data / "peer-tests" / "cases.jsonl.gz", "rt", encoding="utf-8") as cases:
        for case in map(json.loads, cases):
            rule = case["rule"]
            if rule not in ("counter_line_modifier", "citation_removal_modifier"):
                continue
            lines = {"counter": "refinedweb@dclm"} if rule == "counter_line_modifier" else {}
            marks = "c4@datatrove" if rule == "citation_removal_modifier" else "off"
            config = configured(lines={**lines, "whitespace": "refinedweb@dclm"}, citations=marks)
            text = edit([case["page"]["text"]], [None], config, b"0" * 16).texts[0]
            assert ([{"text": text}] if text else []) == case["expected"]
            seen += 1
    assert seen == 16
