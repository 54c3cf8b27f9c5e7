"""Which stretches of a text go, and the edits that say so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curate.contamination.cut import merged
from curate.edits import Before, Cut, Edit, apply, compose, widened


def test_a_cut_takes_the_whole_of_a_replacement_that_it_meets() -> None:
    # "aaa me@x.org bbb ccc", edited to "aaa <email> bbb ccc"
    before = [Before(4, 12, "<email>")]
    assert widened([Cut(6, 13, "s")], before) == [Cut(4, 13, "s")]
    assert widened([Cut(2, 5, "s")], before) == [Cut(2, 11, "s")]
    assert widened([Cut(0, 4, "s"), Cut(11, 15, "s")], before) == [Cut(0, 4, "s"), Cut(11, 15, "s")]


def test_what_is_only_flagged_moves_nothing() -> None:
    assert widened([Cut(6, 8, "s")], [Before(0, 4, None), Before(5, 9, "x")]) == [Cut(6, 8, "s")]
    assert widened([Cut(5, 8, "s")], [Before(0, 4, None), Before(5, 9, "xyz")]) == [Cut(5, 8, "s")]


def test_margins_join_what_touches() -> None:
    assert merged([Cut(50, 60, "b"), Cut(10, 20, "a")], 15, 70) == [Cut(0, 70, "a")]
    assert merged([Cut(50, 60, "b"), Cut(10, 20, "a")], 5, 70) == [Cut(5, 25, "a"), Cut(45, 65, "b")]


@given(st.text("abcdef", min_size=1, max_size=40), st.data())
def test_no_part_of_a_replacement_is_left(extracted: str, data: st.DataObject) -> None:
    points = sorted(data.draw(st.sets(st.integers(0, len(extracted)), max_size=6)))
    edits = [
        Edit(0, "pii", "pii:email", a, b, None, "", data.draw(st.sampled_from([None, "X", "YZ"])))
        for a, b in zip(points[::2], points[1::2], strict=False)
    ]
    text = apply(extracted, edits)
    spans = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=3))
    cuts = merged([Cut(min(span), max(span), "s") for span in spans if span[0] != span[1]], 0, len(text))
    before = [Before(edit.start, edit.end, edit.replacement) for edit in edits]
    whole = merged(widened(cuts, before), 0, len(text))
    left = apply(extracted, compose(text, edits, whole))
    assert left.count("YZ") == left.count("Y") == left.count("Z")
    assert len(left) == len(text) - sum(cut.end - cut.start for cut in whole)
