"""Labels of a page's blocks from what its text should be: all of it, or segments of it and a text of lower rank."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from curate.extract.learn.score import plain, words
from curate.extract.winnow.analyse import Analysed
from curate.extract.winnow.scan import BREAK

SHINGLE = 4
# Blocks that no segment speaks of take their label from a silver text, and count less.
SURE_WEIGHT, SILVER_WEIGHT, DOUBTFUL_WEIGHT = 2.0, 0.35, 0.1


def texts_of(analysed: Analysed) -> list[str]:
    """The text of every block, white space as one blank."""
    page, data = analysed.page, analysed.data.tobytes()
    texts = []
    for block in range(len(page.block_node)):
        runs = range(page.block_first[block], page.block_first[block + 1])
        parts = [b" " if page.run_flags[r] & BREAK else data[page.run_begin[r] : page.run_end[r]] for r in runs]
        texts.append(plain(html.unescape(b"".join(parts).decode("utf-8", "replace"))))
    return texts


def by_text(texts: Sequence[str], truth: str) -> tuple[np.ndarray, np.ndarray]:
    """Share of each block's words that stand in the truth, in shingles that may run on into the next block; its words.

    A block of fewer words than a shingle also counts as found next to a block that is: menus repeat short labels, but
    not beside the text.
    """
    gold = words(truth)
    grams = [set(zip(*(gold[k:] for k in range(n)), strict=False)) for n in range(1, SHINGLE + 1)]
    found = [words(text) for text in texts]
    size = np.array([len(block) for block in found], np.int64)
    stream = [word for block in found for word in block]
    hit = np.zeros(len(stream))
    for i in range(len(stream) - SHINGLE + 1):
        if tuple(stream[i : i + SHINGLE]) in grams[-1]:
            hit[i : i + SHINGLE] = 1
    first = np.concatenate([[0], np.cumsum(size)])
    total = np.concatenate([[0.0], np.cumsum(hit)])
    share = (total[first[1:]] - total[first[:-1]]) / np.maximum(size, 1)
    sure = np.flatnonzero((share >= 0.5) & (size >= SHINGLE))
    for block in np.flatnonzero((size < SHINGLE) & (size > 0) & (share < 1)):
        at = np.searchsorted(sure, block)
        near = min((abs(int(sure[k]) - int(block)) for k in (at - 1, at) if 0 <= k < len(sure)), default=len(texts))
        share[block] = float(near <= 2 and tuple(found[block]) in grams[size[block] - 1])
    return share, size


def by_segments(
    texts: Sequence[str], with_: Sequence[str], without: Sequence[str], silver: str, other: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share, words and weight of each block: blocks that hold a segment, or are part of one, are sure.

    The rest is labelled by the text `silver`; where the text `other` does not agree, that counts for less.
    """
    share, size = by_text(texts, silver)
    agreed = (by_text(texts, other)[0] >= 0.5) == (share >= 0.5)
    weight = np.where(agreed, SILVER_WEIGHT, DOUBTFUL_WEIGHT)
    for segments, label in ((with_, 1.0), (without, 0.0)):
        wanted = [plain(segment) for segment in segments]
        for block, text in enumerate(texts):
            if any(segment in text or (len(text) > 20 and text in segment) for segment in wanted if segment):
                share[block], weight[block] = label, SURE_WEIGHT
    return share, size, weight
