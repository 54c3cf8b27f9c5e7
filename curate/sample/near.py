"""Near duplicates at a chosen similarity: words are exchanged or put in until the Jaccard similarity is met."""

from __future__ import annotations

import re
from dataclasses import replace

from curate.sample import draw
from curate.sample.page import Block, paragraphs

SHINGLE_WORDS = 5
SYNONYMS = {
    "big": "large", "large": "big", "small": "little", "begin": "start", "begins": "starts", "quickly": "fast",
    "often": "frequently", "seldom": "rarely", "about": "roughly", "enough": "sufficient", "shows": "reveals",
    "found": "discovered", "made": "produced", "many": "numerous", "several": "various", "because": "since",
    "however": "yet", "hard": "difficult", "sea": "ocean", "people": "persons", "whole": "entire", "gives": "provides",
    "keep": "retain", "kept": "retained", "almost": "nearly", "nearly": "almost", "later": "afterwards",
    "old": "ancient", "near": "close to", "below": "beneath", "above": "over", "ground": "soil", "built": "constructed",
    "help": "assist",
}  # fmt: skip
FILLERS = {
    "en": ("indeed", "in fact", "of course", "perhaps", "really", "certainly", "as it happens", "naturally"),
    "de": ("übrigens", "tatsächlich", "natürlich", "wohl", "allerdings", "eben", "im Grunde"),
    "fr": ("en effet", "bien sûr", "sans doute", "d'ailleurs", "vraiment", "du reste"),
    "es": ("en realidad", "desde luego", "quizá", "por cierto", "claro", "de hecho"),
    "ru": ("конечно", "впрочем", "пожалуй", "кстати", "действительно", "разумеется"),
}  # fmt: skip


def shingles(text: str) -> set[tuple[str, ...]]:
    """The word 5-grams of a text: lower case, words are runs of letters, digits and underscores."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1)}


def jaccard(one: str, other: str) -> float:
    """The share of their word 5-grams that two texts have in common."""
    left, right = shingles(one), shingles(other)
    return len(left & right) / len(left | right)


def rewritten(body: list[Block], lang: str, target: float, seed: int, key: str) -> tuple[list[Block], float]:
    """`body` with as many words changed as bring its similarity nearest to `target`, and that similarity."""
    original = "\n".join(paragraphs(body))
    places = [
        (number, place)
        for number, block in enumerate(body)
        if block.kind == "text"
        for place in range(len(block.text.split(" ")))
    ]
    places = [places[at] for at in draw.order(len(places), seed, "near", key)]

    def similarity(count: int) -> float:
        return jaccard(original, "\n".join(paragraphs(_changed(body, places[:count], lang, seed, key))))

    low, high = 0, len(places)
    while low + 1 < high:  # similarity falls as the count grows
        middle = (low + high) // 2
        low, high = (middle, high) if similarity(middle) >= target else (low, middle)
    count = min((low, high), key=lambda at: abs(similarity(at) - target))
    return _changed(body, places[:count], lang, seed, key), similarity(count)


def _changed(body: list[Block], places: list[tuple[int, int]], lang: str, seed: int, key: str) -> list[Block]:
    chosen: dict[int, set[int]] = {}
    for number, place in places:
        chosen.setdefault(number, set()).add(place)
    out = list(body)
    for number, at in chosen.items():
        words = body[number].text.split(" ")
        for place in at:
            filler = draw.one(FILLERS[lang], seed, "filler", key, number, place)
            words[place] = SYNONYMS.get(words[place]) or f"{words[place]} {filler}"
        out[number] = replace(body[number], text=" ".join(words))
    return out
