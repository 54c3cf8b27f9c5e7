"""Cuts and the edits that stand for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curate.contamination.cut import Before, Cut, cut, merged


def replay(extracted: str, edits: list[tuple[int, int, str]]) -> str:
    out, at = [], 0
    for start, end, replacement in sorted(edits):
        out += [extracted[at:start], replacement]
        at = end
    return "".join([*out, extracted[at:]])


def test_a_cut_around_a_replacement_takes_it_and_splits() -> None:
    extracted = "aaa me@x.org bbb ccc"
    before = [Before(4, 12, "<email>")]
    text = replay(extracted, [tuple(one) for one in before])
    left, gone, swallowed = cut(text, [Cut(2, 13, "s")], before)
    assert left == "aa" + text[13:]
    assert [(one.start, one.end, one.removed) for one in gone] == [(2, 4, "a "), (12, 14, " b")]
    assert swallowed == {0}


def test_margins_join_what_touches() -> None:
    assert merged([Cut(50, 60, "b"), Cut(10, 20, "a")], 15, 70) == [Cut(0, 70, "a")]
    assert merged([Cut(50, 60, "b"), Cut(10, 20, "a")], 5, 70) == [Cut(5, 25, "a"), Cut(45, 65, "b")]


@given(st.text("abcdef", min_size=1, max_size=40), st.data())
def test_edits_lead_from_the_extracted_to_the_cut_text(extracted: str, data: st.DataObject) -> None:
    points = sorted(data.draw(st.sets(st.integers(0, len(extracted)), max_size=6)))
    before = [
        Before(a, b, data.draw(st.sampled_from(["", "X", "YZ"])))
        for a, b in zip(points[::2], points[1::2], strict=False)
    ]
    text = replay(extracted, [tuple(one) for one in before])
    spans = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=3))
    cuts = merged([Cut(min(span), max(span), "s") for span in spans if span[0] != span[1]], 0, len(text))
    left, gone, swallowed = cut(text, cuts, before)
    kept = [(*one[:2], "" if number in swallowed else one.replacement) for number, one in enumerate(before)]
    assert replay(extracted, [*kept, *((one.start, one.end, "") for one in gone)]) == left
    assert all(extracted[one.start : one.end] == one.removed for one in gone)
