"""From a page's arrays to one row of numbers a block: its text, its ancestors, its neighbours, its page.

The columns are those of `columns.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from curate.extract.winnow import facts as f
from curate.extract.winnow import names
from curate.extract.winnow.columns import (
    BEST_AT,
    BITS,
    BITS_AT,
    COLUMN,
    COUNT,
    IN_AT,
    LEVEL_AT,
    LEVELS,
    NEAR_AT,
    PAGE_AT,
    PLACE_AT,
    RANK,
    WINDOW_AT,
)
from curate.extract.winnow.facts import facts
from curate.extract.winnow.scan import Array, Page

LONG_CHARS = 80  # a block this long, with few links, is probably a paragraph

_CHAIN = 24  # so far up an ancestor is looked at
_ID = names.ID
_H1, _H6 = _ID["h1"], _ID["h6"]
# Sums over the blocks of a subtree.
_SUMS = 5
_S_CHARS, _S_LINKS, _S_BLOCKS, _S_LONG_CHARS, _S_LONG = range(_SUMS)


class Known(NamedTuple):
    """A page's blocks as far as they are known before any is scored."""

    facts: Array
    whole: Array
    context: Any

    @property
    def weight(self) -> Array:
        """What a block counts for beside others: its length."""
        found: Array = self.context[2]
        return found

    @property
    def path_key(self) -> Array:
        """Equal for blocks that have the same tags and classes up to the grandparent's parent."""
        found: Array = self.context[-1]
        return found


def know(page: Page, data: Array) -> Known:
    """Facts of the blocks, hashes of their texts, and the context of the page."""
    table, whole = facts(data, page.run_begin, page.run_end, page.run_flags, page.block_first)
    found = context(page.tag, page.parent, page.signature, page.block_node, table, whole)
    return Known(table, whole, found)


def known_parts(page: Page) -> tuple[Array, ...]:
    """The arrays of a page that the features are made of."""
    return page.tag, page.parent, page.depth, page.bits, page.block_node, page.block_bits


def features(page: Page, known: Known, low: int, high: int) -> Array:
    """Rows of features of the blocks low to high."""
    found: Array = rows(known_parts(page), known.context, known.facts, low, high, 0)
    return found


@njit(cache=True)
def _ratio(a, b):  # type: ignore[no-untyped-def]
    return a / b if b > 0 else 0.0


