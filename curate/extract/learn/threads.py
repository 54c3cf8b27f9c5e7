"""Pages of threads to learn from: the markup of common forum programs, filled with the sample's own paragraphs.

Forums are rare among pages that anybody has labelled, and they differ from all others in what surrounds their text:
names, ranks, days and buttons between the posts. Here all of that is known, because it is made. Nothing is drawn but
by a hash, so the pages are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Any, NamedTuple

import yaml

from curate.sample.draw import number, one
from curate.sample.page import blocks, pages, plain
from curate.sample.site import sites

_LEAST_CHARS = 60
_MOST_POSTS = 14
_RANKS = ("Member", "Senior Member", "Newbie", "Moderator", "Administrator", "Regular", "Contributor", "Guest", "Owner")
_PLACES = ("Leeds, UK", "Berlin", "somewhere", "Toronto, Canada", "Perth", "Lyon", "USA", "behind you", "Kraków")
_SIGNATURES = (
    "Never trust a dog with a screwdriver.",
    "My other car is a bicycle. www.example.org",
    "Core i5 | 16 GB | Debian 12 | too many cables",
    "If it works, take it apart and find out why!",
    "Please read the FAQ before you ask.",
)
_SYLLABLES = ("an", "bo", "chi", "dra", "el", "fi", "gor", "ha", "is", "jo", "ka", "lu", "mi", "no", "ru", "sta", "ve")
_SITES = ("Kettle Talk", "The Rail Board", "Garden Forum", "Makers Community", "Old Radios", "Homebrew Circle")
_FORUMS = (
    "General Discussion",
    "Help and Support",
    "Beginners",
    "Announcements",
    "Off Topic",
    "Bugs",
    "Your work",
)
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")


class Thread(NamedTuple):
    """A page, the program whose markup it has, and its main text: what stands in the posts."""

    html: str
    program: str
    lang: str
    truth: str


def threads(each: int, seed: int = 0) -> Iterator[Thread]:
    """So many pages of every program."""
    for program in _programs():
        for place in range(each):
            yield _Writer(program, seed, place).thread()


@cache
def _programs() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((resources.files(__package__) / "threads.yaml").read_text("utf-8"))
    return found


@cache
def _paragraphs() -> dict[str, list[str]]:
    """Paragraphs of the sample's pages by language, without those that it wants dropped."""
    found: dict[str, list[str]] = {}
    for page in pages().values():
        if page.expect != "drop" and not page.names:
            texts = [plain(block.text) for block in blocks(page.source) if block.kind == "text"]
            found.setdefault(page.lang or sites()[page.site].lang, []).extend(
                text for text in texts if len(text) >= _LEAST_CHARS
            )
    return {lang: texts for lang, texts in sorted(found.items()) if len(texts) > 5}


class _Writer:
    """One page; every draw is a hash of the program, the page's number and what is drawn."""

    def __init__(self, program: dict[str, Any], seed: int, place: int) -> None:
        self.program, self.seed = program, seed
        self.key = (program["name"], place)
        self.lang = "en" if self.below(3, "lang") else one(sorted(_paragraphs()), seed, *self.key, "which")
        self.truth: list[str] = []

    def below(self, limit: int, *what: object) -> int:
        return number(limit, self.seed, *self.key, *what)

    def thread(self) -> Thread:
        count = 1 + self.below(_MOST_POSTS, "posts")
        title = self.words("title")[0].split(". ")[0][:70]
        lines = [self.words("other", k)[0][:60] for k in range(5)]
        shared = {
            "site": one(_SITES, self.seed, *self.key, "site"),
            "about": escape(self.words("about")[0][:80]),
            "forum": one(_FORUMS, self.seed, *self.key, "forum"),
            "title": escape(title),
            "count": str(count),
            "starter": self.name(0),
            "jumps": "".join(f'<li><a href="#">{escape(line)}</a></li>' for line in lines),
            "rows": "".join(
                f'<tr><td><a href="#">{escape(line)}</a></td><td></td><td>{self.below(99, "row", line)}</td></tr>'
                for line in lines
            ),
        }
        posts = "".join(self.post(n, shared) for n in range(1, count + 1))
        page = Template(self.program["page"]).substitute(shared | self.facts(0), posts=posts)
        head = f"<!DOCTYPE html><html><head><title>{shared['title']} - {shared['site']}</title></head>"
        return Thread(f"{head}{page}</html>", self.program["name"], self.lang, "\n".join(self.truth))

    def post(self, n: int, shared: dict[str, str]) -> str:
        """One post; its words are noted as main text."""
        facts = shared | self.facts(n)
        quote = sign = ""
        if n > 1 and self.below(4, "quotes", n) == 0:
            said = self.words("said", n)[0][:200]
            quote = Template(self.program["quote"]).substitute(facts, said=escape(said))
            self.truth.append(said)
        if self.below(2, "signs", self.name(n)):
            sign = Template(self.program["sign"]).substitute(facts)
        texts = self.words("body", n)
        if self.below(4, "dated", n) == 0:  # days and times stand in posts, too
            texts[0] = f"{facts['other']} said so on {facts['date']}, at 9:{facts['minute']}. {texts[0]}"
        self.truth += texts
        texts = [escape(text, quote=False) for text in texts]
        body = "<br>\n<br>\n".join(texts) if self.program["breaks"] else "".join(f"<p>{text}</p>\n" for text in texts)
        return Template(self.program["post"]).substitute(facts, quote=quote, body=body, sign=sign)

    def words(self, *what: object) -> list[str]:
        """Between a few words and four paragraphs."""
        known = _paragraphs()[self.lang]
        found = [known[self.below(len(known), *what, k)] for k in range(1 + self.below(4, *what, "many"))]
        if self.below(3, *what, "short") == 0:
            return [". ".join(found[0].split(". ")[: 1 + self.below(2, *what, "sentences")])]
        return found

    def name(self, n: int) -> str:
        """Who wrote post n: a few people take turns."""
        who = self.below(5, "who", n)
        made = "".join(one(_SYLLABLES, self.seed, *self.key, "name", who, k) for k in range(2 + who % 2))
        return made.title() if who % 2 else f"{made}{self.below(99, 'digits', who)}"

    def facts(self, n: int) -> dict[str, str]:
        """What stands around a post: its writer, its day, ranks and counts."""
        year, month, day = 2004 + self.below(20, "year"), self.below(11, "month", n), 1 + self.below(28, "day", n)
        forms = (
            f"{_MONTHS[month][:3]} {day}, {year}",
            f"{day:02}-{month + 1:02}-{year}",
            f"{_MONTHS[month]} {day}, {year}, 10:24:06 am",
            f"{year}-{month + 1:02}-{day:02}",
        )
        return {
            "n": str(n),
            "author": self.name(n),
            "other": self.name(n + 1),
            "rank": one(_RANKS, self.seed, *self.key, "rank", self.name(n)),
            "place": one(_PLACES, self.seed, *self.key, "place", self.name(n)),
            "signature": one(_SIGNATURES, self.seed, *self.key, "sign", self.name(n)),
            "posted": str(self.below(3000, "posted", self.name(n))),
            "joined": f"{_MONTHS[self.below(11, 'joined', self.name(n))][:3]} {year - 1}",
            "minute": f"{10 + self.below(49, 'minute', n)}",
            "date": one(forms, self.seed, *self.key, "form"),
            "iso": f"{year}-{month + 1:02}-{day:02}T10:24:06Z",
        }
