"""Results as text: tables in aligned columns, drawn by rich on a terminal and plain everywhere else."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from workbench.visible import one_line, visible

_BLANKS = re.compile(r"\s+")
_TWO_COLUMNS = 60  # the narrowest terminal on which two texts are read beside each other


@dataclass(frozen=True, slots=True)
class Table:
    """A table to show: column names, rows of values, and a title or a note where the reader needs one.

    Numbers are set right-aligned, None as a dash; a value may be a ready string such as `percent(0.5)`.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one pair a line."""

    facts: Sequence[tuple[str, Any]]
    title: str = field(default="")


@dataclass(frozen=True, slots=True)
class Beside:
    """Two texts beside each other, in rows of two cells and whether they say the same.

    A cell is a text in pieces, each with whether it is marked. On a narrow terminal and off terminals the two stand
    below each other: `=` for what both say, `<` and `>` for each, with the marks in «».
    """

    heads: tuple[str, str]
    rows: Sequence[tuple["Marked", "Marked", bool]]
    title: str = ""
    note: str = ""


Marked = Sequence[tuple[str, bool]]
Block = Table | Facts | Beside | str


def count(number: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{number:,}"


def percent(share: float | None) -> str:
    """0.1234 -> 12.3 %; shares that are small but not nothing keep their first digit."""
    if share is None or share != share:
        return "-"
    return f"{100 * share:.1f} %" if share == 0 or abs(share) >= 0.001 else f"{100 * share:.2g} %"


def size(number: float) -> str:
    """Bytes in the unit that leaves one to four digits: 1536 -> 1.5 KiB."""
    unit = "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 0.4 s, 12 s, 3 min 05 s, 2 h 07 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def cell(value: Any) -> str:
    """One value as safe text on one line."""
    if value is None or value != value:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return one_line(str(value))


def width(text: str) -> int:
    """Columns that `text` takes on a terminal: two for wide East Asian characters, none for combining marks."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def plain(block: Block) -> str:
    """A block as aligned plain text that ends in a newline."""
    if isinstance(block, str):
        return visible(block, keep="\n\t") + "\n"
    if isinstance(block, Facts):
        names = [cell(name) for name, _ in block.facts]
        room = max(map(width, names), default=0)
        lines = [_pad(name, room) + "  " + cell(value) for name, (_, value) in zip(names, block.facts, strict=True)]
        return "\n".join([*_title(block.title), *lines]) + "\n"
    if isinstance(block, Beside):
        return _plain_beside(block)
    return _plain_table(block)


def _plain_beside(block: Beside) -> str:
    lines = [*_title(block.title), *(f"{side} {cell(head)}" for side, head in zip("<>", block.heads, strict=True))]
    for left, right, same in block.rows:
        if same:
            lines.append("= " + "".join(_flat(piece) for piece, _ in left))
            continue
        for side, pieces in (("<", left), (">", right)):
            if any(piece.strip() for piece, _ in pieces):
                text = "".join(f"«{_flat(piece)}»" if marked else _flat(piece) for piece, marked in pieces)
                lines.append(f"{side} {text.strip()}")
    return "\n".join([*lines, *_title(block.note)]) + "\n"


def _flat(text: str) -> str:
    """Safe text whose runs of white space are blanks."""
    return visible(_BLANKS.sub(" ", text))


def _plain_table(table: Table) -> str:
    heads = [cell(name) for name in table.columns]
    rows = [[cell(value) for value in row] for row in table.rows]
    rooms = [max(map(width, column)) for column in zip(heads, *rows, strict=True)]
    right = [is_numeric(table.rows, index) for index in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        parts = zip(cells, rooms, right, strict=True)
        return "  ".join(_pad(text, room, right=numeric) for text, room, numeric in parts).rstrip()

    rule = "  ".join("-" * room for room in rooms)
    note = [one_line(table.note)] if table.note else []
    return "\n".join([*_title(table.title), line(heads), rule, *map(line, rows), *note]) + "\n"


def _title(title: str) -> list[str]:
    return [one_line(title)] if title else []


def _pad(text: str, room: int, *, right: bool = False) -> str:
    gap = " " * (room - width(text))
    return gap + text if right else text + gap


def is_numeric(rows: Sequence[Sequence[Any]], index: int) -> bool:
    """Whether a column holds nothing but numbers and percentages."""
    values = [row[index] for row in rows if row[index] not in (None, "-")]
    return bool(values) and all(
        (isinstance(value, int | float) and not isinstance(value, bool)) or str(value).endswith(" %")
        for value in values
    )


def show(blocks: Sequence[Block], stream: TextIO) -> None:
    """Write the blocks to `stream`, with rich on a terminal (imported only then)."""
    if not stream.isatty():
        stream.write("\n".join(map(plain, blocks)))
        return
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    for index, block in enumerate(blocks):
        if isinstance(block, Table) or (isinstance(block, Beside) and console.width >= _TWO_COLUMNS):
            console.print(_rich(block) if isinstance(block, Table) else _rich_beside(block))  # with a blank line
            continue
        if index and not isinstance(blocks[index - 1], Table):
            console.print()
        console.print(plain(block).removesuffix("\n"), soft_wrap=True)  # a command to copy must stay on one line


def _rich(table: Table) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=Text(one_line(table.title)) if table.title else None,
        caption=Text(one_line(table.note)) if table.note else None,
        box=SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    for index, name in enumerate(table.columns):
        numeric = is_numeric(table.rows, index)
        drawn.add_column(Text(cell(name)), justify="right" if numeric else "left", no_wrap=numeric)
    for row in table.rows:
        drawn.add_row(*(Text(cell(value)) for value in row))
    return drawn


def _rich_beside(block: Beside) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=Text(one_line(block.title)) if block.title else None,
        caption=Text(one_line(block.note)) if block.note else None,
        box=SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        expand=True,
    )
    for head in block.heads:
        drawn.add_column(Text(cell(head)), ratio=1, overflow="fold")
    for left, right, _ in block.rows:
        drawn.add_row(
            *(
                Text.assemble(*((_flat(piece), "green" if marked else "bold") for piece, marked in pieces))
                for pieces in (left, right)
            )
        )
    return drawn
