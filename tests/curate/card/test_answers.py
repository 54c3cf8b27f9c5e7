from __future__ import annotations

from pathlib import Path

import pytest

from curate.card.answers import BLANKS, Answers, load, open_blanks
from workbench.errors import UserError

from .conftest import ANSWERS


def answers(folder: Path, text: str) -> Answers:
    path = folder / "card.yaml"
    path.write_text(text)
    return load(path)


def test_without_a_file_every_blank_is_open() -> None:
    assert open_blanks(load(None)) == list(BLANKS)


def test_answered_blanks_are_closed(tmp_path: Path) -> None:
    assert {blank.name for blank in open_blanks(answers(tmp_path, ANSWERS))} == {
        blank.name for blank in BLANKS if not blank.required
    }


@pytest.mark.parametrize("text", ["TODO", "' '", "tbd", "'?'"])
def test_what_says_nothing_is_no_answer(tmp_path: Path, text: str) -> None:
    assert "purpose" in {blank.name for blank in open_blanks(answers(tmp_path, f"purpose: {text}"))}
    assert "creators" in {blank.name for blank in open_blanks(answers(tmp_path, f"creators: [{text}]"))}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: a\nlicense: mit\n", 2, "unknown name 'license'"),
        ("name: a\ndate_published: yesterday\n", 2, "2026-01-31"),
        ("version: '1'\n", 1, "MAJOR.MINOR.PATCH"),
        ("licences:\n  - {host: a, file: b, licence: mit}\n", 2, "either a host or a file"),
        ("licences:\n  - {licence: mit}\n", 2, "either a host or a file"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        answers(tmp_path, text)
    assert error.value.line == line
