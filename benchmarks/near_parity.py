"""How far our near duplicates agree with datatrove's MinHash clusters on the same pages: a section of docs/parity.md.

datatrove stored its clusters only. `peer_minhash` restates how it came to them, which is checked against every page,
so that each pair of pages can be asked for its true similarity under either reading of the text.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peer_minhash
import polars as pl
import regex
from markdown_tables import percent, table
from numpy.typing import NDArray
from scipy import sparse

from curate.duplicates.banding import band_keys, probability
from curate.duplicates.components import components
from curate.duplicates.config import Duplicates, Near
from curate.duplicates.exchange import find
from curate.duplicates.minhash import permutations, signatures
from curate.duplicates.resolve import resolve
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter
from curate.duplicates.types import SignedUnit
from curate.segment import Segments

BANDS, ROWS = peer_minhash.BANDS, peer_minhash.ROWS
THRESHOLD = 0.8
SEEDS = 32
LEAST = 0.15  # of a similarity that is counted at all: the S-curve finds four in a million such pairs
APART = 0.1  # chances of being found that differ by more are not the same reading of the pages
BLOCK = 256
Pairs = set[tuple[int, int]]  # of pages by their numbers, the lower one first
Sets = Sequence[NDArray[Any]]


class Reading:
    """One way to read the pages: their shingle sets, the pairs taken for duplicates, and what hangs together."""

    def __init__(self, sets: Sets, pairs: Pairs) -> None:
        self.sets = sets
        self.pairs = pairs

    @cached_property
    def similar(self) -> Mapping[tuple[int, int], float]:
        """The Jaccard similarity of all pairs that have any to speak of."""
        ids = np.unique(np.concatenate(self.sets), return_inverse=True)[1]
        sizes = np.array(list(map(len, self.sets)))
        first = np.concatenate([[0], np.cumsum(sizes)])
        shape = (len(self.sets), int(ids.max()) + 1)
        rows = sparse.csr_matrix((np.ones(len(ids), np.int32), ids, first), shape)
        columns = rows.T.tocsr()
        out: dict[tuple[int, int], float] = {}
        for begin in range(0, len(self.sets), BLOCK):
            shared = sparse.triu(rows[begin : begin + BLOCK] @ columns, begin + 1).tocoo()
            left, right = shared.row + begin, shared.col
            jaccard = shared.data / (sizes[left] + sizes[right] - shared.data)
            much = jaccard >= LEAST
            out.update(zip(_codes(left[much], right[much]), jaccard[much].tolist(), strict=True))
        return out

    def jaccard(self, pair: tuple[int, int]) -> float:
        """True similarity of a pair."""
        return self.similar.get(pair, 0.0)

    def chance(self, pair: tuple[int, int]) -> float:
        """How likely the banding finds a pair."""
        return probability(self.jaccard(pair), BANDS, ROWS)

    @cached_property
    def roots(self) -> list[int]:
        """The cluster of every page, named by its first."""
        left, right = zip(*sorted(self.pairs), strict=True)
        return [int(root) for root in components(len(self.sets), np.array(left), np.array(right))]

    @cached_property
    def clusters(self) -> Counter[int]:
        """Pages of each cluster of two or more."""
        return Counter({root: size for root, size in Counter(self.roots).items() if size > 1})

    @property
    def removed(self) -> int:
        """Pages removed if every cluster keeps one."""
        return self.clusters.total() - len(self.clusters)

    def row(self, name: str, removed: int | None = None) -> list[str]:
        """A row of the table of readings."""
        numbers = len(self.pairs), len(self.clusters), self.clusters.total(), max(self.clusters.values())
        return [name, *(f"{number:,}" for number in (*numbers, self.removed if removed is None else removed))]


def _codes(left: NDArray[Any], right: NDArray[Any]) -> list[tuple[int, int]]:
    return list(zip(left.tolist(), right.tolist(), strict=True))


def meeting(bands: NDArray[Any], sets: Sets) -> Pairs:
    """Pairs that have a band in common; pages without shingles have none."""
    out: Pairs = set()
    for band in range(bands.shape[1]):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for page, found in enumerate(sets):
            if len(found):
                buckets[bands[page, band].tobytes()].append(page)
        out.update(pair for bucket in buckets.values() for pair in combinations(bucket, 2))
    return out


class Ours(NamedTuple):
    """Our reading of the pages under one folding."""

    met: Reading  # before verification
    verified: Reading
    removed: int  # by `resolve`, the pages ranked in the order of the file
    seeds: list[Reading]  # before verification, with other permutations


def ours(texts: Sequence[str], fold: str, seeds: int = 0) -> Ours:
    """Our duplicates, by the search itself."""
    near = Near.model_validate({"enabled": True, "fold": fold, "threshold": THRESHOLD})
    segments = Segments(list(texts))
    signer = Signer(Duplicates(near=near))
    signed = signer.sign(segments, [None] * len(texts))
    sets = np.split(signed.shingles, signed.first[1:-1])
    met = Reading(sets, meeting(signed.bands[:, :, None], sets))
    with tempfile.TemporaryDirectory() as place:
        with UnitWriter(Path(place, "unit"), signer.bands) as writer:
            writer.write(signed)
        unit = SignedUnit(Path(place, "unit"), len(texts), np.empty(0, np.uint32))
        found = find(
            [unit], signer.bands, THRESHOLD, None, directory=Path(place, "found"), memory_bytes=1 << 30, jobs=1
        )
        members, pairs = pl.read_parquet(found.members), pl.read_parquet(found.pairs)
    pages: dict[str, list[int]] = defaultdict(list)
    for page, name in members.select("doc", "set").drop_nulls().iter_rows():
        pages[name].append(page)
    same = (pair for group in pages.values() for pair in combinations(group, 2))
    nodes = pairs.select("left", "right").iter_rows()
    alike = (pair for one, two in nodes for pair in product(pages[one], pages[two]))
    ranked = members.with_columns(id=pl.col("doc").cast(pl.String), rank=pl.col("doc"))
    removed = resolve(ranked, pairs, THRESHOLD, None, text=False, url=False, near=True).height
    verified = Reading(sets, {*same, *((min(pair), max(pair)) for pair in alike)})
    others = []
    for seed in range(2, seeds + 2):
        rows = signatures(signed.shingles, signed.first, *permutations(BANDS * ROWS, seed))
        others.append(Reading(sets, meeting(band_keys(rows, BANDS, ROWS)[:, :, None], sets)))
    return Ours(met, verified, removed, others)


def compared(one: Reading, other: Reading) -> list[str]:
    """Pairs that both find, and those that only one does, with how many of those are not the same pair to both."""
    sides = (one.pairs - other.pairs, other.pairs - one.pairs)
    apart = [sum(abs(one.chance(pair) - other.chance(pair)) >= APART for pair in side) for side in sides]
    counts = (len(one.pairs & other.pairs), len(sides[0]), apart[0], len(sides[1]), apart[1])
    return [f"{count:,}" for count in counts]


def families(pairs: Iterable[tuple[int, int]], reading: Reading) -> list[list[tuple[int, int]]]:
    """Pairs by the two clusters of `reading` that they join; the most numerous first."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for left, right in sorted(pairs):
        ends = sorted((reading.roots[left], reading.roots[right]))
        groups[ends[0], ends[1]].append((left, right))
    return sorted(groups.values(), key=len, reverse=True)


