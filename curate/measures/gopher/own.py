"""Gopher's rules for many languages, our own reading.

Words are UAX-29 words, so that Chinese, Japanese or Thai text has words too; lines and paragraphs are stripped and not
blank; only copies after the first count, and every share of characters is of the same blocks or words, so that white
space weighs nothing; bullets are those of Unicode; stop words are those of the document's language, looked for anywhere
in the scripts that write no spaces.
"""

from functools import cache

import numpy as np
import yaml
from numba import njit
from numpy.typing import NDArray

from curate.measures import trie
from curate.measures.batch import Batch, lower, ratio
from curate.measures.characters import DATA, bits, characters
from curate.measures.gopher.blocks import copies, trimmed
from curate.measures.gopher.grams import NAMES, uax29_grams
from curate.measures.gopher.lines import raw_lines
from curate.measures.kernels import U
from curate.measures.marks import marks
from curate.measures.trie import UNSPACED
from curate.segment import word_id
from curate.segment.tables import ALPHA, IDEOGRAPH

_SLOT_BITS = 10
_SLOTS = 1 << _SLOT_BITS


@cache
def stop_words() -> dict[str, list[str]]:
    """Stop words by language, lower case (`data/stop_words.yaml`)."""
    lists = yaml.safe_load((DATA / "stop_words.yaml").read_text("utf-8"))
    return {lang: str(words).split() for lang, words in lists.items()}


@cache
def _stop_table() -> tuple[dict[str, int], NDArray[np.uint64]]:
    """Number of each language, and for each a hash table of the ids of its words; uint64[languages, _SLOTS]."""
    lists = {lang: words for lang, words in stop_words().items() if lang not in UNSPACED}
    table = np.zeros((len(lists), _SLOTS), dtype=np.uint64)
    for number, words in enumerate(lists.values()):
        for word in words:
            one = word_id(word, lower=True)
            slot = one >> 64 - _SLOT_BITS
            while table[number, slot]:
                slot = (slot + 1) % _SLOTS
            table[number, slot] = one
    return {lang: number for number, lang in enumerate(lists)}, table


@cache
def _unspaced_stop_words() -> trie.Trie:
    """The stop words of the scripts without spaces, each word a list of its own so that different ones can be told."""
    return trie.build({lang: [[word] for word in words] for lang, words in stop_words().items() if lang in UNSPACED})


def _count_unspaced(batch: Batch, stops: NDArray[np.int64], distinct: NDArray[np.int64]) -> None:
    """Fills in the stop words of the documents in scripts without spaces."""
    known = _unspaced_stop_words()
    separated = np.array([lang not in known.roots for lang in batch.langs], dtype=np.bool_)
    if separated.all():
        return
    roots = np.array([known.roots.get(lang or "", 0) for lang in batch.langs], dtype=np.int64)
    places = trie.count(known, batch.segments.text, batch.once(lower), roots, separated, roots[:0], trie.MOST_LISTS)
    stops[~separated] = places.sum(axis=0)[~separated]
    distinct[~separated] = (places > 0).sum(axis=0)[~separated]


def gopher(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `gopher`, without the family's name."""
    segments, grams = batch.segments, batch.once(uax29_grams)
    chars, dots, lines = batch.once(characters), batch.once(marks), batch.once(raw_lines).own
    words = segments.words_uax29
    numbers, stop_table = _stop_table()
    langs = np.array([numbers.get(lang or "", -1) for lang in batch.langs], dtype=np.int64)
    alpha, stops, distinct_stops = _words(
        segments.text.codes, words.begin, words.end, words.first, segments.lower_ids("words_uax29"), bits(), langs,
        stop_table,
    )  # fmt: skip
    _count_unspaced(batch, stops, distinct_stops)
    out: dict[str, NDArray[np.generic]] = {
        "words": grams.words,
        "mean_word_length": ratio(grams.chars, grams.words),
        "hash_ratio": ratio(chars.hashes, grams.words),
        "ellipsis_ratio": ratio(dots.dots + dots.spaced_dots + chars.ellipses, grams.words),
        "bullet_lines": ratio(lines.bullets, lines.lines),
        "ellipsis_lines": ratio(lines.ellipses, lines.lines),
        "alpha_words": ratio(alpha, grams.words),
        "stop_words": distinct_stops,
        "stop_word_share": ratio(stops, grams.words),
    }
    for name, view in zip(("line", "para"), batch.once(trimmed), strict=True):
        repeated = copies(view, view.end - view.begin)
        out[f"dup_{name}_frac"] = ratio(repeated.excess, repeated.blocks)
        out[f"dup_{name}_char_frac"] = ratio(repeated.excess_length, repeated.length)
    return out | {name: ratio(grams.own[row], grams.chars) for row, name in enumerate(NAMES)}


@njit(cache=True)
def _words(codes, begin, end, first, lower_ids, table, langs, stop_table):  # type: ignore[no-untyped-def]  # a kernel
    """Rows: words with a letter, stop words, different stop words of the document's language."""
    docs = len(first) - 1
    out = np.zeros((3, docs), dtype=np.int64)
    met = np.zeros(_SLOTS, dtype=np.bool_)
    for d in range(docs):
        lang = langs[d]
        met[:] = False
        for i in range(U(first[d]), U(first[d + 1])):
            for at in range(U(begin[i]), U(end[i])):
                if table[codes[at]] & (ALPHA | IDEOGRAPH):
                    out[0, d] += 1
                    break
            if lang < 0:
                continue
            one = lower_ids[i]
            slot = one >> U(64 - _SLOT_BITS)
            while (stop_table[lang, slot] != one) & (stop_table[lang, slot] != 0):
                slot = (slot + U(1)) & U(_SLOTS - 1)
            if stop_table[lang, slot] == one:
                out[1, d] += 1
                out[2, d] += not met[slot]
                met[slot] = True
    return out
