"""From a page's bytes to its text in one compiled call, and its middle part: scores of the blocks.

One call, because handing twenty arrays to and fro for each of seven steps takes as long as one of them. Numba's cache
of `read` does not notice a change in what it calls: who changes one of those files deletes the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from curate.extract.winnow.columns import COUNT
from curate.extract.winnow.facts import facts
from curate.extract.winnow.features import context, rows
from curate.extract.winnow.scan import scan
from curate.extract.winnow.stack import COUNT as SECOND
from curate.extract.winnow.stack import stack
from curate.extract.winnow.survey import survey
from curate.extract.winnow.trees import leaves
from curate.extract.winnow.write import bytes_of, chosen, layout

# So many blocks have their features at a time: a page of millions must not need gigabytes.
CHUNK = 4096


@njit(cache=True)
def look(parts, known, table, more, trees):  # type: ignore[no-untyped-def]
    """Scores of all blocks by trees that see their features and the columns `more` (float32[blocks, any])."""
    blocks = len(table)
    out = np.empty(blocks, np.float32)
    for low in range(0, blocks, CHUNK):
        high = min(blocks, low + CHUNK)
        columns = rows(parts, known, table, low, high, more.shape[1])
        columns[:, COUNT:] = more[low:high]
        out[low:high] = leaves(columns, trees)
    return out


@njit(cache=True)
def judge(parts, known, table, first, second):  # type: ignore[no-untyped-def]
    """Scores of all blocks by both looks."""
    if len(table) <= CHUNK:  # both looks see the same features
        columns = rows(parts, known, table, 0, len(table), SECOND)
        columns[:, COUNT:] = stack(leaves(columns, first), known[2], known[-1], parts[1], parts[4])
        return leaves(columns, second)
    found = look(parts, known, table, np.empty((len(table), 0), np.float32), first)
    more = stack(found, known[2], known[-1], parts[1], parts[4])
    return look(parts, known, table, more, second)


@njit(cache=True)
def read(data, xml, ready, first, second, least):  # type: ignore[no-untyped-def]
    """The bytes of a page's text, entities not yet decoded, and True: `data` are its own.

    Or nothing and False, where formulas may have to become TeX first; not asked of a page that is `ready`.
    """
    tags, formulas = survey(data)
    if formulas and not ready:
        return np.empty(0, np.uint8), False
    page = scan(data, tags, xml)
    tag, parent, depth, bits, signature, ordinal, begin, end, flags, node, start, block_bits = page
    table, whole = facts(data, begin, end, flags, start)
    known = context(tag, parent, signature, node, table, whole)
    parts = (tag, parent, depth, bits, node, block_bits)
    scores = judge(parts, known, table, first, second)
    places = layout(tag, parent, node, table)
    keep = chosen(scores, least, node, table, places)
    return bytes_of(data, tag, parent, ordinal, places, begin, end, flags, node, start, keep), True