@njit(cache=True)
def context(tag, parent, signature, block_node, table, whole):  # type: ignore[no-untyped-def]
    """What features of single blocks need to know of the whole page; see Context."""
    nodes, blocks = len(tag), len(block_node)
    sums = np.zeros((nodes, _SUMS), np.float64)
    children = np.zeros(nodes, np.int32)
    own = np.zeros(nodes, np.int32)
    content = np.zeros(nodes, np.float64)
    is_long = np.zeros(blocks, np.bool_)
    density = np.zeros(blocks, np.float64)
    sizes = np.zeros(blocks, np.float64)
    wide = 0.0
    paragraphs = 0
    for b in range(blocks):
        row = table[b]
        # An ideograph says about as much as two letters.
        size = row[f.CHARS] + row[f.WIDE]
        sizes[b] = size
        node = block_node[b]
        density[b] = _ratio(row[f.LINK_CHARS], row[f.CHARS])
        is_long[b] = (size >= LONG_CHARS and density[b] < 0.4) or (row[f.IS_PRE] > 0 and size > 10)
        own[node] += 1
        sums[node, _S_CHARS] += size
        sums[node, _S_LINKS] += density[b] * size
        sums[node, _S_BLOCKS] += 1
        if is_long[b]:
            sums[node, _S_LONG_CHARS] += size
            sums[node, _S_LONG] += 1
            paragraphs += 1
            # Readability's score of a paragraph, for its parent and half of it for the grandparent.
            score = 1 + row[f.COMMAS] + min(size / 100, 3)
            up = parent[node]
            if row[f.BREAKS] == 0 and up >= 0 and own[node] == 1:
                content[up] += score
                if parent[up] >= 0:
                    content[parent[up]] += score / 2
            else:
                content[node] += score
                if up >= 0:
                    content[up] += score / 2
        wide += row[f.WIDE]
    for n in range(nodes - 1, 0, -1):
        up = parent[n]
        children[up] += 1
        for k in range(_SUMS):
            sums[up, k] += sums[n, k]
    best = 0
    best_score = -1.0
    for n in range(nodes):
        score = content[n] * (1 - _ratio(sums[n, _S_LINKS], sums[n, _S_CHARS]))
        if score > best_score:
            best, best_score = n, score
    # Up from there while that brings more than a little text and few links.
    climb = best
    while parent[climb] > 0:
        up = parent[climb]
        more = sums[up, _S_LONG_CHARS] - sums[climb, _S_LONG_CHARS]
        rest = sums[up, _S_CHARS] - sums[climb, _S_CHARS]
        if more < 0.1 * sums[climb, _S_LONG_CHARS] or more < 0.5 * rest:
            break
        climb = up
    # Blocks with the same tags and classes up to the grandparent; blocks with the same text.
    size2 = 1
    while size2 < 4 * blocks:
        size2 *= 2
    mask = np.uint32(size2 - 1)
    keys = np.zeros(size2, np.uint32)
    path_sums = np.zeros((size2, 5), np.float64)
    path_slot = np.empty(blocks, np.int64)
    text_keys = np.zeros(size2, np.uint32)
    text_count = np.zeros(size2, np.int32)
    text_slot = np.empty(blocks, np.int64)
    for b in range(blocks):
        key = np.uint32(17)
        node = block_node[b]
        for _ in range(4):
            if node < 0:
                break
            key = np.uint32((key ^ signature[node]) * np.uint32(16777619))
            node = parent[node]
        key |= np.uint32(1)
        slot = np.uint32((key >> np.uint32(3)) & mask)
        while keys[slot] != 0 and keys[slot] != key:
            slot = np.uint32((slot + np.uint32(1)) & mask)
        keys[slot] = key
        path_slot[b] = slot
        path_sums[slot, 0] += 1
        path_sums[slot, 1] += sizes[b]
        path_sums[slot, 2] += density[b] * sizes[b]
        path_sums[slot, 3] += 1 if table[b, f.YEARS] + table[b, f.CLOCKS] > 0 else 0
        path_sums[slot, 4] = max(path_sums[slot, 4], sizes[b])
        key = whole[b] | np.uint32(1)
        slot = np.uint32((key >> np.uint32(3)) & mask)
        while text_keys[slot] != 0 and text_keys[slot] != key:
            slot = np.uint32((slot + np.uint32(1)) & mask)
        text_keys[slot] = key
        text_slot[b] = slot
        text_count[slot] += 1
    headings = -1
    for b in range(blocks):
        if tag[block_node[b]] == _H1 and headings < 0:
            headings = b
    # Sums along the page, for windows and for what lies before.
    run = np.zeros((blocks + 1, 3), np.float64)
    for b in range(blocks):
        run[b + 1, 0] = run[b, 0] + sizes[b]
        run[b + 1, 1] = run[b, 1] + (sizes[b] if is_long[b] else 0.0)
        run[b + 1, 2] = run[b, 2] + density[b] * sizes[b]
    path = np.empty((blocks, 5), np.float64)
    path_key = np.empty(blocks, np.uint32)
    same_text = np.empty(blocks, np.int32)
    for b in range(blocks):
        path[b] = path_sums[path_slot[b]]
        path_key[b] = keys[path_slot[b]]
        same_text[b] = text_count[text_slot[b]]
    page = np.array([wide, paragraphs])
    return sums, children, sizes, density, is_long, path, same_text, run, best, climb, headings, page, path_key


