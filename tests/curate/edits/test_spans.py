import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.edits import Cut, Edit, apply, compose, difference


def made(start: int, end: int, replacement: str | None, removed: str | None = None) -> Edit:
    return Edit(0, "lines", "line:test", start, end, removed, None, replacement)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=40))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edits = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        replacement = draw(st.one_of(st.none(), st.text(max_size=4)))
        edits.append(made(start, end, replacement, text[start:end]))
    return text, edits


def test_apply() -> None:
    assert apply("0123456789", [made(0, 2, ""), made(4, 5, "xy"), made(9, 10, None)]) == "23xy56789"


def test_offsets_are_code_points() -> None:
    assert apply("\U0001f600ab", [made(1, 2, "-")]) == "\U0001f600-b"


@pytest.mark.parametrize("edits", [[made(3, 5, ""), made(4, 6, "")], [made(5, 11, "")], [made(4, 3, "")]])
def test_apply_refuses_what_does_not_fit(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="line:test"):
        apply("0123456789", edits)


@given(changes())
def test_the_difference_is_drawn_from_the_edited_text(change: tuple[str, list[Edit]]) -> None:
    text, edits = change
    pieces = list(difference(apply(text, edits), edits))
    assert "".join(piece.after for piece in pieces) == apply(text, edits)
    assert "".join(piece.before or "" for piece in pieces) == text


@given(changes())
def test_unedited_pieces_are_the_text_between_the_edits(change: tuple[str, list[Edit]]) -> None:
    text, edits = change
    kept = "".join(piece.after for piece in difference(apply(text, edits), edits) if piece.edit is None)
    ends = [(edit.start, edit.end) for edit in edits]
    assert kept == "".join(char for at, char in enumerate(text) if not any(a <= at < b for a, b in ends))


def test_personal_values_are_not_drawn() -> None:
    find = Edit(0, "pii", "pii:email", 5, 12, None, "00", "<EMAIL>")
    assert [(piece.before, piece.after) for piece in difference("mail <EMAIL>.", [find])] == [
        ("mail ", "mail "), (None, "<EMAIL>"), (".", "."),
    ]  # fmt: skip


def test_difference_refuses_another_text() -> None:
    with pytest.raises(ValueError, match="does not show"):
        list(difference("something else", [made(1, 2, "<EMAIL>")]))
    with pytest.raises(ValueError, match="beyond"):
        list(difference("ab", [made(5, 6, "")]))


def without(text: str, cuts: list[Cut]) -> str:
    return "".join(char for at, char in enumerate(text) if not any(cut.start <= at < cut.end for cut in cuts))


@given(changes(), st.data())
def test_cuts_of_the_edited_text_become_edits_of_the_extracted(
    change: tuple[str, list[Edit]], data: st.DataObject
) -> None:
    text, edits = change
    edited = apply(text, edits)
    places = sorted(data.draw(st.sets(st.integers(0, len(edited)), max_size=6)))
    cuts = [Cut(*places[i : i + 2], "paragraph:repeated") for i in range(0, len(places) - 1, 2)]
    composed = compose(edited, edits, cuts)
    assert apply(text, composed) == without(edited, cuts)
    pieces = list(difference(without(edited, cuts), composed))
    assert "".join(piece.after for piece in pieces) == without(edited, cuts)
    if all(edit.replacement is not None for edit in edits):
        assert "".join(piece.before or "" for piece in pieces) == text


def test_what_was_removed_before_stays_an_edit_of_its_own() -> None:
    text = "Some text. Banner. More text."
    line = made(11, 19, "", "Banner. ")
    assert compose(apply(text, [line]), [line], [Cut(5, 16, "substring:repeated")]) == [
        Edit(0, "duplicates", "substring:repeated", 5, 11, "text. ", None, ""),
        line,
        Edit(0, "duplicates", "substring:repeated", 19, 24, "More ", None, ""),
    ]


def test_a_cut_shows_no_personal_value() -> None:
    text = "To a@b.org and c@d.org now"
    replaced = Edit(3, "pii", "pii:email", 3, 10, None, "00", "<EMAIL>")
    flagged = Edit(3, "pii", "pii:email", 15, 22, None, "11", None)
    edited = apply(text, [replaced, flagged])
    assert compose(edited, [replaced, flagged], [Cut(0, len(edited), "paragraph:repeated")]) == [
        Edit(3, "duplicates", "paragraph:repeated", 0, 26, "To <EMAIL> and <EMAIL> now", None, "")
    ]
    cuts = [Cut(0, 5, "x"), Cut(20, 26, "x")]
    half = compose(edited, [replaced, flagged], cuts)
    assert apply(text, half) == without(edited, cuts) == "MAIL> and c@d.o"
    assert [edit.removed for edit in half] == ["To ", None, None, "<EMAIL> now"]


def test_a_cut_beyond_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match="3 characters"):
        compose("abc", [], [Cut(2, 4, "x")])
