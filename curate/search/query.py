"""Asking the index: the words a person typed, filters, and the hits in the order of BM25.

The dashboard and evalkit read an index through `search`; `curate search` shows the same on a terminal.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from curate.search.place import opened, read_about
from curate.search.snippet import CHARS, Spans, cut
from curate.search.words import BEGIN, END, TOKENIZER, parts, prepare, spans
from workbench.tables import QUERY_S

STATES = ("kept", "dropped")
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')
_NAMES = ("id", "url", "host", "lang", "state", "rule", "title")
_FACTS = "SELECT id, url, host, lang, state, rule, title FROM documents JOIN texts USING (row) WHERE row = ?"
_HIGHLIGHT = """
SELECT rowid, highlight(scratch, 0, :begin, :end), highlight(scratch, 1, :begin, :end)
FROM scratch WHERE scratch MATCH :wanted
"""
_STEPS = 100_000  # of SQLite's machine between two looks at the clock: a few milliseconds


@dataclass(frozen=True, slots=True)
class Filters:
    """What a document must be besides; None does not ask."""

    state: str | None = None
    host: str | None = None
    lang: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found. `score` is BM25, higher is better, 0 where only filters were given.

    `marks` and `title_marks` are the matches in `snippet` and `title`, in code points, ready for `workbench.html.mark`.
    """

    id: str
    url: str | None
    host: str | None
    lang: str | None
    state: str
    rule: str | None
    title: str | None
    score: float
    snippet: str
    marks: Spans
    title_marks: Spans


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of hits, and of how many: `total` documents fit among `indexed`, which are of the run's `texts`."""

    hits: list[Hit]
    total: int
    indexed: int
    texts: int


class Query(NamedTuple):
    """FTS5 expressions: what is looked for (empty: everything), and what must not be there (empty: nothing)."""

    wanted: str
    excluded: str


def search(
    path: Path,
    text: str,
    filters: Filters | None = None,
    limit: int = 10,
    offset: int = 0,
    *,
    any_word: bool = False,
    snippet_chars: int = CHARS,
) -> Hits:
    """The documents of an index (`curate.search.place.locate` finds it) that hold all words of `text`, best first.

    `"a phrase"` stands together, `-word` and `-"a phrase"` must not occur, nothing else is syntax, so no text is an
    error; without words the filters alone choose. any_word=True takes documents with any of the words, as one looks
    for passages that answer a question. Raises UserError: exit 4 for a damaged index, 2 when it takes over a minute.
    """
    filters = filters or Filters()
    with opened(path) as database:
        about = read_about(database, path)
        end = time.monotonic() + QUERY_S
        database.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        query = parse(text, any_word=any_word)
        total, ranked = _ranked(database, query, filters, limit, offset)
        return Hits(_shown(database, query, ranked, snippet_chars), total, about.indexed, about.texts)


def known(path: Path) -> dict[str, list[str]]:
    """The languages (`lang`) and rules (`rule`) that documents of an index have, in order."""
    with opened(path) as database:
        rows = database.execute("SELECT DISTINCT lang, rule FROM documents").fetchall()
    langs, rules = ({row[column] for row in rows} - {None} for column in (0, 1))
    return {"lang": sorted(langs), "rule": sorted(rules)}


def matches(query: str, text: str) -> Spans:
    """Where the words of a query stand in a text that holds all of them, in code points; empty where it does not."""
    return _highlighted(parse(query).wanted, [("", text)])[0][1]


def parse(text: str, *, any_word: bool = False) -> Query:
    """What a person typed as FTS5 expressions, in which every word is quoted."""
    terms: dict[tuple[str, bool], None] = {}
    for minus, phrase, word in _TERM.findall(text.encode("utf-8", "replace").decode()):
        pieces = [phrase or word] if phrase or not any_word or minus else parts(word)
        terms |= dict.fromkeys((prepare(piece), bool(minus)) for piece in pieces)
    held = _with_words([term for term, _ in terms])
    quoted: dict[bool, list[str]] = {True: [], False: []}
    for (term, excluded), has_words in zip(terms, held, strict=True):
        if has_words:
            quoted[excluded].append('"' + term.replace('"', '""') + '"')
    return Query((" OR " if any_word else " AND ").join(quoted[False]), " OR ".join(quoted[True]))


