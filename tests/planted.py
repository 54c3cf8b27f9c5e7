"""Near duplicates planted in real text, their similarity counted exactly.

A pair is a passage of real text and what became of it by one kind of change, made until the Jaccard similarity of the
two sets of word 5-grams has come down to a target. The similarity is counted on Python sets of tuples of strings, so
that it knows nothing of hashes; only the words themselves (UAX #29) are those of `curate.segment`.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from curate.sample.page import pages
from curate.sample.site import sites
from curate.segment import Segments

NGRAM = 5
KINDS = ("edits", "insertions", "reordering", "truncation", "mixed")
Shingles = set[tuple[str, ...]]


class Passage(NamedTuple):
    """Real text of a language (ISO 639 code, or what a corpus is called)."""

    language: str
    text: str


class Pair(NamedTuple):
    """A passage and its planted near duplicate."""

    language: str
    kind: str
    left: str
    right: str
    jaccard: float
    containment: float


def words(texts: Sequence[str]) -> list[list[str]]:
    """The words of every text in lower case, each code point by itself (`curate.segment.lower_ids`)."""
    found = Segments(list(texts)).words_uax29
    out = []
    offset = 0
    for d, text in enumerate(texts):
        bounds = zip(found.begin[found.first[d] :], found.end[found.first[d] :], strict=True)
        here = islice(bounds, int(found.first[d + 1] - found.first[d]))
        out.append([_lower(text[begin - offset : end - offset]) for begin, end in here])
        offset += len(text)
    return out


def _lower(word: str) -> str:
    return "".join(lower if len(lower := letter.lower()) == 1 else letter for letter in word)


def shingles(tokens: Sequence[str], length: int = NGRAM) -> Shingles:
    """The set of runs of `length` words."""
    return set(zip(*(tokens[i:] for i in range(length)), strict=False))


def similarity(left: Shingles, right: Shingles) -> tuple[float, float]:
    """Jaccard similarity and containment of two sets."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared), shared / min(len(left), len(right))


def sample_passages() -> list[Passage]:
    """The pages of the built-in sample: a few dozen, in several languages, there on every machine."""
    return _long_enough([Passage(page.lang or sites()[page.site].lang, page.source) for page in pages().values()])


def passages(data: Path, every: int = 1) -> list[Passage]:
    """Passages of the shared texts: books, news, reviews, crawled pages, and sentences of some 80 languages.

    `every`: take one in so many.
    """
    text = data / "text"
    out = [Passage("en", row["text"]) for name in ("c4-demo", "dolma-cc-en-head") for row in _rows(text, name)]
    for name in ("nltk-brown", "nltk-movie_reviews", "nltk-state_union", "nltk-abc"):
        out += [Passage("en", part) for row in _rows(text, name) for part in _parts(row["text"], 4000)]
    for path in sorted((text / "standardebooks").glob("*.txt.zst")):
        out += [Passage("en", part) for part in _parts(_read(path), 3000)]
    for row in _rows(data / "langid", "udhr2"):
        out += [Passage(row["code"], part) for part in _parts(row["text"], 3000)]
    sentences: dict[str, list[str]] = {}
    for row in _rows(data / "langid", "lingua-testdata"):
        if row["kind"] == "sentence":
            sentences.setdefault(row["lang"], []).append(row["text"])
    for lang, lines in sentences.items():
        out += [Passage(lang, "\n".join(lines[begin : begin + 12])) for begin in range(0, len(lines), 12)]
    for row in _rows(data / "peer-decisions", "datatrove-0.10.1"):
        if row["minhash"]["cluster"] == -1:  # a page that resembles others would make pairs of its own
            out += [Passage("crawl", part) for part in _parts(row["text"], 6000)[:1]]
    return _long_enough(out[::every])


def _rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, io.StringIO(_read(folder / f"{name}.jsonl.zst")))


def _read(path: Path) -> str:
    with zstandard.open(path, "rb") as raw:
        return io.TextIOWrapper(raw, "utf-8", newline="\n").read()


def _parts(text: str, chars: int) -> list[str]:
    """A text cut into pieces of about `chars` at blank lines or line ends."""
    pieces, piece = [], ""
    for line in text.splitlines(keepends=True):
        piece += line
        if len(piece) >= chars:
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece or not pieces else pieces


def _long_enough(found: list[Passage], least: int = 80, most: int = 3000) -> list[Passage]:
    counted = zip(found, words([passage.text for passage in found]), strict=True)
    return [passage for passage, tokens in counted if least <= len(tokens) <= most]


