"""Source pages of the sample: a small front matter and a small Markdown, parsed into blocks.

Beyond paragraphs, headings, lists, tables, quotes, fenced code and `$$` formulas there are four marks of our own:
`@@ user | time` opens a post of a forum thread, `!product price | name | note` is a row of a shop, `%% kind | line`
plants a line that an edit should remove (it is no part of the page's true text), and `{{name}}` stands for a value that
is made from the seed (a piece of personal data, or a question of the benchmark).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

BLANKS = re.compile(r"\{\{([a-z0-9_.-]+)\}\}")
_MARKS = re.compile(r"\*\*(.+?)\*\*|\*(.+?)\*|`(.+?)`|\[([^\]]+)\]\([^)]+\)")
_ITEM = re.compile(r"(?:- |\d+\. )")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page, of one of eleven kinds."""

    kind: str  # heading text bullets numbers table code formula quote post product planted
    text: str = ""
    items: tuple[str, ...] = ()  # list items, or the cells of a product row
    rows: tuple[tuple[str, ...], ...] = ()  # of a table, the header first
    info: str = ""  # code: language; post: time; planted: kind of edit


@dataclass(frozen=True, slots=True)
class Page:
    """One source page; what it says about itself, and its body with the blanks still open."""

    slug: str
    site: str
    path: str
    title: str
    kind: str
    lang: str | None  # None: the language of its site
    expect: str  # keep | drop | either
    rules: tuple[str, ...]  # words of which one must occur in the id of the rule that drops it
    by: str
    date: str
    math: str  # mathjax | mathml | katex
    design: str  # "": the design of its site
    source: str
    names: tuple[str, ...] = field(default=())  # the blanks, in order of appearance

    def filled(self, values: Mapping[str, str]) -> str:
        """The source with its blanks filled in. Raises KeyError for a blank without a value."""
        return BLANKS.sub(lambda found: values[found[1]], self.source)


@cache
def pages() -> dict[str, Page]:
    """All source pages by slug, in the order of their names."""
    folder = resources.files("curate.sample") / "pages"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".md"))
    return {name[:-3]: _page(name[:-3], (folder / name).read_text("utf-8")) for name in names}


def _page(slug: str, text: str) -> Page:
    head, _, body = text.partition("\n\n")
    said = dict(line.split(": ", 1) for line in head.split("\n"))
    return Page(
        slug=slug,
        site=said["site"],
        path=said["path"],
        title=said["title"],
        kind=said["kind"],
        lang=said.get("lang"),
        expect=said["expect"],
        rules=tuple(said.get("rules", "").split()),
        by=said.get("by", ""),
        date=said.get("date", ""),
        math=said.get("math", "mathjax"),
        design=said.get("design", ""),
        source=body.rstrip("\n"),
        names=tuple(dict.fromkeys(BLANKS.findall(body))),
    )


def blocks(source: str) -> list[Block]:
    """The blocks of a page body whose blanks are filled in."""
    lines = source.split("\n")
    found: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line:
            at += 1
        elif line.startswith("```"):
            end = lines.index("```", at + 1)
            found.append(Block("code", "\n".join(lines[at + 1 : end]), info=line[3:]))
            at = end + 1
        else:
            end = at + 1
            while end < len(lines) and lines[end] and not _opens(line, lines[end]):
                end += 1
            found.append(_block(lines[at:end]))
            at = end
    return found


def _opens(first: str, line: str) -> bool:
    """Whether `line` begins a block of its own although no blank line precedes it."""
    return first.startswith(("@@ ", "!product ", "%% ")) or line.startswith(("```", "@@ ", "!product "))


def _block(lines: list[str]) -> Block:
    first = lines[0]
    if first.startswith("## "):
        return Block("heading", first[3:])
    if first.startswith("@@ "):
        user, _, when = first[3:].partition(" | ")
        return Block("post", user, info=when)
    if first.startswith("!product "):
        return Block("product", items=tuple(first[9:].split(" | ")))
    if first.startswith("%% "):
        kind, _, text = first[3:].partition(" | ")
        return Block("planted", text, info=kind)
    if first.startswith("> "):
        return Block("quote", " ".join(line[2:] for line in lines))
    if first.startswith("$$"):
        return Block("formula", "\n".join(lines).strip("$"))
    if first.startswith("|"):
        rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
        return Block("table", rows=(rows[0], *rows[2:]))
    if _ITEM.match(first):
        kind = "bullets" if first.startswith("- ") else "numbers"
        return Block(kind, items=tuple(_ITEM.sub("", line, count=1) for line in lines))
    return Block("text", " ".join(lines))


def plain(text: str) -> str:
    """A line without its inline marks; formulas stay as TeX between dollars."""
    parts = re.split(r"(\$[^$]+\$)", text)
    return "".join(part if part.startswith("$") else _MARKS.sub(_inside, part) for part in parts)


def _inside(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group is not None)


def paragraphs(body: list[Block]) -> list[str]:
    """The true text of a page, block by block, as an ideal extractor would give it: nothing planted, nothing around."""
    out: list[str] = []
    for block in body:
        if block.kind in ("heading", "text", "quote"):
            out.append(plain(block.text))
        elif block.kind in ("bullets", "numbers"):
            out += [plain(item) for item in block.items]
        elif block.kind == "table":
            out += [" | ".join(plain(cell) for cell in row) for row in block.rows]
        elif block.kind == "code":
            out.append(block.text)
        elif block.kind == "formula":
            out.append(f"$${block.text}$$")
        elif block.kind == "product":
            out += block.items
    return out
