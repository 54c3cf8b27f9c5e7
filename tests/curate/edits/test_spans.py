import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.edits import Edit, apply, difference


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
