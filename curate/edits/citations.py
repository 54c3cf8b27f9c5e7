"""Citation and edit marks: [12], [edit], [citation needed] and their kin in other languages.

`c4@datatrove` and `c4@tfds` are one regular expression over the whole text. `winnow` knows the marks of Wikipedias in
many languages and leaves what only looks like one: an index in code, a link label, a list of numbers that is data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

from curate.edits.phrases import any_of, table

# tensorflow_datasets/text/c4_utils.py and datatrove's c4_filters.py agree; note that it takes [] too.
C4 = re.compile(r"\[\d*]|\[edit]|\[citation needed]")

LEAST_ON_WORDS = 3  # different numbers on words that make them citations

_BRACKETS = re.compile(r"\[([^\[\]\n]{1,60})]")
_NUMBERS = re.compile(r"\s?[1-9]\d{0,2}(?:\s?[,;–-]\s?[1-9]\d{0,2}){0,9}\s?")
# Signs of code, or of what it printed, in the line: there, brackets are an index or a list.
_CODE = re.compile(
    r"[;{}=$\\]|->|<-|\w\(|\)\.|\]\.\w|\w\[\w+\]\[|::|&&|//|>>|\[['\"]|\]\)? [-+*/%] |(?<!\w)(?:In|Out) ?\[|^\s*[#>|+]"
)
_UNSPACED = "\u2e80"  # from here on come the scripts without spaces, and their punctuation
_TOUCHES = ".,;:!?\"'”’»)。，、；：！？」』"
_ENDS = frozenset(" \t.,;!?\"'”’»)([—–-。，、；！？「」『』") | {""}


def finder(variant: str) -> Callable[[str], Iterator[tuple[int, int]]]:
    """The function that gives the spans of the marks in a line, for a variant of `EditsConfig.citations`."""
    return _winnow if variant == "winnow" else _c4


def _c4(line: str) -> Iterator[tuple[int, int]]:
    for found in C4.finditer(line):
        yield found.span()


@cache
def _marks() -> re.Pattern[str]:
    return re.compile(any_of(table("citations")["marks"]))


def _winnow(line: str) -> Iterator[tuple[int, int]]:
    prose: bool | None = None
    last = -1
    for found in _BRACKETS.finditer(line):
        start, end = found.span()
        inside = found[1]
        before, after = line[start - 1 : start], line[end : end + 1]
        if before == "[" or after in ("]", "(") or (after == ":" and not before.strip()):
            continue  # nested brackets, and the links and link targets of Markdown
        if _NUMBERS.fullmatch(inside):
            # A number is a mark where it touches the text that it supports, not where it is a word of it ("in [12]").
            touches = before.isalpha() or (before != "" and before in _TOUCHES) or start == last
            if not touches or not (after in _ENDS or after >= _UNSPACED) or not _rises(inside):
                continue
            if prose is None:
                prose = _CODE.search(line) is None and (len(line.split()) > 2 or before >= _UNSPACED)
            if not prose or (start != last and _WORD_BEFORE.search(line[max(0, start - 24) : start]) is None):
                continue
        elif not _marks().fullmatch(inside.strip().lower()):
            continue
        if _balanced(line, start, end):
            last = end
            yield start, end


# A word or the end of a sentence or of a quotation, not a variable: "element[1]" is not told from it, "a[1]" is.
_WORD_BEFORE = re.compile(
    r"(?:(?<![\w.$@])[^\W\d_]{2,}|[^\W\d_][\d%]*[^\w\s]{1,3}|[\u2e80-\uffdc]|\d[%.,;:)\"”’»]{1,3}|\])$"
)


def supported(text: str, marks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The marks of a whole document, without numbers on words where there are too few of them to be citations.

    `args[1]` reads like a mark; a text with citations has several, of different numbers.
    """
    weak = [(start, end) for start, end in marks if text[start - 1 : start].isalpha() and text[start + 1].isdecimal()]
    if len({text[start:end] for start, end in weak}) >= LEAST_ON_WORDS:
        return marks
    return sorted({*marks} - {*weak})


def _rises(inside: str) -> bool:
    numbers = [int(number) for number in re.findall(r"\d+", inside)]
    return all(low < high for low, high in pairwise(numbers))


def _balanced(line: str, start: int, end: int) -> bool:
    """No bracket is open around the mark, so that what is left cannot close up to a new mark."""
    # A mark is at most 62 characters long, so no farther bracket can make one with this.
    before, after = line[max(0, start - 64) : start], line[end : end + 64]
    closing, opening = after.find("]"), after.find("[")
    is_open = before.rfind("[") > before.rfind("]")
    return not is_open and not (closing >= 0 and (opening < 0 or closing < opening))
