"""The character tables say what Python says, and expand fast."""

import unicodedata

import pytest

from curate.segment import tables
from curate.segment.tables import CATEGORIES, SCRIPTS, WORD_BREAKS, classes

METHODS = {
    tables.ALPHA: str.isalpha,
    tables.SPACE: str.isspace,
    tables.UPPER: str.isupper,
    tables.LOWER: str.islower,
    tables.DIGIT: str.isdigit,
    tables.DECIMAL: str.isdecimal,
    tables.ALNUM: str.isalnum,
}


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the tables hold Unicode 14, this Python another")
def test_flags_categories_and_lower_case_are_those_of_python() -> None:
    table = classes()
    chars = [chr(code) for code in range(tables.SIZE)]
    for bit, method in METHODS.items():
        assert [bool(found) for found in table.flags & bit] == list(map(method, chars)), bit
    assert [CATEGORIES[number] for number in table.category] == list(map(unicodedata.category, chars))
    lower = [c.lower() for c in chars]
    single = [ord(mapped) if len(mapped) == 1 else code for code, mapped in enumerate(lower)]
    assert table.lower.tolist() == single


@pytest.mark.parametrize(
    ("char", "script", "word_break", "flag"),
    [
        ("a", "Latin", "ALetter", tables.ALPHA),
        ("я", "Cyrillic", "ALetter", tables.LOWER),
        ("中", "Han", "Other", tables.IDEOGRAPH),
        ("カ", "Katakana", "Katakana", tables.ALPHA),
        ("あ", "Hiragana", "Other", tables.ALPHA),
        ("ไ", "Thai", "Other", tables.ALPHA),
        ("א", "Hebrew", "Hebrew_Letter", tables.ALPHA),
        ("5", "Common", "Numeric", tables.DECIMAL),
        ("\u0301", "Inherited", "Extend", 0),
        ("。", "Common", "Other", tables.SENTENCE_TERMINAL),
        ("😀", "Common", "Other", tables.PICTOGRAPH),
        ("\u0378", "Unknown", "Other", 0),
    ],
)
def test_scripts_word_breaks_and_flags(char: str, script: str, word_break: str, flag: int) -> None:
    table = classes()
    assert SCRIPTS[table.script[ord(char)]] == script
    assert WORD_BREAKS[table.word_break[ord(char)]] == word_break
    assert table.flags[ord(char)] & flag == flag
