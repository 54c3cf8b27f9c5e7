import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.visible import one_line, split, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gnp\u202eexe", "gnp⟨U+202E⟩exe"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u0085", "⟨U+0085⟩"),
        ("\ufeffbom", "⟨U+FEFF⟩bom"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("❤\ufe0f é مرحبا 日本", "❤\ufe0f é مرحبا 日本"),
    ],
)
def test_hidden_characters_get_marks(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_kept_characters_stay() -> None:
    assert visible("a\n\tb\r", keep="\n\t") == "a\n\tb⟨U+000D⟩"


def test_marks_that_pile_up_are_named_from_the_tenth_on() -> None:
    assert visible("e" + 9 * "\u0301") == "e" + 9 * "\u0301"
    assert visible("e" + 11 * "\u0301" + "x") == "e" + 9 * "\u0301" + 2 * "⟨U+0301⟩" + "x"
    assert visible("\u0646\u0651\u064e \u0915\u094d\u0937\u093f") == "\u0646\u0651\u064e \u0915\u094d\u0937\u093f"


def test_one_line() -> None:
    assert one_line("a\n  b\tc\x07") == "a b c⟨U+0007⟩"


@given(st.text())
def test_pieces_make_the_text(text: str) -> None:
    pieces = list(split(text))
    assert "".join(piece for piece, _ in pieces) == text
    assert all(len(piece) == 1 and visible(piece) != piece for piece, hidden in pieces if hidden)
    assert all(visible(piece) == piece for piece, hidden in pieces if not hidden)
