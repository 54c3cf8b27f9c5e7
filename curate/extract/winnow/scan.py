"""One pass over the bytes of a page: elements and runs of text as flat arrays, blocks of text as runs without a break.

No tree of objects is built and nothing recurses. End tags that HTML lets authors leave out are implied (p, li, dt, dd,
cells, rows); an end tag closes the nearest element of its name, but not through a table cell, and is passed over where
none is open. Elements nested deeper than DEEPEST count as their ancestor at that depth, as browsers have it.

    nodes   block elements in the order of their start tags: tag, parent (-1: the page), depth, bits of their class, id
            and role, signature (hash of tag and class), ordinal among the children of its parent with the same tag
    runs    pieces of text without a tag inside: begin and end (bytes of the page), block, flags
    blocks  node, first run (those of block b are first[b]:first[b + 1]), bits of the inline elements around it
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from curate.extract.winnow import names
from curate.extract.winnow.attributes import (
    BASIS,
    MARKUP,
    PRIME,
    TARGET,
    attributes,
    find_after,
    find_close,
    is_space,
    lookup,
    starts_tag,
)
from curate.extract.winnow.names import BLOCK, IGNORE, INLINE, RAW, SKIP, VOID

DEEPEST = 512
LINK, PRE, BREAK, BOLD, BUTTON, CODE = 1, 2, 4, 8, 16, 32

_ID = names.ID
_A, _P, _LI, _BR, _HR, _PRE, _BUTTON = (_ID[name] for name in ("a", "p", "li", "br", "hr", "pre", "button"))
_B, _STRONG, _CODE, _DT, _DD, _TR, _TD, _TH = (
    _ID[name] for name in ["b", "strong", "code", "dt", "dd", "tr", "td", "th"]
)
_TABLE, _UL, _OL, _DL, _MENU, _H1, _H6 = (_ID[name] for name in ["table", "ul", "ol", "dl", "menu", "h1", "h6"])
_TBODY, _THEAD, _TFOOT, _CAPTION, _DIV = (_ID[name] for name in ["tbody", "thead", "tfoot", "caption", "div"])
_LISTING, _XMP, _TEXTAREA, _PLAINTEXT = (_ID[name] for name in ["listing", "xmp", "textarea", "plaintext"])
_SCRIPT, _UNKNOWN, _BODY, _TEMPLATE = (_ID[name] for name in ["script", "unknown_", "body", "template"])
_MAIN, _TITLE = _ID["main"], _ID["title"]
_KIND = names.KIND
_TAG_KEYS, _TAG_VALUES = names.TAG_KEYS, names.TAG_VALUES
_MAIN_BIT = names.MAIN

_HELD = 4
_LINKS, _BOLDS, _CODES, _PRES = range(_HELD)

Array = np.ndarray[Any, Any]


class Page(NamedTuple):
    """The arrays of one page; see the module."""

    tag: Array
    parent: Array
    depth: Array
    bits: Array
    signature: Array
    ordinal: Array
    run_begin: Array
    run_end: Array
    run_flags: Array
    block_node: Array
    block_first: Array
    block_bits: Array


@njit(cache=True)
def _closes(tag, other):  # type: ignore[no-untyped-def]
    """Whether the start tag `tag` ends an open `other`; and whether it looks no further up than that element."""
    if tag == _LI:
        return other in (_LI, _P), other in (_UL, _OL, _MENU)
    if tag in (_DT, _DD):
        return other in (_DT, _DD, _P), other == _DL
    if tag in (_TD, _TH):
        return other in (_TD, _TH, _P), other in (_TR, _TABLE)
    if tag == _TR:
        return other in (_TR, _TD, _TH, _CAPTION), other == _TABLE
    if tag in (_TBODY, _THEAD, _TFOOT):
        row = other in (_TR, _TD, _TH, _CAPTION)
        return row or other in (_TBODY, _THEAD, _TFOOT), other == _TABLE
    if _H1 <= tag <= _H6:
        return other == _P or _H1 <= other <= _H6, False
    return other == _P, False


@njit(cache=True)
def _bounds(tag, other):  # type: ignore[no-untyped-def]
    """Whether the end tag of `tag` does not reach through an open `other`."""
    if other in (_TD, _TH, _CAPTION):
        return tag != other and tag not in (_TR, _TBODY, _THEAD, _TFOOT, _TABLE)
    return other == _TEMPLATE or (other == _TABLE and tag != _TABLE)


@njit(cache=True)
def _leave(level, top, open_tag, open_link, opened, held):  # type: ignore[no-untyped-def]
    """Closes the open elements from `level` up; whether the next text starts a block."""
    broken = False
    for at in range(top - 1, level - 1, -1):
        tag = open_tag[at]
        opened[tag] -= 1
        if _KIND[tag] == BLOCK:
            if tag in (_PRE, _LISTING):
                held[_PRES] -= 1
                broken = True
            if held[_PRES] == 0:
                broken = True
        if open_link[at]:
            held[_LINKS] -= 1
        if tag in (_B, _STRONG):
            held[_BOLDS] -= 1
        if tag == _CODE:
            held[_CODES] -= 1
    return broken


@njit(cache=True)
def scan(buf, tags, xml):  # type: ignore[no-untyped-def]
    """The arrays of a page of UTF-8 bytes that holds `tags` bytes `<`; with `xml`, `<div/>` is an empty element."""
    size = len(buf)
    most = tags + 2
    tag_ = np.empty(most, np.uint8)
    parent_ = np.empty(most, np.int32)
    depth_ = np.empty(most, np.int16)
    bits_ = np.empty(most, np.uint32)
    signature_ = np.empty(most, np.uint32)
    ordinal_ = np.empty(most, np.int32)
    run_begin = np.empty(2 * most, np.int32)
    run_end = np.empty(2 * most, np.int32)
    run_flags = np.empty(2 * most, np.uint8)
    block_node = np.empty(most, np.int32)
    block_first = np.empty(most + 1, np.int32)
    block_bits = np.empty(most, np.uint32)
    open_tag = np.empty(DEEPEST, np.uint8)
    open_node = np.empty(DEEPEST, np.int32)
    open_bits = np.zeros(DEEPEST, np.uint32)
    open_link = np.zeros(DEEPEST, np.bool_)
    # How many children of each tag an open element has had, for the few tags where that matters.
    items = np.zeros(DEEPEST + 1, np.int32)
    opened = np.zeros(len(_KIND), np.int32)
    nodes = runs = blocks = 0
    top = over = 0
    held = np.zeros(_HELD, np.int32)  # open links, bold elements, code elements, preformatted ones
    broken = True  # the next text starts a block
    blanks = 0  # line breaks since the last text
    tag_[0] = _BODY
    parent_[0] = -1
    depth_[0] = 0
    bits_[0] = 0
    signature_[0] = 0
    ordinal_[0] = 0
    nodes = 1
    i = 0
    while i < size:
        pre = held[_PRES]
        if buf[i] != 60:
            begin = i
            blank = True
            while i < size and buf[i] != 60:
                if not is_space(buf[i]):
                    blank = False
                i += 1
            # fall through to the text below
        else:
            begin = i
            n = i + 1
            c = buf[n] if n < size else np.uint8(32)
            low = c | 32
            closing = c == 47
            if closing:
                n += 1
                low = (buf[n] if n < size else np.uint8(32)) | 32
            if not (97 <= low <= 122):
                if c == 33:  # <!-- -->, <!doctype>, <![CDATA[ ]]>
                    if n + 2 < size and buf[n + 1] == 45 and buf[n + 2] == 45:
                        i = find_after(buf, n + 1, 45, 45, 62)
                        continue
                    i = n
                    while i < size and buf[i] != 62:
                        i += 1
                    i += 1
                    continue
                if c == 63 or closing:  # <?xml ?>, </>
                    i = n
                    while i < size and buf[i] != 62:
                        i += 1
                    i += 1
                    continue
                i += 1  # a lone `<` is text
                blank = False
                while i < size and buf[i] != 60:
                    i += 1
            else:
                name = n
                key = BASIS
                while n < size:
                    c = buf[n]
                    if is_space(c) or c == 62 or c == 47:
                        break
                    key = np.uint32((key ^ np.uint32(c | 32 if 65 <= c <= 90 else c)) * PRIME)
                    n += 1
                name_end = n
                known = np.int64(lookup(_TAG_KEYS, _TAG_VALUES, key))
                tag = known if known else np.int64(_UNKNOWN)
                kind = _KIND[tag]
                if closing:
                    while n < size and buf[n] != 62:
                        n += 1
                    i = n + 1
                    if kind == IGNORE or (kind == VOID and tag != _BR) or (tag == _P and opened[_P] == 0):
                        continue
                    if tag == _BR:
                        closing = False
                    else:
                        if over > 0 and top == DEEPEST:
                            over -= 1
                            if kind == BLOCK:
                                broken = broken or pre == 0
                            continue
                        if opened[tag] == 0:
                            if kind == BLOCK and pre == 0:
                                broken = True
                            continue
                        level = top - 1
                        found = False
                        while level >= 0:
                            if open_tag[level] == tag:
                                found = True
                                break
                            if _bounds(tag, open_tag[level]):
                                break
                            level -= 1
                        if _H1 <= tag <= _H6 and not found:
                            continue
                        if not found:
                            continue
                        if pre and (tag in (_DIV, _LI, _TR, _P)):
                            run_begin[runs] = i
                            run_end[runs] = i
                            run_flags[runs] = BREAK | PRE
                            if not broken and blocks:
                                runs += 1
                        if _leave(level, top, open_tag, open_link, opened, held):
                            broken = True
                        top = level
                        continue
                i, bits, signature, alone, special = attributes(buf, n)
                if kind == IGNORE:
                    continue
                if kind == VOID:
                    if tag == _BR:
                        blanks += 1
                        if not broken:
                            if blanks == 2 and pre == 0:
                                broken = True
                            else:
                                run_begin[runs] = i
                                run_end[runs] = i
                                run_flags[runs] = BREAK | (PRE if pre else 0)
                                runs += 1
                    elif tag == _HR:
                        broken = True
                    continue
                if kind == SKIP:
                    if alone and xml:
                        continue
                    if tag == _SCRIPT and special & MARKUP and starts_tag(buf, i):
                        broken = True  # markup in a script: read on inside
                        continue
                    close = find_close(buf, i, name, name_end)
                    if close == size and tag != _SCRIPT and tag != _TITLE:
                        continue  # never closed: what follows is the page
                    i = close
                    while i < size and buf[i] != 62:
                        i += 1
                    i += 1
                    continue
                if alone and xml:
                    broken = broken or (kind == BLOCK and pre == 0)
                    continue
                if kind == RAW:
                    close = find_close(buf, i, name, name_end)
                    if close > i and top < DEEPEST:
                        node = open_node[top - 1] if top else 0
                        tag_[nodes] = tag
                        parent_[nodes] = node
                        depth_[nodes] = depth_[node] + 1
                        bits_[nodes] = bits
                        signature_[nodes] = signature ^ np.uint32(tag)
                        ordinal_[nodes] = 0
                        block_node[blocks] = nodes
                        block_first[blocks] = runs
                        block_bits[blocks] = 0
                        blocks += 1
                        nodes += 1
                        run_begin[runs] = i
                        run_end[runs] = close
                        run_flags[runs] = PRE
                        runs += 1
                    broken = True
                    i = close
                    while i < size and buf[i] != 62:
                        i += 1
                    i += 1
                    continue
                # Implied ends.
                if kind == BLOCK:
                    level = top - 1
                    cut = -1
                    while level >= 0 and level >= top - 64:
                        yes, stop = _closes(tag, open_tag[level])
                        if yes:
                            cut = level
                        other = open_tag[level]
                        if stop:
                            break
                        if (not yes and _KIND[other] == BLOCK and tag not in (_TR, _TBODY, _THEAD, _TFOOT)) and (
                            other != _DIV or tag == _P or tag not in (_LI, _DT, _DD)
                        ):
                            break
                        level -= 1
                    if cut >= 0 and pre == 0:
                        _leave(cut, top, open_tag, open_link, opened, held)
                        top = cut
                elif tag == _A and opened[_A] > 0:
                    level = top - 1
                    while level >= 0 and _KIND[open_tag[level]] == INLINE and open_tag[level] != _A:
                        level -= 1
                    if level >= 0 and open_tag[level] == _A:
                        _leave(level, top, open_tag, open_link, opened, held)
                        top = level
                if top == DEEPEST:
                    over += 1
                    if kind == BLOCK and pre == 0:
                        broken = True
                    continue
                node = open_node[top - 1] if top else 0
                open_tag[top] = tag
                opened[tag] += 1
                open_link[top] = tag == _A and (special & TARGET) != 0
                if open_link[top]:
                    held[_LINKS] += 1
                if tag in (_B, _STRONG):
                    held[_BOLDS] += 1
                if tag == _CODE:
                    held[_CODES] += 1
                if kind == BLOCK:
                    if tag == _MAIN:
                        bits |= _MAIN_BIT
                    if tag in (_LI, _TD, _TH):
                        items[top] += 1
                        ordinal_[nodes] = items[top]
                    else:
                        ordinal_[nodes] = 0
                    tag_[nodes] = tag
                    parent_[nodes] = node
                    depth_[nodes] = depth_[node] + 1
                    bits_[nodes] = bits
                    signature_[nodes] = signature ^ np.uint32(tag)
                    open_node[top] = nodes
                    open_bits[top] = 0
                    nodes += 1
                    if pre == 0:
                        broken = True
                    if tag in (_PRE, _LISTING):
                        held[_PRES] += 1
                        broken = True
                else:
                    open_node[top] = node
                    open_bits[top] = bits | (open_bits[top - 1] if top else np.uint32(0))
                top += 1
                items[top] = 0
                continue
        # Text from `begin` to `i`.
        if blank and (broken or (pre == 0 and blanks)):
            continue
        if broken:
            block_node[blocks] = open_node[top - 1] if top else 0
            block_first[blocks] = runs
            block_bits[blocks] = 0
            blocks += 1
            broken = False
        if not blank:
            blanks = 0
            block_bits[blocks - 1] |= open_bits[top - 1] if top else np.uint32(0)
        flags = 0
        if held[_LINKS]:
            flags |= LINK
        if pre:
            flags |= PRE
        if held[_BOLDS]:
            flags |= BOLD
        if held[_CODES]:
            flags |= CODE
        run_begin[runs] = begin
        run_end[runs] = i
        run_flags[runs] = flags
        runs += 1
    block_first[blocks] = runs
    return (
        tag_[:nodes],
        parent_[:nodes],
        depth_[:nodes],
        bits_[:nodes],
        signature_[:nodes],
        ordinal_[:nodes],
        run_begin[:runs],
        run_end[:runs],
        run_flags[:runs],
        block_node[:blocks],
        block_first[: blocks + 1],
        block_bits[:blocks],
    )