def judged(peer: Reading, found: Ours) -> list[list[str]]:
    """Pairs that only one side takes for duplicates once ours are verified, by reason."""
    reasons: Counter[str] = Counter()
    for pair in peer.pairs - found.verified.pairs:
        if found.met.jaccard(pair) >= THRESHOLD:
            reasons["missed by us, chance"] += 1
        elif peer.jaccard(pair) >= THRESHOLD:
            reasons["refused by us: below by our words, not by its words"] += 1
        else:
            reasons["refused by us: below by either reading"] += 1
    for pair in found.verified.pairs - peer.pairs:
        alike = peer.jaccard(pair) >= THRESHOLD
        reasons["missed by datatrove, chance" if alike else "below by its words, not by ours"] += 1
    rows = [["both", len(peer.pairs & found.verified.pairs)], *sorted(reasons.items(), key=lambda item: -item[1])]
    return [[name, f"{count:,}"] for name, count in rows]


def paged(peer: Reading, found: Ours) -> list[list[str]]:
    """Pages that have a duplicate, by who says so and why."""
    nearest: dict[int, float] = defaultdict(float)
    for pair, jaccard in found.met.similar.items():
        for page in pair:
            nearest[page] = max(nearest[page], jaccard)
    reasons: Counter[str] = Counter()
    for page in range(len(peer.sets)):
        says, said = peer.roots[page] in peer.clusters, found.verified.roots[page] in found.verified.clusters
        if says and said:
            reasons["both"] += 1
        elif says and nearest[page] < THRESHOLD:
            reasons["only datatrove: no page is that similar to it"] += 1
        elif says:
            reasons["only datatrove: our banding missed the page that is"] += 1
        elif said:
            reasons["only ours"] += 1
        else:
            reasons["neither"] += 1
    return [[name, f"{count:,}"] for name, count in sorted(reasons.items(), key=lambda item: -item[1])]