@njit(cache=True)
def rows(page, known, table, low_block, high_block, room):  # type: ignore[no-untyped-def]
    """The features of blocks low_block to high_block, float32[blocks, COUNT + room]; columns as in NAMES."""
    tag, parent, depth, bits, block_node, block_bits = page
    sums, children, sizes, density, is_long, path, same_text, run, best, climb, headings, facts_of_page, _ = known
    blocks = len(block_node)
    total = max(1.0, sums[0, _S_CHARS])
    total_long = max(1.0, sums[0, _S_LONG_CHARS])
    out = np.zeros((high_block - low_block, COUNT + room), np.float32)
    for b in range(low_block, high_block):
        row = table[b]
        o = out[b - low_block]
        node = block_node[b]
        chars = row[f.CHARS]
        words = row[f.WORDS]
        up = parent[node]
        o[0] = sizes[b]
        o[1] = words
        o[2] = density[b]
        o[3] = row[f.LINKS]
        o[4] = _ratio(row[f.COMMAS], words)
        o[5] = _ratio(row[f.ENDS], words)
        o[6] = row[f.ENDS]
        o[7] = _ratio(row[f.DIGITS], chars)
        o[8] = _ratio(row[f.CAPITALS], chars)
        o[9] = _ratio(row[f.FUNCTION], words)
        o[10] = _ratio(row[f.WIDE], chars)
        o[11] = row[f.BARS]
        o[12] = row[f.BREAKS]
        o[13] = _ratio(row[f.BOLD_CHARS], chars)
        o[14] = _ratio(row[f.CODE_CHARS], chars)
        o[15] = row[f.IS_PRE]
        o[16] = row[f.LAST]
        o[17] = row[f.FIRST]
        o[18] = row[f.MARKS]
        o[19] = _ratio(chars, words)
        o[20] = _ratio(row[f.LONG_WORDS], words)
        o[21] = row[f.STARTS_LINK]
        o[22] = same_text[b]
        o[23] = RANK[tag[node]]
        o[24] = RANK[tag[up]] if up >= 0 else -1
        o[25] = RANK[tag[parent[up]]] if up >= 0 and parent[up] >= 0 else -1
        o[26] = depth[node]
        o[27] = 1 if up >= 0 and children[up] == 1 else 0
        o[28] = _ratio(row[f.ASIDE], words)
        o[29] = row[f.ASIDE]
        o[30] = row[f.ASIDE_FIRST]
        o[31] = row[f.YEARS]
        o[32] = row[f.CLOCKS]
        p = PLACE_AT
        o[p] = b / blocks
        o[p + 1] = run[b, 0] / total
        o[p + 2] = run[b, 1] / total_long
        o[p + 3] = (run[blocks, 1] - run[b + 1, 1]) / total_long
        o[p + 4] = 2 if headings < 0 else (1 if b >= headings else 0)
        o[p + 5] = 1000 if headings < 0 else min(200, max(-200, b - headings))
        o[p + 6] = path[b, 0]
        o[p + 7] = path[b, 1] / path[b, 0]
        o[p + 8] = _ratio(path[b, 2], path[b, 1])
        o[p + 9] = path[b, 1] / total
        o[p + 10] = path[b, 3] / path[b, 0]
        o[p + 11] = path[b, 4]
        o[p + 12] = children[up] if up >= 0 else 0
        o[p + 13] = _ratio(sums[up, _S_CHARS], sums[up, _S_BLOCKS]) if up >= 0 else 0
        o[p + 14] = _ratio(sums[up, _S_LINKS], sums[up, _S_CHARS]) if up >= 0 else 0
        level = 0
        n = node
        p = LEVEL_AT
        own_bits = block_bits[b]
        near_bits = np.uint32(0)
        far_bits = np.uint32(0)
        best_up = -1
        in_climb = 0
        while n >= 0 and level < _CHAIN:
            if level < LEVELS:
                o[p] = _ratio(sums[n, _S_LINKS], sums[n, _S_CHARS])
                o[p + 1] = sums[n, _S_CHARS] / total
                o[p + 2] = sums[n, _S_BLOCKS]
                o[p + 3] = _ratio(sums[n, _S_CHARS], sums[n, _S_BLOCKS])
                o[p + 4] = sums[n, _S_LONG_CHARS] / total_long
                o[p + 5] = _ratio(sums[n, _S_LONG], sums[n, _S_BLOCKS])
                p += 6
            if level <= 1:
                own_bits |= bits[n]
            elif level <= 3:
                near_bits |= bits[n]
            else:
                far_bits |= bits[n]
            column = COLUMN[tag[n]]
            if column >= 0 and o[IN_AT + column] == 0:
                o[IN_AT + column] = 1 + level
            if n == best:
                best_up = level
            if n == climb:
                in_climb = 1
            level += 1
            n = parent[n]
        for k in range(BITS):
            bit = np.uint32(1) << np.uint32(k)
            o[BITS_AT + k] = 1 if own_bits & bit else 0
            o[BITS_AT + BITS + k] = 1 if near_bits & bit else 0
            o[BITS_AT + 2 * BITS + k] = 1 if far_bits & bit else 0
        p = NEAR_AT
        for k in range(6):
            other = b + (k - 3 if k < 3 else k - 2)
            if 0 <= other < blocks:
                o[p] = sizes[other]
                o[p + 1] = density[other]
                o[p + 2] = 1 if is_long[other] else 0
                o[p + 3] = 1 if _H1 <= tag[block_node[other]] <= _H6 else 0
                o[p + 4] = 1 if parent[block_node[other]] == up else 0
                o[p + 5] = _ratio(table[other, f.FUNCTION], table[other, f.WORDS])
            else:
                o[p] = -1
                o[p + 1] = -1
            p += 6
        p = WINDOW_AT
        for reach in (3, 10):
            low = max(0, b - reach)
            high = min(blocks, b + reach + 1)
            o[p] = run[high, 1] - run[low, 1]
            o[p + 1] = _ratio(run[high, 2] - run[low, 2], run[high, 0] - run[low, 0])
            p += 2
        p = PAGE_AT
        o[p] = total
        o[p + 1] = blocks
        o[p + 2] = total_long / total
        o[p + 3] = run[blocks, 2] / total
        o[p + 4] = facts_of_page[0] / total
        o[p + 5] = facts_of_page[1]
        p = BEST_AT
        o[p] = 1 if best_up >= 0 else 0
        o[p + 1] = best_up
        o[p + 2] = sums[best, _S_LONG_CHARS] / total_long
        o[p + 3] = _ratio(sums[best, _S_LINKS], sums[best, _S_CHARS])
        o[p + 4] = in_climb
        # How far up the nearest ancestor is that also holds the best container's text.
        n = node
        steps = 0
        while n > 0 and steps < _CHAIN and not (sums[n, _S_LONG_CHARS] >= sums[best, _S_LONG_CHARS] and n <= best):
            n = parent[n]
            steps += 1
        o[p + 5] = steps
    return out
