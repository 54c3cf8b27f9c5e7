"""What a word is, for texts and queries alike: SQLite's unicode61 tokens, and each sign of scripts without blanks.

unicode61 takes a line of Chinese or Thai for one word. Its trigram tokenizer finds parts of it, but none shorter than
three characters, which most Chinese and many Japanese and Korean words are; benchmarks/search.py compares the two. So
every sign of these scripts (with the marks it carries) is set off as a word, and a word of them is asked as a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

# Letters, numbers and private use, as unicode61 has it, and marks: without them it cuts Hindi words at every vowel.
TOKENIZER = "unicode61 remove_diacritics 2 categories 'L* N* Co M*'"

# Control characters, for unicode61 takes noncharacters for letters. Where a text holds them itself, blanks stand for
# them, and for NUL, which ends a text or a query inside SQLite.
BEGIN, END, GAP = "\x02", "\x03", "\x1f"
_TAKEN = f"\0{BEGIN}{END}{GAP}"
_BLANKS = str.maketrans(dict.fromkeys(_TAKEN, " "))

# Thai and Lao, Burmese, Khmer, more Burmese.
_SOUTH_EAST_ASIAN = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0xAA60, 0xAA7F),
)  # Thai, Lao, Burmese, Khmer
_SIGNS = (
    *_SOUTH_EAST_ASIAN,
    (0x3005, 0x3007),  # iteration mark and zero of Han
    (0x3041, 0x30FF),  # kana
    (0x3105, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),  # Hangul writes blanks, but fastens particles to the word
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x323AF),
)
_SIGN = "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _SIGNS) + "]"
_MARKS = "".join(
    chr(code)
    for first, last in _SOUTH_EAST_ASIAN
    for code in range(first, last + 1)
    if unicodedata.category(chr(code)).startswith("M")
)
_ANY_SIGN = re.compile(_SIGN)
_MARKED_SIGN = re.compile(f"{_SIGN}[{_MARKS}]*")
_RUN_OF_SIGNS = re.compile(f"(?:{_SIGN}[{_MARKS}]*)+")
_MARKERS = re.compile(f"([{BEGIN}{END}{GAP}])")


def prepare(text: str) -> str:
    """The text as the tokenizer reads it: signs set off by GAP; all other characters stay, one for one."""
    if any(character in text for character in _TAKEN):
        text = text.translate(_BLANKS)
    return _MARKED_SIGN.sub(rf"{GAP}\g<0>{GAP}", text) if _ANY_SIGN.search(text) else text


def spans(highlighted: str) -> list[tuple[int, int]]:
    """Where matches begin and end, in code points of the text, from `prepare`d text with BEGIN and END around them."""
    found, at, begin = [], 0, 0
    for piece in _MARKERS.split(highlighted):
        if piece == BEGIN:
            begin = at
        elif piece == END:
            found.append((begin, at))
        elif piece != GAP:
            at += len(piece)
    return found


def parts(word: str) -> list[str]:
    """A word of a query in which any word will do: runs of signs fall into overlapping pairs, the rest stays."""
    found, at = [], 0
    for run in _RUN_OF_SIGNS.finditer(word):
        signs = _MARKED_SIGN.findall(run[0])
        found += [word[at : run.start()], *(left + right for left, right in pairwise(signs))]
        if len(signs) == 1:
            found += signs
        at = run.end()
    return [part for part in (*found, word[at:]) if part]