def split(peer: Reading, found: Reading) -> tuple[int, int, int]:
    """Of the peer's clusters: how many are ours too, how many fall apart, how many are part of a larger one."""
    ours_of: dict[int, set[int]] = defaultdict(set)
    theirs_of: dict[int, set[int]] = defaultdict(set)
    for theirs, our in zip(peer.roots, found.roots, strict=True):
        ours_of[theirs].add(our)
        theirs_of[our].add(theirs)
    same = larger = 0
    for root in peer.clusters:
        if len(ours_of[root]) == 1:
            alone = len(theirs_of[next(iter(ours_of[root]))]) == 1
            same, larger = same + alone, larger + (not alone)
    return same, len(peer.clusters) - same - larger, larger


def section(rows: Sequence[Mapping[str, Any]]) -> str:
    """The section of docs/parity.md."""
    texts = [row["text"] for row in rows]
    sets = peer_minhash.shingles(texts)
    peer = Reading(sets, meeting(peer_minhash.bands(sets), sets))
    stored: dict[int, int] = {}
    clusters = [row["minhash"]["cluster"] for row in rows]
    firsts = [page if name == -1 else stored.setdefault(name, page) for page, name in enumerate(clusters)]
    folded, lower = ours(texts, "fineweb", SEEDS), ours(texts, "lower")
    others = folded.seeds
    apart = [len(one.pairs ^ other.pairs) for one, other in zip(others[0::2], others[1::2], strict=True)]
    extra = families(folded.met.pairs - peer.pairs, folded.verified)
    lost = families(peer.pairs - folded.met.pairs, folded.verified)
    largest = max(extra + lost, key=len)
    similarities = [folded.met.jaccard(pair) for pair in largest]
    same, fallen, larger = split(peer, folded.verified)
    unspaced = {
        pair
        for pair in peer.pairs ^ folded.met.pairs
        if abs(peer.chance(pair) - folded.met.chance(pair)) >= APART and any(_UNSPACED.search(texts[p]) for p in pair)
    }
    return SECTION.format(
        pages=f"{len(rows):,}",
        restated=f"{sum(one == other for one, other in zip(firsts, peer.roots, strict=True)):,}",
        readings=table(
            ["reading", "pairs", "clusters", "pages in them", "largest", "removed"],
            [
                peer.row("datatrove 0.10.1"),
                folded.met.row("ours, `fold: fineweb`, not verified"),
                folded.verified.row("ours, `fold: fineweb`, verified at 0.8", folded.removed),
                lower.met.row("ours, `fold: lower` (the default), not verified"),
                lower.verified.row("ours, `fold: lower`, verified at 0.8", lower.removed),
            ],
        ),
        seeds=SEEDS,
        pairs=_spread([len(one.pairs) for one in others]),
        removed=_spread([one.removed for one in others]),
        between=_spread(apart),
        differing=f"{len(peer.pairs ^ folded.met.pairs):,}",
        compared=table(
            ["first", "second", "both", "only first", "of these other sets", "only second", "of these other sets"],
            [
                ["datatrove", "ours, `fineweb`", *compared(peer, folded.met)],
                ["datatrove", "ours, `lower`", *compared(peer, lower.met)],
                ["ours, `fineweb`", "ours, `lower`", *compared(folded.met, lower.met)],
            ],
        ),
        meetings=f"{len(extra) + len(lost):,}",
        largest=f"{len(largest):,}",
        low=f"{min(similarities):.2f}",
        high=f"{max(similarities):.2f}",
        unspaced=len(unspaced),
        judged=table(["pair of pages", "pairs"], judged(peer, folded)),
        exist=f"{sum(value >= THRESHOLD for value in folded.met.similar.values()):,}",
        held=f"{len(folded.verified.pairs):,}",
        paged=table(["page that has a duplicate", "pages"], paged(peer, folded)),
        clusters=f"{len(peer.clusters):,}",
        same=f"{same:,}",
        share=percent(same, len(peer.clusters)),
        fallen=f"{fallen:,}",
        larger=f"{larger:,}",
    )


