"""What the documents page asks of the full-text index beside a run (`curate index-text`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.search.place import About, index_path, locate, opened, read_about
from curate.search.query import Filters, Hits
from curate.search.query import search as look
from dashboard.source import Source
from dashboard.workspace import RunRef

if TYPE_CHECKING:
    import polars as pl

FILTERS = ("state", "rule", "lang", "host")
_BEGIN, _END = "⟦", "⟧"


def stamp(run: RunRef) -> int:
    """Changes when the index beside the run does; part of every question, so that an answer is not kept too long."""
    path = index_path(run.path)
    return path.stat().st_mtime_ns if path.is_file() else 0


def about(source: Source, *, stamp: int) -> About:
    """What the index holds. Raises UserError where there is none, or one of another state of the run."""
    path = locate(source.run.path)
    with opened(path) as database:
        return read_about(database, path)


def total(source: Source, *, stamp: int, query: str, **filters: str | None) -> int:
    """How many documents of the index hold all words of the query."""
    return _look(source, query, filters, 0, 0).total


def rows(source: Source, *, stamp: int, query: str, offset: int, limit: int, **filters: str | None) -> pl.DataFrame:
    """Hits in the order of BM25: id, state, rule, lang, host, url, score, snippet (with ⟦ ⟧ around the matches)."""
    import polars as pl

    hits = _look(source, query, filters, offset, limit).hits
    text = dict.fromkeys(("id", "state", "rule", "lang", "host", "url"), pl.String)
    return pl.DataFrame(
        [
            {
                **{name: getattr(hit, name) for name in ("id", "state", "rule", "lang", "host", "url", "score")},
                "snippet": _bracketed(hit.snippet, hit.marks),
            }
            for hit in hits
        ],
        schema={**text, "score": pl.Float64, "snippet": pl.String},
    )


def _look(source: Source, query: str, filters: dict[str, str | None], offset: int, limit: int) -> Hits:
    return look(locate(source.run.path), query, Filters(**filters), limit, offset, snippet_chars=160)


def _bracketed(text: str, marks: list[tuple[int, int]]) -> str:
    for begin, end in reversed(marks):
        text = f"{text[:begin]}{_BEGIN}{text[begin:end]}{_END}{text[end:]}"
    return text
