"""What is compared of the texts of a unit: fingerprints of paragraphs and of stretches, and the texts themselves.

texts.bin             every text, one after the other, in 1, 2 or 4 bytes a code point, as its widest one needs
docs.npy              place and length of each text
paragraphs-00000.npy  128-bit hash of each paragraph of `paragraphs.min_chars`, sorted
prints-00000.npy      winnowed grams of every text of `substrings.min_chars`, sorted
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.config import Duplicates
from curate.duplicates.normal import hashed, normalised
from curate.duplicates.repeats.passage_kernels import fingerprints
from curate.segment import Text, paragraphs

DOC = np.dtype([("place", "<u8"), ("chars", "<u8")])  # place: offset of the text in bytes, times 8, plus the width
PARAGRAPH = np.dtype(
    [("high", "<u8"), ("low", "<u8"), ("rank", "<u8"), ("row", "<u4"), ("begin", "<u4"), ("end", "<u4")]
)
PRINT = np.dtype(
    [("key", "<u8"), ("rank", "<u8"), ("place", "<u8")]
    + [(name, "<u4") for name in ("row", "at", "begin", "last")]
)  # fmt: skip
TEXTS, DOCS = "texts.bin", "docs.npy"

_BUFFERED = 1 << 20
_WIDTHS = ((1, 1 << 8), (2, 1 << 16), (4, 1 << 32))


def gram(min_chars: int) -> int:
    """Code points of a fingerprinted gram; windows of `min_chars` hold `min_chars - gram + 1` of them."""
    return min_chars // 2


class PassageWriter:
    """Writes the files of one unit; memory: the place of each text, and a million rows at a time.

    Documents are written in the order of their numbers; `ranks` say who keeps what several have (0 keeps all), and are
    distinct among all documents of a search.
    """

    def __init__(self, directory: Path, config: Duplicates) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._config = config
        self._texts = (directory / TEXTS).open("wb")
        self._places: list[NDArray[Any]] = []
        self._sorted = {
            "paragraphs": _Sorted(directory, "paragraphs", PARAGRAPH, ("high", "low")),
            "prints": _Sorted(directory, "prints", PRINT, ("key",)),
        }
        self.docs = 0

    def write(self, text: Text, ranks: NDArray[np.int64]) -> None:
        """Add the next documents. Raises ValueError for a rank below 0."""
        if len(ranks) != text.docs or (ranks < 0).any():
            raise ValueError(f"{text.docs} documents, and {len(ranks)} ranks of 0 or more")
        docs = np.zeros(text.docs, DOC)
        for d, (begin, end) in enumerate(zip(text.first[:-1].tolist(), text.first[1:].tolist(), strict=True)):
            codes = text.codes[begin:end]
            widest = int(codes.max()) if end > begin else 0
            width = next(width for width, above in _WIDTHS if widest < above)
            docs[d] = self._texts.tell() * 8 + width, end - begin
            self._texts.write(codes.astype(f"<u{width}").data)
        self._places.append(docs)
        lowest_first = ranks.astype(np.uint64)
        if self._config.paragraphs.enabled:
            self._sorted["paragraphs"].add(
                _paragraphs(text, lowest_first, self._config.paragraphs.min_chars, self.docs)
            )
        if self._config.substrings.enabled:
            rows = _prints(text, lowest_first, docs["place"], self._config.substrings.min_chars, self.docs)
            self._sorted["prints"].add(rows)
        self.docs += text.docs

    def close(self) -> None:
        """Write what is held."""
        self._texts.close()
        np.save(self._directory / DOCS, np.concatenate([np.empty(0, DOC), *self._places]))
        for each in self._sorted.values():
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._texts.close()


class _Sorted:
    """Rows of one type, written as sorted files of about a million."""

    def __init__(self, directory: Path, name: str, kind: np.dtype[Any], keys: tuple[str, ...]) -> None:
        self._path = directory / name
        self._kind = kind
        self._keys = keys
        self._held: list[NDArray[Any]] = []
        self._files = 0

    def add(self, rows: NDArray[Any]) -> None:
        self._held.append(rows)
        if sum(map(len, self._held)) >= _BUFFERED:
            self.close()

    def close(self) -> None:
        rows = np.concatenate([np.empty(0, self._kind), *self._held])
        if len(rows):
            order = np.lexsort([rows[name] for name in reversed(self._keys)])
            np.save(self._path.with_name(f"{self._path.name}-{self._files:05d}.npy"), rows[order])
            self._files += 1
        self._held = []


def _paragraphs(text: Text, ranks: NDArray[np.uint64], min_chars: int, before: int) -> NDArray[Any]:
    """Paragraphs whose normalised text is long enough (`normal.normalised`: case and white space do not count)."""
    spans = paragraphs(text)
    long = np.flatnonzero(spans.end - spans.begin >= min_chars)
    begin, end = spans.begin[long], spans.end[long]
    pieces = [text.codes[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
    first = np.concatenate([[0], np.cumsum(end - begin)]).astype(np.int64)
    codes = np.concatenate([np.empty(0, np.uint32), *pieces])
    codes.flags.writeable = False
    normal = normalised(Text(codes, first))
    kept = np.flatnonzero(np.diff(normal.first) >= min_chars)
    doc = np.searchsorted(spans.first, long[kept], side="right") - 1
    rows = np.empty(len(kept), PARAGRAPH)
    for row, paragraph in enumerate(kept.tolist()):
        key = hashed(normal.codes[normal.first[paragraph] : normal.first[paragraph + 1]])
        rows["high"][row], rows["low"][row] = key
    rows["rank"], rows["row"] = ranks[doc], doc + before
    rows["begin"], rows["end"] = begin[kept] - text.first[doc], end[kept] - text.first[doc]
    return rows


def _prints(text: Text, ranks: NDArray[np.uint64], places: NDArray[np.uint64], min_chars: int,
            before: int) -> NDArray[Any]:  # fmt: skip
    doc, key, at, begin, last = fingerprints(text.codes, text.first, gram(min_chars), min_chars - gram(min_chars) + 1)
    rows = np.empty(len(doc), PRINT)
    rows["key"], rows["rank"], rows["place"], rows["row"] = key, ranks[doc], places[doc], doc + before
    rows["at"], rows["begin"], rows["last"] = at, begin, last
    return rows
