"""trafilatura's result tree as plain text: paragraphs apart, lists and tables line by line, code as it was.

The library's own plain text sets everything on single lines and loses blank lines in code; its Markdown marks emphasis
and escapes characters, which is noise in text for training.
"""

from __future__ import annotations

import re
from typing import Any

_SPACE = re.compile(r"\s+")
_BLOCKS = frozenset(("p", "head", "quote", "list", "item", "table", "row", "div", "body", "ab", "lg"))
_SKIPPED = frozenset(("graphic", "done"))


def tree_text(body: Any) -> str:
    """Plain text of a tree of the tags p, head, quote, list, item, table, row, cell, code, lb, hi, del, ref."""
    if len(body) == 1 and body[0].tag == "p" and len(body[0]) == 0:
        return body[0].text or ""  # the last resort of the library: lines of the whole page in one paragraph
    writer = _Writer()
    writer.children(body)
    return "".join(writer.parts)


class _Writer:
    """Text written so far, and what is due before the next word: a space, or so many newlines."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.space = False
        self.newlines = 0
        self.mark = ""
        self.level = 0
        self.numbers: list[int] = []
        self.in_cell = False
        self.bars = 0  # cells that ended in this row; written with the next text, so none at the end of a line

    def words(self, text: str | None) -> None:
        """Running text: white space of the source is one space."""
        if not text:
            return
        words = _SPACE.sub(" ", text)
        if words[0] == " ":
            self.space = True
            words = words[1:]
        if words:
            self._put(words.rstrip(" "))
            self.space = words[-1] == " "

    def lines(self, text: str) -> None:
        """Text whose line breaks and indentation stay."""
        self.end_line(2)
        self._put(text.strip("\n"))
        self.end_line(2)

    def end_line(self, newlines: int) -> None:
        """The next word starts on a line of its own, after a blank line for 2; in a table's cell lines do not end."""
        if self.in_cell:
            self.space = True
        elif self.parts:
            self.newlines = max(self.newlines, newlines)

    def children(self, element: Any) -> None:
        """The content of an element: its text, its children and what follows each."""
        self.words(element.text)
        for child in element:
            if isinstance(child.tag, str):
                self.element(child)
            self.words(child.tail)

    def element(self, element: Any) -> None:
        """An element by its tag; unknown ones are running text."""
        tag = element.tag
        if tag == "lb":
            self.end_line(1)
        elif tag == "code":
            self.code(element)
        elif tag == "list":
            self.list(element)
        elif tag == "table":
            self.table(element)
        elif tag in _BLOCKS:
            gap = 2 if self.level == 0 else 1
            self.end_line(gap)
            self.children(element)
            self.end_line(gap)
        elif tag not in _SKIPPED:
            self.children(element)

    def code(self, element: Any) -> None:
        """A block where there is a line break inside, else part of the line."""
        text = _raw(element)
        if "\n" in text.strip() and not self.in_cell:
            self.lines(text)
        else:
            self.words(text)

    def list(self, element: Any) -> None:
        """One line for each item, two more blanks of indentation for each level."""
        outer = 2 if self.level == 0 else 1
        self.end_line(outer)
        self.level += 1
        number = 0
        self.words(element.text)
        for item in element:
            if item.tag != "item":
                self.element(item)
            else:
                number += 1
                kind = item.get("rend") or element.get("rend") or "ul"
                self.end_line(1)
                self.mark = _mark(kind, number, self.level)
                self.children(item)
                self.mark = ""
            self.end_line(1)
            self.words(item.tail)
        self.level -= 1
        self.end_line(outer)

    def table(self, element: Any) -> None:
        """One line for each row, cells set apart by bars; a table in a cell is running text."""
        self.end_line(2)
        self.words(element.text)
        for row in element:
            self.end_line(1)
            if row.tag == "row":
                self.row(row)
            elif isinstance(row.tag, str):
                self.element(row)
            self.words(row.tail)
        self.end_line(2)

    def row(self, row: Any) -> None:
        """Cells with bars between them."""
        outermost = not self.in_cell
        self.in_cell = True
        for index, cell in enumerate(row):
            self.bars += index > 0
            self.children(cell)
        if outermost:
            self.in_cell, self.bars, self.space = False, 0, False

    def _put(self, text: str) -> None:
        if not text:
            return
        if self.newlines:
            self.parts.append("\n" * self.newlines)
        elif self.space and self.parts:
            self.parts.append(" ")
        self.newlines, self.space = 0, False
        if self.mark:
            self.parts.append(self.mark)
            self.mark = ""
        if self.bars:
            before = " " if self.parts and not self.parts[-1][-1].isspace() else ""
            self.parts.append(before + "| " * self.bars)
            self.bars = 0
        self.parts.append(text)


def _mark(kind: str, number: int, level: int) -> str:
    """What stands before an item: a dash, a number, or for definitions (`dt-1`, `dd-1`) nothing and an indentation."""
    indent = "  " * (level - 1)
    if kind.startswith("dt"):
        return indent
    if kind.startswith("dd"):
        return indent + "  "
    return f"{indent}{number}. " if kind == "ol" else f"{indent}- "


def _raw(element: Any) -> str:
    """All text inside, line breaks for <lb>."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == "lb":
            parts.append("\n")
        elif isinstance(child.tag, str):
            parts.append(_raw(child))
        parts.append(child.tail or "")
    return "".join(parts)
