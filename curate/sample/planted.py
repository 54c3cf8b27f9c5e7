"""What is known about every record of the sample, because it was planted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth about one record that becomes a row. `asdict` of it is JSON."""

    id: str  # as `curate.sources` gives it; it occurs twice for the records that are planted as repeats
    key: str  # the name it has in the sample: slug of a page, or of a copy or an odd record
    file: str
    row: int  # byte offset in the file
    url: str
    kind: str  # kind of page (article, forum, shop ...), or of oddity (redirect, image, empty ...)
    variant: str  # original, copy, near, truncated, odd, repeat
    lang: str | None  # None where there is no text
    charset: str | None  # WHATWG name of what the bytes are
    state: str  # kept, dropped, failed; "any" where systems may differ in good faith
    rules: tuple[str, ...] = ()  # dropped: the id of the rule holds one of these words
    text: tuple[str, ...] = ()  # the paragraphs of the page as an ideal extractor would give them
    refrain: str = ""  # the paragraph that every page of its site ends with, inside the text
    duplicate_of: str | None = None  # the key of the original
    jaccard: float | None = None  # of word 5-grams with the original's text
    pii: tuple[tuple[str, str], ...] = ()  # (kind, value) of each piece of personal data
    untouched: tuple[str, ...] = ()  # values that look like personal data and are none
    edits: tuple[tuple[str, str], ...] = ()  # (kind, line) of each planted line
    citations: int = 0  # marks such as [1], [citation needed], and the [edit] behind headings
    benchmark: tuple[str, ...] = ()  # ids of leaked questions

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return asdict(self)