def _with_words(terms: Sequence[str]) -> list[bool]:
    """Whether the tokenizer finds a word in each term: FTS5 lets a term without one match nothing at all."""
    with _scratch((row, "", term) for row, term in enumerate(terms)) as database:
        database.execute("CREATE VIRTUAL TABLE tokens USING fts5vocab(scratch, instance)")
        found = {row for (row,) in database.execute("SELECT DISTINCT doc FROM tokens")}
    return [row in found for row in range(len(terms))]


def _ranked(
    database: sqlite3.Connection, query: Query, filters: Filters, limit: int, offset: int
) -> tuple[int, list[tuple[int, float]]]:
    """How many documents fit, and row and score of those wanted. Ties stand in the order of the rows."""
    chosen = {name: value for name in Filters.__slots__ if (value := getattr(filters, name)) is not None}
    where = " AND ".join(f"documents.{name} = :{name}" for name in chosen)
    values = {**chosen, "limit": limit, "offset": offset}
    if query.wanted:
        # A cross join keeps its order: first the words, then the facts of what was found.
        tables = "words" + (" CROSS JOIN documents ON documents.row = words.rowid" if where else "")
        row, score = "words.rowid", "-bm25(words)"
        values["match"] = f"({query.wanted}) NOT ({query.excluded})" if query.excluded else query.wanted
        where = " AND ".join(filter(None, ["words MATCH :match", where]))
    else:
        tables, row, score = "documents", "documents.row", "0.0"
        if query.excluded:
            values["match"] = query.excluded
            without = "documents.row NOT IN (SELECT rowid FROM words WHERE words MATCH :match)"
            where = " AND ".join(filter(None, [where, without]))
    source = f"FROM {tables}" + (f" WHERE {where}" if where else "")
    (total,) = database.execute(f"SELECT count(*) {source}", values).fetchone()
    order = f"ORDER BY score DESC, {row}" if query.wanted else f"ORDER BY {row}"
    found = database.execute(f"SELECT {row}, {score} AS score {source} {order} LIMIT :limit OFFSET :offset", values)
    return total, found.fetchall()


def _shown(database: sqlite3.Connection, query: Query, ranked: Sequence[tuple[int, float]], chars: int) -> list[Hit]:
    """The hits with their facts and the places of the matches."""
    unpack = zstandard.ZstdDecompressor().decompress
    facts: list[dict[str, Any]] = []
    texts = []
    for row, _ in ranked:
        facts.append(dict(zip(_NAMES, database.execute(_FACTS, (row,)).fetchone(), strict=True)))
        packed = database.execute("SELECT text FROM texts WHERE row = ?", (row,)).fetchone()[0]
        texts.append(unpack(packed).decode())
    marked = _highlighted(query.wanted, [(fact["title"] or "", text) for fact, text in zip(facts, texts, strict=True)])
    hits = []
    for (_, score), fact, text, (in_title, in_text) in zip(ranked, facts, texts, marked, strict=True):
        snippet, marks = cut(text, in_text, chars)
        hits.append(Hit(**fact, score=score, snippet=snippet, marks=marks, title_marks=in_title))
    return hits


def _highlighted(wanted: str, texts: Sequence[tuple[str, str]]) -> list[tuple[Spans, Spans]]:
    """Where the matches stand in titles and texts: the few that are shown are indexed once more, with their words."""
    found: list[tuple[Spans, Spans]] = [([], []) for _ in texts]
    if not wanted:
        return found
    prepared = ((row, prepare(title), prepare(text)) for row, (title, text) in enumerate(texts))
    with _scratch(prepared) as database:
        rows = database.execute(_HIGHLIGHT, {"begin": BEGIN, "end": END, "wanted": wanted})
        for row, title, text in rows:
            found[row] = spans(title), spans(text)
    return found


def _scratch(rows: Iterable[tuple[int, str, str]]) -> closing[sqlite3.Connection]:
    """A small index in memory of titles and texts, with the tokenizer of the large one."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute(f'CREATE VIRTUAL TABLE scratch USING fts5(title, text, tokenize="{TOKENIZER}")')
    database.executemany("INSERT INTO scratch(rowid, title, text) VALUES (?, ?, ?)", rows)
    return closing(database)
