"""Kept blocks as text: paragraphs apart, lists and tables line by line, code as it was.

The form is that of the other engines: an item is a line with a dash or its number, two more blanks for each level; a
row of a table is a line with bars between the cells; a definition's text stands two blanks in. Tables that only lay
out a page are written as the paragraphs that they hold.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from curate.extract.winnow import names
from curate.extract.winnow.attributes import is_space
from curate.extract.winnow.facts import CHARS
from curate.extract.winnow.scan import BREAK, Array

if TYPE_CHECKING:
    from curate.extract.winnow.analyse import Analysed

_ID = names.ID
_LI, _UL, _OL, _MENU, _DL, _DT, _DD = (_ID[name] for name in ["li", "ul", "ol", "menu", "dl", "dt", "dd"])
_TABLE, _TR, _TD, _TH, _PRE, _LISTING = (_ID[name] for name in ["table", "tr", "td", "th", "pre", "listing"])
_PRE_FLAG = 2
# A table is data when it has at least two rows of two cells, none of them nested or longer than text in a cell is.
_CELL_BLOCKS, _CELL_CHARS = 6, 250
_FEW_BLOCKS = 12
_DEEPEST_LIST = 16  # levels that are indented


class Layout:
    """Rows of a node: the nearest item, cell, row and data table around it (-1: none), and how deep in lists it is."""

    COLUMNS = ITEM, CELL, ROW, TABLE, LISTS, LEVEL = range(6)


_ITEM, _CELL, _ROW, _TABLE_AT, _LISTS, _LEVEL = Layout.COLUMNS


@njit(cache=True)
def layout(tag, parent, block_node, table):  # type: ignore[no-untyped-def]
    """Layout of every node (int32[nodes, 6]); `table` holds the facts of the blocks."""
    nodes = len(tag)
    out = np.full((nodes, 6), -1, np.int32)
    out[:, _LEVEL] = 0
    cells = np.zeros(nodes, np.int32)  # of a row
    rows = np.zeros(nodes, np.int32)  # of a table, with two cells at least
    bad = np.zeros(nodes, np.bool_)
    blocks = np.zeros(nodes, np.int32)
    chars = np.zeros(nodes, np.float32)
    for n in range(1, nodes):
        up = parent[n]
        t = tag[n]
        out[n] = out[up]
        if t in (_LI, _DT, _DD):
            out[n, _ITEM] = n
        elif t in (_UL, _OL, _MENU, _DL):
            if out[n, _LISTS] < 0:
                out[n, _LISTS] = n
            if t != _DL:
                out[n, _LEVEL] += 1
        elif t == _TABLE:
            if out[up, _TABLE_AT] >= 0:
                bad[out[up, _TABLE_AT]] = True
                bad[n] = True
            out[n, _TABLE_AT] = n
            out[n, _ROW] = -1
            out[n, _CELL] = -1
        elif t == _TR:
            out[n, _ROW] = n
            out[n, _CELL] = -1
        elif (t in (_TD, _TH)) and out[n, _ROW] >= 0:
            out[n, _CELL] = n
            row = out[n, _ROW]
            cells[row] += 1
            if cells[row] == 2 and out[n, _TABLE_AT] >= 0:
                rows[out[n, _TABLE_AT]] += 1
    for b in range(len(block_node)):
        cell = out[block_node[b], _CELL]
        if cell >= 0 and out[cell, _TABLE_AT] >= 0:
            blocks[cell] += 1
            chars[cell] += table[b, CHARS]
            if blocks[cell] > _CELL_BLOCKS or (chars[cell] > _CELL_CHARS and blocks[cell] > 1):
                bad[out[cell, _TABLE_AT]] = True
            if tag[block_node[b]] == _PRE or tag[block_node[b]] == _LISTING:
                bad[out[cell, _TABLE_AT]] = True
    for n in range(1, nodes):
        held = out[n, _TABLE_AT]
        if held >= 0 and (bad[held] or rows[held] < 2):
            out[n, _TABLE_AT] = -1
            out[n, _ROW] = -1
            out[n, _CELL] = -1
        elif held >= 0 and out[n, _CELL] < 0:
            out[n, _ROW] = -1
    return out


@njit(cache=True)
def _room(out, at, more):  # type: ignore[no-untyped-def]
    """The buffer, or a longer copy of it where `more` bytes do not fit after `at`."""
    if at + more <= len(out):
        return out
    longer = np.empty(2 * (at + more), np.uint8)
    longer[:at] = out[:at]
    return longer


@njit(cache=True)
def _is_gutter(buf, run_begin, run_end, low, high):  # type: ignore[no-untyped-def]
    """Whether preformatted text is line numbers alone."""
    lines = 0
    for r in range(low, high):
        for i in range(run_begin[r], run_end[r]):
            if buf[i] == 10:
                lines += 1
            elif not (48 <= buf[i] <= 57 or is_space(buf[i])):
                return False
    return True


@njit(cache=True)
def bytes_of(buf, tag, parent, ordinal, places, run_begin, run_end, run_flags, block_node, first, keep):  # type: ignore[no-untyped-def]
    """The bytes of the text of the kept blocks, entities not yet decoded."""
    out = np.empty(4096, np.uint8)
    at = 0
    seen = np.zeros(len(tag), np.bool_)
    last = -1  # node of the block before
    for b in range(len(block_node)):
        if not keep[b]:
            continue
        node = block_node[b]
        low = first[b]
        high = first[b + 1]
        pre = (run_flags[low] & _PRE_FLAG) != 0
        if pre and _is_gutter(buf, run_begin, run_end, low, high):
            continue
        size = 0
        for r in range(low, high):
            size += run_end[r] - run_begin[r] + 1
        place = places[node]
        cell = place[_CELL]
        bars = 0
        start = at
        out = _room(out, at, size + 64)
        if last >= 0:
            before = places[last]
            if cell >= 0 and before[_ROW] == place[_ROW]:
                bars = max(0, ordinal[cell] - ordinal[before[_CELL]])
                if bars == 0:
                    out[at] = 32
                    at += 1
            else:
                inside = (cell >= 0 and before[_TABLE_AT] == place[_TABLE_AT]) or (
                    place[_LISTS] >= 0 and before[_LISTS] == place[_LISTS]
                )
                out[at] = 10
                at += 1
                if not inside:
                    out[at] = 10
                    at += 1
                if cell >= 0:
                    bars = max(0, ordinal[cell] - 1)
        if bars:
            out = _room(out, at, size + 64 + 3 * bars)
            if at and out[at - 1] != 10:
                out[at] = 32
                at += 1
            for _ in range(bars):
                out[at] = 124
                out[at + 1] = 32
                at += 2
        item = place[_ITEM]
        if item >= 0 and not seen[item] and cell < 0:
            seen[item] = True
            level = min(_DEEPEST_LIST, max(0, place[_LEVEL] - 1))
            out = _room(out, at, size + 64 + 2 * level)
            for _ in range(2 * level + (2 if tag[item] == _DD else 0)):
                out[at] = 32
                at += 1
            if tag[item] == _LI:
                numbered = ordinal[item] if tag[parent[item]] == _OL else 0
                if numbered:
                    digits = 1
                    while 10**digits <= numbered:
                        digits += 1
                    for k in range(digits):
                        out[at + digits - 1 - k] = 48 + numbered % 10
                        numbered //= 10
                    at += digits
                    out[at] = 46
                else:
                    out[at] = 45
                out[at + 1] = 32
                at += 2
        content = at
        blank = False
        for r in range(low, high):
            if run_flags[r] & BREAK:
                if pre:
                    after = buf[run_begin[r]] if run_begin[r] < len(buf) else 0
                    if at > content and out[at - 1] != 10 and after != 10 and after != 13:
                        out[at] = 10
                        at += 1
                elif at > content and cell < 0:
                    if out[at - 1] != 10:
                        out[at] = 10
                        at += 1
                    blank = False
                else:
                    blank = True
                continue
            if pre:
                for i in range(run_begin[r], run_end[r]):
                    if at == content and (buf[i] == 10 or buf[i] == 13):
                        continue
                    out[at] = buf[i]
                    at += 1
                continue
            for i in range(run_begin[r], run_end[r]):
                c = buf[i]
                if is_space(c):
                    blank = True
                    continue
                if blank:
                    blank = False
                    if at > content and out[at - 1] != 10:
                        out[at] = 32
                        at += 1
                out[at] = c
                at += 1
        while at > content and is_space(out[at - 1]):
            at -= 1
        if at == content:
            at = start  # nothing but white space: as if it were not there
        else:
            last = node
    return out[:at]


def write_kept(analysed: Analysed, scores: Array, least: float) -> str:
    """The text of the blocks with at least that score; a table of data is kept or left as a whole."""
    page = analysed.page
    table = analysed.known.facts
    places = layout(page.tag, page.parent, page.block_node, table)
    keep = chosen(scores, least, page.block_node, table, places)
    return write(analysed, keep, places)


def write(analysed: Analysed, keep: Array, places: Array) -> str:
    """The text of the blocks marked in `keep`; `places` is their layout."""
    page = analysed.page
    out = bytes_of(
        analysed.data,
        page.tag,
        page.parent,
        page.ordinal,
        places,
        page.run_begin,
        page.run_end,
        page.run_flags,
        page.block_node,
        page.block_first,
        keep,
    )
    return text_of(out)


def text_of(out: Array) -> str:
    """The text of written bytes: entities decoded, no-break spaces as spaces."""
    text = out.tobytes().decode("utf-8", "replace")
    if "&" in text:
        text = html.unescape(text)
    return text.replace("\xa0", " ")


@njit(cache=True)
def chosen(scores, least, block_node, table, places):  # type: ignore[no-untyped-def]
    """Which blocks are kept: by their own score, and those of a table of data by its mean, weighted by length."""
    if 0 < len(scores) <= _FEW_BLOCKS and scores.max() < least:
        least = scores.max() - 0.5  # a fragment, or a page of a few words: its best is its text
    keep = scores >= least
    total = np.zeros((len(places), 2))
    for b in range(len(keep)):
        held = places[block_node[b], _TABLE_AT]
        if held >= 0:
            weight = table[b, CHARS] + 1
            total[held, 0] += weight * scores[b]
            total[held, 1] += weight
    for b in range(len(keep)):
        held = places[block_node[b], _TABLE_AT]
        if held >= 0:
            keep[b] = total[held, 0] >= least * total[held, 1]
    return keep
