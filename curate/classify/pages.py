"""What tells a page's format: its words, and beside them its shape and its address, as features with names."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from curate.classify import features
from curate.classify.features import Extra, Rows
from curate.measures.batch import Batch
from curate.measures.code import code
from curate.measures.text import text

_WORD = re.compile(r"[a-z]{2,20}")
_TEXT = (
    "code_share",
    "url_share",
    "digit_share",
    "mean_line_length",
    "newlines_per_word",
    "punctuation_share",
    "words",
)
_CODE = ("brace_share", "keyword_share", "comment_share")
_SHARES = (0.0, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7)
_COUNTS = (0, 20, 50, 100, 200, 400, 800, 1600, 3200, 6400)
_LINES = (0, 10, 20, 40, 80, 160, 320, 640)
_LIMITS = {"words": _COUNTS, "mean_line_length": _LINES}


def page_rows(batch: Batch) -> Rows:
    """The words, the shape in steps (`shape:words:4`) and the words of the URL's path (`url:forum`)."""
    words = batch.segments.words_uax29
    extra = page_features(batch)
    return features.rows(batch.segments.lower_ids("words_uax29"), words.first[:-1], words.first[1:], extra)


def page_features(batch: Batch) -> Extra:
    """The features that are no words; each shape counts as much as a word that stands a few times."""
    columns: dict[str, Any] = {**batch.once(text), **batch.once(code)}
    shapes = []
    for name in (*_TEXT, *_CODE):
        limits = _LIMITS.get(name, _SHARES)
        step = np.searchsorted(np.asarray(limits), np.asarray(columns[name], float), side="right")
        shapes.append(_steps(name)[step])
    fixed = np.repeat(np.stack(shapes, axis=1), 3, axis=1)
    words = [url_words(url) for url in batch.urls]
    addresses = features.name_slots([f"url:{word}" for own in words for word in own])
    counts = np.array([len(own) for own in words], np.int64)
    first = np.concatenate([[0], np.cumsum(counts + fixed.shape[1])])
    slots = np.empty(first[-1], np.uint32)
    shaped = (first[:-1, None] + np.arange(fixed.shape[1])).ravel()
    slots[shaped] = fixed.ravel()
    rest = np.ones(len(slots), bool)
    rest[shaped] = False
    slots[rest] = addresses
    return Extra(first, slots)


def url_words(url: str | None) -> list[str]:
    """Words of path and query, and of the first label of the host; each once."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return []
    host = (parts.hostname or "").split(".")[0]
    return sorted(set(_WORD.findall(f"{host} {parts.path} {parts.query}".lower())))


@cache
def _steps(name: str) -> Any:
    return features.name_slots([f"shape:{name}:{step}" for step in range(len(_LIMITS.get(name, _SHARES)) + 1)])
