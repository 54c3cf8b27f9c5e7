"""Who stays and who goes: a greedy walk in the declared order, in which nobody is removed for a copy of a copy.

Similarity is not transitive: in a chain of pages, each near its neighbours, the first and the last may have nothing in
common. So a removal is a star: the best document that is left stays, and takes with it only those that were compared
with it. Components of the whole relation name the clusters, but remove nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from curate.duplicates.components import components

DUPLICATES: dict[str, Any] = {
    "dropped_id": pl.String,
    "kept_id": pl.String,
    "cluster": pl.String,  # id of the best document of the component
    "jaccard": pl.Float64,  # null where two documents of one address were not compared
    "containment": pl.Float64,
    "method": pl.String,  # text | near | url | remainder (of which too little was left)
}
_METHODS = ("text", "near", "url")
_KEPT, _TEXT, _NEAR, _URL = -1, 0, 1, 2

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


class _Pairs(NamedTuple):
    """Verified pairs of sets, by the numbers of the sets."""

    left: _Ints
    right: _Ints
    jaccard: _Floats
    containment: _Floats


class _Removals(NamedTuple):
    """Of each document in the order of ranks: why it goes, for whom, and how similar the two are (NaN: unknown)."""

    method: NDArray[np.int8]
    kept: _Ints
    jaccard: _Floats
    containment: _Floats


def resolve(
    members: pl.DataFrame,
    pairs: pl.DataFrame,
    threshold: float,
    containment: float | None,
    *,
    text: bool,
    url: bool,
    near: bool,
) -> pl.DataFrame:
    """One row for each removed document, sorted by `dropped_id`; the columns are DUPLICATES.

    `members` are the documents that passed the document rules: `id`, the keys `text`, `url`, `set` (null: none, or
    nobody shares it) and the `rank` (distinct; the lowest is the best). `pairs` are verified pairs of sets: `left`,
    `right`, `jaccard`, `containment`; a pair counts from `threshold` on, or from `containment` on where that is given.

    In the order of ranks a document is removed for the kept document of the same text; else for the most similar kept
    document of its own set or of a set it is paired with (of two as similar, for the better ranked); else for the kept
    document of the same address. Else it is kept itself. A removed document removes no other.
    """
    ranked = members.sort("rank")
    assert not ranked["rank"].is_duplicated().any(), "documents to be resolved have distinct ranks"
    none = np.full(ranked.height, -1)
    texts = _numbers(ranked["text"], _numbering(ranked["text"])) if text else none
    urls = _numbers(ranked["url"], _numbering(ranked["url"])) if url else none
    numbering = _numbering(ranked["set"])
    sets = _numbers(ranked["set"], numbering)
    known = _known(pairs, numbering)
    compared = sets if near else none
    counts = known.jaccard >= threshold
    if containment is not None:
        counts |= known.containment >= containment
    edges = _Pairs._make(column[counts & near] for column in known)

    removals = _Removals(*_walk(texts, compared, urls, *_neighbours(edges, sets.max(initial=-1) + 1)))
    _compare_addresses(removals, sets, known)
    best = _components(texts, compared, urls, edges)
    gone = np.flatnonzero(removals.method != _KEPT)
    ids = ranked["id"]
    table = {
        "dropped_id": ids.gather(gone),
        "kept_id": ids.gather(removals.kept[gone]),
        "cluster": ids.gather(best[gone]),
        "jaccard": pl.Series(removals.jaccard[gone]).fill_nan(None),
        "containment": pl.Series(removals.containment[gone]).fill_nan(None),
        "method": pl.Series(_METHODS).gather(removals.method[gone].astype(np.int64)),
    }
    return pl.DataFrame(table, DUPLICATES).sort("dropped_id")


def clusters(duplicates: pl.DataFrame) -> pl.DataFrame:
    """`cluster`, `documents`, `kept`: how many documents each cluster has, those kept in it included; largest first.

    A kept document for which nothing was removed is nobody's duplicate, and not counted.
    """
    sizes = duplicates.group_by("cluster").agg(
        documents=(pl.len() + pl.col("kept_id").n_unique()).cast(pl.Int64),
        kept=pl.col("kept_id").n_unique().cast(pl.Int64),
    )
    return sizes.sort("documents", "cluster", descending=[True, False])


def _numbering(keys: pl.Series) -> pl.DataFrame:
    """Distinct keys, numbered as they first appear."""
    return keys.rename("key").drop_nulls().unique(maintain_order=True).to_frame().with_row_index("number")


def _numbers(keys: pl.Series, numbering: pl.DataFrame) -> _Ints:
    """The number of each key, -1 for null and for what is not numbered."""
    column = keys.rename("key").to_frame().join(numbering, on="key", how="left", maintain_order="left")
    return column["number"].cast(pl.Int64).fill_null(-1).to_numpy()


def _known(pairs: pl.DataFrame, numbering: pl.DataFrame) -> _Pairs:
    """The pairs of which both sets have a document among the members."""
    left, right = _numbers(pairs["left"], numbering), _numbers(pairs["right"], numbering)
    both = (left >= 0) & (right >= 0)
    columns = (left, right, pairs["jaccard"].to_numpy(), pairs["containment"].to_numpy())
    return _Pairs._make(column[both] for column in columns)


def _neighbours(edges: _Pairs, sets: int) -> tuple[_Ints, _Ints, _Floats, _Floats]:
    """The pairs from each of their two sides: those of set s stand at first[s] to first[s + 1]."""
    side = np.concatenate([edges.left, edges.right])
    order = np.argsort(side, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(side, minlength=sets))]).astype(np.int64)
    other = np.concatenate([edges.right, edges.left])[order]
    return first, other, np.tile(edges.jaccard, 2)[order], np.tile(edges.containment, 2)[order]


@njit(cache=True)
def _walk(  # type: ignore[no-untyped-def]
    texts: _Ints, sets: _Ints, urls: _Ints, first: _Ints, other: _Ints, jaccard: _Floats, containment: _Floats
):
    """What becomes of each document, in the order of ranks.

    A kept document tells the sets paired with its own how similar it is. Each set is kept at most once, so all of it
    takes as many steps as there are documents and pairs, however many documents share a set.
    """
    docs = len(texts)
    method = np.full(docs, _KEPT, dtype=np.int8)
    kept = np.full(docs, -1, dtype=np.int64)
    similar = np.full(docs, np.nan)
    contained = np.full(docs, np.nan)
    text_kept = np.full(docs, -1, dtype=np.int64)
    url_kept = np.full(docs, -1, dtype=np.int64)
    near_kept = np.full(len(first) - 1, -1, dtype=np.int64)
    near_jaccard = np.full(len(first) - 1, -1.0)
    near_containment = np.full(len(first) - 1, -1.0)
    for d in range(docs):
        text, own, url = texts[d], sets[d], urls[d]
        if text >= 0 and text_kept[text] >= 0:
            method[d], kept[d] = _TEXT, text_kept[text]
            similar[d] = contained[d] = 1.0
        elif own >= 0 and near_kept[own] >= 0:
            method[d], kept[d] = _NEAR, near_kept[own]
            similar[d], contained[d] = near_jaccard[own], near_containment[own]
        elif url >= 0 and url_kept[url] >= 0:
            method[d], kept[d] = _URL, url_kept[url]
        else:
            if text >= 0:
                text_kept[text] = d
            if url >= 0:
                url_kept[url] = d
            if own < 0:
                continue
            near_kept[own], near_jaccard[own], near_containment[own] = d, 1.0, 1.0
            for at in range(first[own], first[own + 1]):
                # Equals go to the better ranked, who came first.
                if jaccard[at] > near_jaccard[other[at]]:
                    near_kept[other[at]] = d
                    near_jaccard[other[at]] = jaccard[at]
                    near_containment[other[at]] = containment[at]
    return method, kept, similar, contained


def _compare_addresses(removals: _Removals, sets: _Ints, known: _Pairs) -> None:
    """Fills in the similarity of two documents of one address where it is known."""
    gone = np.flatnonzero(removals.method == _URL)
    gone = gone[(sets[gone] >= 0) & (sets[removals.kept[gone]] >= 0)]
    mine, theirs = sets[gone], sets[removals.kept[gone]]
    same = gone[mine == theirs]
    removals.jaccard[same] = removals.containment[same] = 1.0
    count = np.int64(sets.max(initial=0) + 1)
    names = np.minimum(known.left, known.right) * count + np.maximum(known.left, known.right)
    order = np.argsort(names, kind="stable")
    wanted = np.minimum(mine, theirs) * count + np.maximum(mine, theirs)
    place = np.searchsorted(names[order], wanted)
    inside = place < len(names)
    pair = order[place[inside]]
    found = names[pair] == wanted[inside]
    removals.jaccard[gone[inside][found]] = known.jaccard[pair[found]]
    removals.containment[gone[inside][found]] = known.containment[pair[found]]


def _components(texts: _Ints, sets: _Ints, urls: _Ints, edges: _Pairs) -> _Ints:
    """The best document of each document's component, where any relation joins two documents."""
    docs = np.arange(len(texts))
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for numbers in (texts, sets, urls):
        having = docs[numbers >= 0]
        left.append(_best(numbers)[numbers[having]])
        right.append(having)
    best = _best(sets)
    left.append(best[edges.left])
    right.append(best[edges.right])
    return components(len(docs), np.concatenate(left), np.concatenate(right)).astype(np.int64)


def _best(numbers: _Ints) -> _Ints:
    """The first document of each number."""
    best = np.full(numbers.max(initial=-1) + 1, len(numbers))
    np.minimum.at(best, numbers[numbers >= 0], np.flatnonzero(numbers >= 0))
    return best
