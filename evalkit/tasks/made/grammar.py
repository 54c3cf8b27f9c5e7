"""Pairs of endings of a sentence of which one is English: agreement, reflexives, articles, tense and order.

The phenomena are those of BLiMP (Warstadt et al. 2020, arXiv 1912.00582); sentences and words are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from evalkit.tasks.made.drawn import Drawn

_NOUNS = (
    ("teacher", "teachers"), ("farmer", "farmers"), ("sailor", "sailors"), ("painter", "painters"),
    ("child", "children"),
    ("neighbour", "neighbours"), ("doctor", "doctors"), ("woman", "women"), ("man", "men"), ("driver", "drivers"),
)  # fmt: skip
_THINGS = (
    ("boat", "boats"), ("letter", "letters"), ("house", "houses"), ("garden", "gardens"), ("key", "keys"),
    ("picture", "pictures"), ("road", "roads"), ("book", "books"), ("box", "boxes"), ("window", "windows"),
)  # fmt: skip
_NEAR = ("near", "behind", "beside", "next to", "in front of")
_VERBS = (
    ("walks", "walk"), ("sleeps", "sleep"), ("sings", "sing"), ("waits", "wait"), ("smiles", "smile"),
    ("works", "work"),
)  # fmt: skip
_PLACES = ("every day", "in the morning", "at night", "in the village", "by the sea")
_MEN = ("boy", "king", "uncle", "brother", "father", "man", "waiter", "grandfather")
_WOMEN = ("girl", "queen", "aunt", "sister", "mother", "woman", "waitress", "grandmother")
_SEEN = ("saw", "hurt", "praised", "washed", "blamed", "dressed", "introduced")
_SPOTS = ("table", "roof", "hill", "beach", "shelf", "chair", "boat", "wall")
_VOWELS = ("apple", "egg", "orange", "island", "engine", "umbrella")
_CONSONANTS = ("stone", "table", "letter", "bridge", "candle", "horse")
_PAST = (
    ("take", "took", "taken"), ("write", "wrote", "written"), ("eat", "ate", "eaten"), ("see", "saw", "seen"),
    ("give", "gave", "given"), ("break", "broke", "broken"),
)  # fmt: skip
_ADJECTIVES = ("red", "old", "heavy", "small", "broken", "quiet")

_TRIES = 20
Pair = tuple[str, str, str]
"""What stands before, the right ending, the wrong one."""


def _agreement(drawn: Drawn) -> Pair:
    number = drawn.below(2, "number")
    verb = drawn.one(_VERBS, "verb")
    place = drawn.one(_PLACES, "place")
    return f"The {drawn.one(_NOUNS, 'noun')[number]}", f"{verb[number]} {place}.", f"{verb[1 - number]} {place}."


def _attractor(drawn: Drawn) -> Pair:
    number = drawn.below(2, "number")
    noun, thing = drawn.one(_NOUNS, "noun")[number], drawn.one(_THINGS, "thing")[1 - number]
    verb = drawn.one(_VERBS, "verb")
    begin = f"The {noun} {drawn.one(_NEAR, 'near')} the {thing}"
    place = drawn.one(_PLACES, "place")
    return begin, f"{verb[number]} {place}.", f"{verb[1 - number]} {place}."


def _reflexive(drawn: Drawn) -> Pair:
    he = drawn.below(2, "he")
    begin = f"The {drawn.one(_MEN if he else _WOMEN, 'who')} {drawn.one(_SEEN, 'seen')}"
    return begin, "himself." if he else "herself.", "herself." if he else "himself."


def _determiner(drawn: Drawn) -> Pair:
    number = drawn.below(2, "number")
    thing = drawn.one(_THINGS, "thing")
    begin = (
        f"The {drawn.one(_NOUNS, 'noun')[0]} bought {drawn.one((('this', 'that'), ('these', 'those'))[number], 'd')}"
    )
    return begin, f"{thing[number]}.", f"{thing[1 - number]}."


def _article(drawn: Drawn) -> Pair:
    vowel = drawn.below(2, "vowel")
    right, wrong = drawn.one(_VOWELS, "vowel word"), drawn.one(_CONSONANTS, "consonant word")
    right, wrong = (right, wrong) if vowel else (wrong, right)
    return f"On the {drawn.one(_SPOTS, 'spot')} there was {'an' if vowel else 'a'}", f"{right}.", f"{wrong}."


def _participle(drawn: Drawn) -> Pair:
    _, past, participle = drawn.one(_PAST, "verb")
    noun, thing = drawn.one(_NOUNS, "noun")[0], drawn.one(_THINGS, "thing")[0]
    if drawn.below(2, "have"):
        return f"The {noun} has", f"{participle} the {thing}.", f"{past} the {thing}."
    return f"Yesterday the {noun}", f"{past} the {thing}.", f"{participle} the {thing}."


def _order(drawn: Drawn) -> Pair:
    thing, adjective = drawn.one(_THINGS, "thing")[0], drawn.one(_ADJECTIVES, "adjective")
    begin = f"The {drawn.one(_NOUNS, 'noun')[0]} looked at the"
    return begin, f"{adjective} {thing}.", f"{thing} {adjective}."


PHENOMENA: dict[str, Callable[[Drawn], Pair]] = {
    "agreement": _agreement,
    "agreement over a noun": _attractor,
    "reflexive": _reflexive,
    "determiner": _determiner,
    "article": _article,
    "participle": _participle,
    "order": _order,
}


def rows(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`question`, the beginning; two `choices` of an ending, `gold`, and the `level`; the phenomena by turns, no
    pair twice (fewer than `count` where there are not as many)."""
    names, seen, number = list(PHENOMENA), set[Pair](), -1
    while len(seen) < count and number < _TRIES * count:
        number += 1
        drawn, name = Drawn(seed, "grammar", number), names[number % len(names)]
        pair = PHENOMENA[name](drawn)
        if pair in seen:
            continue
        seen.add(pair)
        choices, gold = drawn.placed(pair[1], [pair[2]], "gold")
        yield {"question": pair[0], "choices": choices, "gold": gold, "level": name}
