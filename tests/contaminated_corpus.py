"""A labelled corpus: invented questions, and documents of which it is known which questions they hold.

Cases that hold a question: `verbatim`, `edited` (a few words exchanged, dropped or misspelt), `reformatted` (lines,
bullets, markup, other quotes, other case). Cases that do not: `boilerplate` (templates that questions share with
pages), `quotation` (a famous passage that questions quote), `numbers` (the same problem with other numbers and names),
`topic` (other sentences about the same things), `formula` (truth tables and series, which look alike), `clean`.
Everything is made from a seed.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from curate.contamination.match_index import Part

POSITIVE = ("verbatim", "edited", "reformatted")


class Document(NamedTuple):
    """A text, its case, and the questions that it holds (numbers of the questions)."""

    text: str
    case: str
    holds: tuple[int, ...]


class Labelled(NamedTuple):
    """Questions with answers, and documents."""

    parts: list[Part]
    documents: list[Document]


def _words(text: str) -> list[str]:
    return text.split()


_NAMES = _words(
    "Ottilie Bram Ysolde Casimir Fenna Leopold Marit Odalys Piotr Quirin Rosalba Severin Tamsin Ulrik Vesna"
)
_PLACES = _words("harbour orchard quarry bakery museum observatory lighthouse vineyard foundry library depot nursery")
_THINGS = _words("lanterns crates ribbons kettles violins saplings tiles barrels maps candles bricks scarves ladders")
_VERBS = _words("repairs paints sells packs borrows polishes counts sorts rents stacks labels measures trades")
_DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_ADJECTIVES = _words("copper crooked hollow ancient yellow narrow heavy woollen marble tiny folded painted rusty")
_FAMOUS = (
    "It is the first duty of a lighthouse to shine for ships that no keeper will ever see, and to ask for nothing in "
    "return but oil and a clean lens",
    "We who came over the mountains with one mule between us hold these truths to be worth the walk, that bread is "
    "shared, that doors are left open, and that no one sings alone",
    "All rivers argue with their banks, and all banks believe that they have won, until the spring comes down from "
    "the hills and settles the matter for another year",
)
_FRAMINGS = (
    '"{quoted}." Which of the neighbours of {one} wrote this at the {place} to win the {adjective} prize?',
    "Name the {adjective} instrument to which {one} sang the following words on {day}: {quoted}.",
    "{quoted}. Who, according to the minutes of the {place}, laughed aloud when {one} had read this to the members?",
    'Explain in two sentences why {one} had "{quoted}" carved above the {adjective} door of the {place} last {day}.',
)
_COOKIES = (
    "We use cookies to give you the best experience on our website. By continuing you agree to our privacy policy."
)
_TEMPLATE = "Read the following passage carefully and choose the best answer from the options given below."
_TRUTH = "T T F T F F T F F F T T F T T F"
_SERIES = "Find the sum of the first n terms of the arithmetic series with first term a and common difference d"

_RUSSIAN = (
    "{name} привезла на ярмарку {a} глиняных горшков и {b} деревянных ложек, а вечером увезла обратно "
    "{c} горшков и ни одной ложки. Сколько предметов было продано за день на ярмарке?"
)
_GERMAN = (
    "{name} stellt in der Werkstatt am Fluss jeden Vormittag {a} Stühle und jeden Nachmittag {b} Hocker her. Wie viele "
    "Möbelstücke sind nach {c} Arbeitstagen fertig, wenn kein einziges Stück zerbricht?"
)
_CHINESE = "{name}在河边的工厂里每天上午做{a}把椅子，下午做{b}张凳子，请问{c}个工作日以后一共做好了多少件家具？"
_SPANISH = (
    "En el taller de {name} se encuadernan {a} libros cada mañana y {b} cuadernos cada tarde. ¿Cuántas piezas habrá en "
    "los estantes del taller después de {c} días si ninguna se vende?"
)
_NAMES_OF = {
    _RUSSIAN: ["Марфа", "Аглая", "Устинья", "Пелагея", "Глафира", "Василиса"],
    _GERMAN: ["Hannelore", "Wendelin", "Roswitha", "Eckhart", "Liesel", "Gottlieb"],
    _CHINESE: ["小芳", "老李", "阿强", "王师傅", "陈伯", "丽华"],
    _SPANISH: ["Eufemia", "Rigoberto", "Casilda", "Anselmo", "Leocadia", "Zacarías"],
}


def make(seed: int) -> Labelled:
    """The corpus of this seed: 96 questions, 420 documents."""
    chance = random.Random(seed)
    questions = _questions(chance)
    documents: list[Document] = []
    for number, question in enumerate(questions):
        case = POSITIVE[number % 3]
        if number % 4 != 3:  # every fourth question stands nowhere
            written = {"verbatim": str, "edited": _edited, "reformatted": _reformatted}[case]
            text = written(question) if case == "verbatim" else written(question, chance)  # type: ignore[operator]
            documents.append(Document(_around(text, chance), case, (number,)))
    documents += [Document(_around(_COOKIES, chance), "boilerplate", ()) for _ in range(30)]
    documents += [Document(_around(_TEMPLATE, chance), "boilerplate", ()) for _ in range(30)]
    documents += [Document(_around(f"{quoted}.", chance), "quotation", ()) for quoted in _FAMOUS for _ in range(6)]
    documents += [Document(_around(f"{_TRUTH} {_TRUTH}", chance), "formula", ()) for _ in range(4)]
    documents += [Document(_around(f"{_SERIES}.", chance), "formula", ()) for _ in range(4)]
    for question in questions[3::4]:
        if any(letter.isdigit() for letter in question):
            documents.append(Document(_around(_renumbered(question, chance), chance), "numbers", ()))
    documents += [Document(_around(_story(chance), chance), "topic", ()) for _ in range(60)]
    while len(documents) < 420:
        documents.append(Document(_around("", chance), "clean", ()))
    chance.shuffle(documents)
    return Labelled([Part(number, "question", text) for number, text in enumerate(questions)], documents)


def _questions(chance: random.Random) -> list[str]:
    questions = [_problem(chance) for _ in range(40)]
    questions += [_fact(chance) for _ in range(16)]
    for form in (_RUSSIAN, _GERMAN, _CHINESE, _SPANISH):
        for name in _NAMES_OF[form][:4]:
            a, b, c = (chance.randint(12, 98) for _ in range(3))
            questions.append(form.format(name=name, a=a, b=b, c=c))
    for quoted in _FAMOUS:
        for framing in _FRAMINGS:
            words = {"one": chance.choice(_NAMES), "place": chance.choice(_PLACES), "day": chance.choice(_DAYS)}
            questions.append(framing.format(quoted=quoted, adjective=chance.choice(_ADJECTIVES), **words))
    for _ in range(6):
        questions.append(f"{_TEMPLATE} {_fact(chance)}")
    for _ in range(6):
        a, d, n = (chance.randint(11, 99) for _ in range(3))
        question = (
            _SERIES.replace(" n ", f" {n} ").replace("term a", f"term {a}").replace("difference d", f"difference {d}")
        )
        questions.append(f"{question}. {chance.choice(_NAMES)} claims that it is even; decide whether that is right.")
    return questions


def _problem(chance: random.Random) -> str:
    one, two = chance.sample(_NAMES, 2)
    place, thing, other = chance.choice(_PLACES), *chance.sample(_THINGS, 2)
    a, b, c = (chance.randint(12, 98) for _ in range(3))
    return chance.choice(
        [
            f"{one} {chance.choice(_VERBS)} {a} {chance.choice(_ADJECTIVES)} {thing} at the {place} every "
            f"{chance.choice(_DAYS)}, and {two} brings back {b} of them with {c} {other} on top. How many {thing} and "
            f"{other} are at the {place} after {chance.randint(3, 9)} weeks?",
            f"The {place} keeps {a} shelves of {chance.choice(_ADJECTIVES)} {thing}, with {b} on each shelf. After "
            f"{one} {chance.choice(_VERBS)} a third of them and {two} loses {c}, how many {thing} does the {place} "
            f"still have for {chance.choice(_DAYS)}?",
            f"If {one} walks to the {place} in {a} minutes and {two}, who carries {b} {thing}, needs {c} minutes more, "
            f"when must {two} leave so that both meet the {chance.choice(_ADJECTIVES)} {other} seller at noon on "
            f"{chance.choice(_DAYS)}?",
        ]
    )


def _fact(chance: random.Random) -> str:
    thing, place = chance.choice(_THINGS), chance.choice(_PLACES)
    return (
        f"Why do the {chance.choice(_ADJECTIVES)} {thing} that {chance.choice(_NAMES)} left in the {place} turn "
        f"{chance.choice(_ADJECTIVES)} when the {chance.choice(_PLACES)} is closed on {chance.choice(_DAYS)}?"
    )


def _edited(text: str, chance: random.Random) -> str:
    """About one word in twelve exchanged, dropped or misspelt, never a number."""
    if " " not in text:  # one character in twenty, in writing without blanks
        places = [place for place in range(0, len(text), 20) if not text[place].isdigit()]
        return "".join("新" if place in places else letter for place, letter in enumerate(text))
    words = text.split(" ")
    able = [place for place, word in enumerate(words) if word.isalpha()]
    for place in sorted(chance.sample(able, max(1, len(words) // 12))):
        word = words[place]
        words[place] = chance.choice(["", word[:-1] + "x", "rather", word[::-1]])
    return " ".join(word for word in words if word)


def _reformatted(text: str, chance: random.Random) -> str:
    """Another layout and typography, the same words."""
    words = text.replace("'", "’").replace('"', "”").split(" ")
    kind = chance.randrange(4)
    if kind == 0:
        return "Q: " + " ".join(words).upper() + "\nA: ________"
    if kind == 1:
        lines = [" ".join(words[begin : begin + 7]) for begin in range(0, len(words), 7)]
        return "> " + "\n> ".join(lines)
    if kind == 2:
        return "**Problem.** *" + "* *".join([" ".join(words[:6]), " ".join(words[6:])]) + "*"
    return "1) " + "  ".join(words).replace(".", " …").replace(",", " -")


def _renumbered(text: str, chance: random.Random) -> str:
    """The same problem about other people with other numbers: another item, which nobody has published."""
    for name in _NAMES:
        text = text.replace(name, chance.choice(_NAMES[::-1]))
    for names in _NAMES_OF.values():
        for name in names[:4]:
            text = text.replace(name, names[5])
    for words in (_THINGS, _PLACES):
        for word in words:
            if word in text:
                text = text.replace(word, chance.choice(words))
    digits = list(text)
    for place, letter in enumerate(digits):
        if letter.isdigit():
            digits[place] = str((int(letter) + chance.randint(1, 7)) % 9 + 1)
    return "".join(digits)


def _story(chance: random.Random) -> str:
    one, two = chance.sample(_NAMES, 2)
    return " ".join(
        f"{one} {chance.choice(_VERBS)} the {chance.choice(_ADJECTIVES)} {chance.choice(_THINGS)} near the "
        f"{chance.choice(_PLACES)}, while {two} {chance.choice(_VERBS)} {chance.randint(2, 90)} "
        f"{chance.choice(_THINGS)}."
        for _ in range(6)
    )


def _around(text: str, chance: random.Random) -> str:
    """The text within a page of other sentences."""
    before = " ".join(_sentence(chance) for _ in range(chance.randint(3, 12)))
    after = " ".join(_sentence(chance) for _ in range(chance.randint(3, 12)))
    return f"{before}\n\n{text}\n\n{after}"


def _sentence(chance: random.Random) -> str:
    subject = chance.choice(["The committee", "A visitor", "Our editor", "The neighbour", "My cousin", "The printer"])
    verb = chance.choice(["described", "forgot", "invented", "reviewed", "postponed", "announced", "praised"])
    thing = chance.choice(["the timetable", "an old recipe", "the new bridge", "a long letter", "the spring concert"])
    reason = chance.choice(
        ["because of the rain", "without a reason", "after lunch", "for the third time", "in a hurry"]
    )
    return f"{subject} {verb} {thing} {reason}, and {chance.choice(['nobody', 'everybody', 'the mayor'])} noticed it."