def plant(found: Sequence[Passage], seed: int, low: float = 0.5, high: float = 0.95) -> list[Pair]:
    """One near duplicate of every passage: kinds of change in turn, targets spread evenly from `low` to `high`.

    What is inserted is text of the same language where there is another passage of it.
    """
    others: dict[str, list[str]] = {}
    pieces = [_pieces(passage.text) for passage in found]
    for passage, cut in zip(found, pieces, strict=True):
        others.setdefault(passage.language, []).extend(cut[1:])
    changed, kinds = [], []
    for i, (passage, cut) in enumerate(zip(found, pieces, strict=True)):
        chance = random.Random(f"{seed} {i}")
        kinds.append(KINDS[i % len(KINDS)])
        donor = others[passage.language]
        changed.append(_changed(cut, _CHANGES[kinds[-1]], donor, chance, chance.uniform(low, high)))
    out = []
    lefts = map(shingles, words([passage.text for passage in found]))
    rights = map(shingles, words(changed))
    for passage, kind, text, left, right in zip(found, kinds, changed, lefts, rights, strict=True):
        if right:
            out.append(Pair(passage.language, kind, passage.text, text, *similarity(left, right)))
    return out


def _pieces(text: str) -> list[str]:
    """What stands before the first word, then every word with all that follows it up to the next."""
    found = Segments([text]).words_uax29
    bounds = [0, *map(int, found.begin), len(text)]
    return [text[begin:end] for begin, end in pairwise(bounds)]


Change = Callable[[list[str], int, list[str], random.Random], list[str]]


def _changed(cut: list[str], change: Change, donor: list[str], chance: random.Random, target: float) -> str:
    """The text after the least amount of a change that brings it to the target; more of it changes more."""
    seed = chance.random()
    original = shingles(_tokens(cut))

    def made(amount: int) -> list[str]:
        return [cut[0], *change(cut[1:], amount, donor, random.Random(seed))]

    least, most = 0, len(cut)
    while most - least > 1:
        amount = (least + most) // 2
        there = shingles(_tokens(made(amount)))
        if there and similarity(original, there)[0] > target:
            least = amount
        else:
            most = amount
    return "".join(made(least))


def _tokens(cut: list[str]) -> list[str]:
    # Near enough for the search; the similarity that counts is taken of the finished text.
    return [piece.strip().lower() for piece in cut[1:]]


def _edits(cut: list[str], amount: int, donor: list[str], chance: random.Random) -> list[str]:
    places = chance.sample(range(len(cut)), len(cut))[:amount]
    put = {place: chance.choice(donor) for place in places}
    return [put.get(i, piece) for i, piece in enumerate(cut)]


def _insertions(cut: list[str], amount: int, donor: list[str], chance: random.Random) -> list[str]:
    put: dict[int, list[str]] = {}
    while amount > 0:
        begin, length = chance.randrange(len(donor)), min(amount, chance.randint(1, 12))
        put.setdefault(chance.randrange(len(cut) + 1), []).extend(donor[begin : begin + length])
        amount -= length
    return list(chain.from_iterable([*put.get(i, ()), *cut[i : i + 1]] for i in range(len(cut) + 1)))


def _reordering(cut: list[str], amount: int, donor: list[str], chance: random.Random) -> list[str]:
    """Cut at `amount` places, the blocks shuffled."""
    places = sorted(chance.sample(range(1, len(cut)), len(cut) - 1)[:amount])
    blocks = [cut[begin:end] for begin, end in zip([0, *places], [*places, len(cut)], strict=True)]
    chance.shuffle(blocks)
    return list(chain.from_iterable(blocks))


def _truncation(cut: list[str], amount: int, donor: list[str], chance: random.Random) -> list[str]:
    head = int(amount * chance.choice((0.0, 0.0, 0.5, 1.0)))
    return cut[head : len(cut) - (amount - head)]


def _mixed(cut: list[str], amount: int, donor: list[str], chance: random.Random) -> list[str]:
    for change in (_truncation, _edits, _insertions, _reordering):
        share = amount // (1 if change is _truncation else 8)
        if len(cut) > NGRAM:
            cut = change(cut, min(share, len(cut) - NGRAM), donor, chance)
    return cut


_CHANGES: dict[str, Change] = {
    "edits": _edits,
    "insertions": _insertions,
    "reordering": _reordering,
    "truncation": _truncation,
    "mixed": _mixed,
}
