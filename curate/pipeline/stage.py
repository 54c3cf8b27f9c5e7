"""The first map: the records of one unit become text, language, edits and measures, batch by batch.

Nothing here keeps state across documents, so the result of a unit depends on its bytes and the settings alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from curate.edits.edit import Edited, edit
from curate.extract import Extractor
from curate.language import Language, identifier
from curate.measures import Batch, Measurer
from curate.pipeline.schemas import LANGUAGE, RECORDS, UNIT_EDITS
from curate.recipe import Settings
from curate.segment import Segments
from curate.sources import Record

BATCH_RECORDS = 256
# Bounds the memory of one batch: a code point costs some forty bytes of spans and ids while it is measured.
BATCH_CHARS = 4_000_000
SNIPPET_CHARS = 160
_BLANKS = re.compile(r"\s+")


@dataclass
class BatchTables:
    """What one batch became: `records` has a row per input record, `measures` a row per extracted text."""

    records: pl.DataFrame
    measures: pl.DataFrame
    edits: pl.DataFrame
    unigrams: np.ndarray  # uint32 counts of hashed words


@dataclass
class Stage:
    """The engines of one worker process, built once: extraction child, language model, measures with their lists."""

    settings: Settings
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.extractor = Extractor(self.settings.extract.engine, self.settings.extract.limits())
        self.identifier = identifier(self.settings.language.model)
        self.measurer = Measurer(self.settings.measures.lists())
        self.key = self.settings.key()

    def close(self) -> None:
        """Ends the extraction child."""
        self.extractor.close()

    def process(self, records: list[Record]) -> BatchTables:
        """Text, language, edits and measures of one batch, in input order."""
        rows = [_row(record) for record in records]
        with self._clock("extract"):
            extracted = self._extract(records, rows)
        positions = [i for i, row in enumerate(rows) if i in extracted]
        texts = [extracted[i] for i in positions]
        with self._clock("language"):
            languages = self.identifier.identify(texts)
        with self._clock("edit"):
            langs = [item.lang for item in languages]
            hosts = [records[i].host for i in positions]
            edited = edit(texts, langs, self.settings.edits, self.key, hosts)
        for index, position in enumerate(positions):
            rows[position]["text"] = edited.texts[index]
            rows[position]["chars_removed"] = len(texts[index]) - len(edited.texts[index])
            rows[position]["snippet"] = _BLANKS.sub(" ", edited.texts[index][: 4 * SNIPPET_CHARS])[:SNIPPET_CHARS]
        with self._clock("measure"):
            measures, unigrams = self._measure([rows[i] for i in positions], texts, edited, languages)
        found = [(rows[positions[e.doc]]["id"], *e[1:], positions[e.doc]) for e in edited.edits]
        edits = pl.DataFrame(found, schema=UNIT_EDITS, orient="row")
        return BatchTables(pl.DataFrame(rows, schema=RECORDS), measures, edits, unigrams)

    def _extract(self, records: list[Record], rows: list[dict[str, Any]]) -> dict[int, str]:
        """The extracted text by position; a page without any becomes a drop or a failure in its row."""
        pages = [i for i, record in enumerate(records) if record.body is not None and record.kind == "html"]
        found = self.extractor.extract([(records[i].body or "", records[i].url) for i in pages])
        texts = {
            i: record.body for i, record in enumerate(records) if record.body is not None and record.kind == "text"
        }
        for i, result in zip(pages, found, strict=True):
            rows[i]["title"] = result.title
            if result.error is not None:
                rows[i]["error"], rows[i]["error_step"] = result.error, "extract"
            else:
                texts[i] = result.text
        kept: dict[int, str] = {}
        for i, text in sorted(texts.items()):
            assert text is not None
            if not text.strip():
                rows[i]["drop_rule"], rows[i]["drop_value"] = "extract.empty", "0"
            elif len(text) > self.settings.extract.max_chars:
                limit = f"{len(text)} characters of text, above extract.max_chars = {self.settings.extract.max_chars}"
                rows[i]["error"], rows[i]["error_step"] = limit, "extract"
            else:
                kept[i] = text
        return kept

    def _measure(
        self, rows: list[dict[str, Any]], texts: list[str], edited: Edited, languages: list[Language]
    ) -> tuple[pl.DataFrame, np.ndarray]:
        """All measures of the profile's text version, and of the other one where a rule reads it."""
        common = {
            "urls": [row["url"] for row in rows],
            "hosts": [row["host"] for row in rows],
            "langs": [item.lang for item in languages],
        }
        versions = {"extracted": texts, "edited": edited.texts}
        main, other = self.settings.text_versions()
        batch = Batch(segments=Segments(versions[main]), texts=versions[main], **common)
        frames = [
            pl.DataFrame({"id": [row["id"] for row in rows]}, schema={"id": pl.String}),
            self.measurer.measure(batch),
            pl.DataFrame([tuple(item) for item in languages], schema=LANGUAGE, orient="row"),
            pl.DataFrame(edited.measures),
        ]
        # Words of the corpus are counted in the edited text, which is what the run stores.
        own = batch if main == "edited" else Batch(segments=Segments(edited.texts), texts=edited.texts, **common)
        unigrams = self.measurer.unigram_counts(own)
        if other is not None:
            second = Batch(segments=Segments(versions[other]), texts=versions[other], **common)
            frames.append(self.measurer.measure(second).rename(lambda name: f"{name}@{other}"))
        return pl.concat(frames, how="horizontal"), unigrams

    @contextmanager
    def _clock(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - began


def _row(record: Record) -> dict[str, Any]:
    """A row of RECORDS with everything the reader knows."""
    rule, value = record.drop or (None, None)
    return {
        "id": record.id,
        "url": record.url,
        "host": record.host,
        "date": record.date,
        "file": record.file,
        "row": record.row,
        "mime": record.mime,
        "charset": record.charset,
        "truncated": record.truncated,
        "drop_rule": rule,
        "drop_value": value,
        "error": record.error,
        "error_step": None if record.error is None else "read",
        "title": None,
        "text": None,
        "chars_removed": None,
        "snippet": None,
    }


def batches(records: Iterable[Record], limit: int | None = None) -> Iterator[list[Record]]:
    """Groups of at most BATCH_RECORDS records and about BATCH_CHARS characters; a larger page stands alone.

    There is always a group, be it an empty one, so that an empty unit writes tables with all their columns. At most
    `limit` records are taken.
    """
    group: list[Record] = []
    chars, empty = 0, True
    for record in islice(records, limit):
        size = len(record.body or "")
        if group and (len(group) >= BATCH_RECORDS or chars + size > BATCH_CHARS):
            yield group
            group, chars, empty = [], 0, False
        group.append(record)
        chars += size
    if group or empty:
        yield group