def _spread(values: Sequence[int]) -> str:
    return f"{np.mean(values):,.0f} ± {np.std(values, ddof=1):,.0f}"


# Scripts written without blanks between words.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")

SECTION = """
## datatrove 0.10.1's MinHash clusters

Near duplicates among the same {pages} pages: 14 bands of 8 rows over word 5-grams on both sides. datatrove's clusters
are stored; restated from its description, they come out the same for {restated} pages, so that every pair can be asked
for its similarity by datatrove's own words. *Removed*: all but one page of each cluster; where ours are verified, what
`resolve` removes (a page goes only for a kept page that it was compared with).

{readings}

**Pairs that meet in a band, before any verification.** The same banding draws other lots with other hash functions.
With {seeds} other seeds, ours has {pairs} pairs (mean and standard deviation) and removes {removed} pages; two seeds
differ in {between} pairs, ours and datatrove's in {differing}. Pages made from one template meet or miss each other
all at once, which is why pairs scatter far more than pages: the pairs on which ours and datatrove differ come from
{meetings} encounters of clusters, and one of them alone makes up {largest} pairs (similarity {low} to {high}, far below
the threshold).

{compared}

*Other sets*: the two readings of the words give similarities so different that the banding's chance of finding the
pair differs by 0.1 or more; all other differences are chance. Between datatrove and `fold: fineweb` they are words cut
in another way. {unspaced} have a page in a script without blanks, which spaCy's English rules leave in whole clauses
and we cut into words. The others are short pages of program documentation: `package.module` and `__init__` are one word
to UAX #29, while datatrove turns punctuation into blanks first, and then takes ¶ and ← for words, which they are not
here. Between `fineweb` and `lower` they are numbers and accents: to `fineweb` all numbers are the same, so that pages
that differ in their figures count as copies.

**With verification at 0.8** (`fold: fineweb`):

{judged}

Of the {exist} pairs of pages that are at least that similar by our words, {held} are found. By page:

{paged}

Of datatrove's {clusters} clusters, {same} ({share} %) are ours too, page by page. {fallen} fall apart or vanish: they
hold pages below the threshold, met by chance or joined by a chain of such meetings. Part of a larger one of ours:
{larger}.
"""
