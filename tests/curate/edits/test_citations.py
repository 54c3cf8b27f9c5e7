from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.edits import EditsConfig
from curate.edits.edit import edit


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("[edit]This looks like[134].\nIt helps[citation needed].", "This looks like.\nIt helps."),
        ("an empty [] one, a[0] too", "an empty  one, a too"),
        ("[Edit] and [12a] stay", "[Edit] and [12a] stay"),
    ],
)
def test_c4(edited: Callable[..., str], text: str, kept: str) -> None:
    assert edited(text, citations="c4@datatrove") == edited(text, citations="c4@tfds") == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The river is long.[1] It is deep.[2][3]", "The river is long. It is deep."),
        ('He said "yes".[12]', 'He said "yes".'),
        ("History[edit]", "History"),
        ("Geschichte [Bearbeiten | Quelltext bearbeiten]", "Geschichte "),
        ("It was the first [citation needed] of its kind.", "It was the first  of its kind."),
        ("Il fut roi[réf. nécessaire].", "Il fut roi."),
        ("Он был первым[источник не указан 120 дней].", "Он был первым."),
        ("它是最大的城市。[3]人口很多。", "它是最大的城市。人口很多。"),
        ("これは有名である[要出典]。", "これは有名である。"),
        ("A claim[note 2] and one more[when?].", "A claim and one more."),
    ],
)
def test_winnow(edited: Callable[..., str], text: str, kept: str) -> None:
    assert edited(text, citations="winnow") == kept


def test_numbers_on_words_need_company(edited: Callable[..., str]) -> None:
    assert edited("The town[1] lies on a river[2] in the north[3].", citations="winnow") == (
        "The town lies on a river in the north."
    )
    assert edited("The element args[1] is the name.", citations="winnow") == "The element args[1] is the name."


@pytest.mark.parametrize(
    "text",
    [
        "print(a[1]); b[2] = c[3]; d[4]",
        "## [1] 1 4 9",
        "[1] TRUE",
        "A link [1](http://a.b) and [2]: http://c.d",
        "as shown in [12] and [13]",
        "the interval [0, 1] of numbers.",
        "x in [1, 2, 3]",
        "In [16]: run(); Out[16]: 3",
        "[[1]] is a list",
        "names.[3, 3]",
        "1. [ ] open task",
        "He wrote [sic] that.",
        "```\nSome text.[1]\n```",
    ],
)
def test_what_only_looks_like_a_mark_stays(edited: Callable[..., str], text: str) -> None:
    assert edited(text, citations="winnow") == text


def test_marks_are_edits_of_their_own(edits_of: Callable[..., list]) -> None:
    assert [(e.step, e.kind, e.start, e.removed) for e in edits_of("It is so.[1]", citations="winnow")] == [
        ("citations", "citation:mark", 9, "[1]")
    ]


@given(
    st.lists(st.sampled_from([".[1]", "[edit]", "[2]", "word", " ", "[", "]", "[12", "edit]", ".", "\n", "\U0001f600"]))
)
def test_editing_twice_changes_nothing_more(parts: list[str]) -> None:
    config = EditsConfig.model_validate({**EditsConfig.off().model_dump(), "citations": "winnow"})
    once = edit(["".join(parts)], ["en"], config, b"0" * 16).texts
    assert edit(once, ["en"], config, b"0" * 16).texts == once
