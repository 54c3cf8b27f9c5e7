"""The first map: the records of one unit become text, language, edits and measures, batch by batch.

Nothing here keeps state across documents, so the result of a unit depends on its bytes and the settings alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from curate.contamination.match import Matcher
from curate.contamination.match_scan import Seen
from curate.duplicates.repeats.lines import Repeated, removals
from curate.duplicates.sign import Signer
from curate.duplicates.types import Signed
from curate.edits.edit import Edited, edit
from curate.edits.lines.find import Removal
from curate.extract import Extractor
from curate.language import identifier
from curate.measures import Batch, Measurer
from curate.pipeline.models import Models
from curate.pipeline.schemas import EXTRACTED, LANGUAGE, RECORDS, UNIT_EDITS
from curate.recipe import Settings
from curate.segment import Segments, decode
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
    signed: Signed | None  # of the edited texts, where duplicates are looked for
    seen: Seen | None  # n-grams of benchmark items in the edited texts, where these are looked for


class Clock:
    """Seconds spent by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - began


class Extraction:
    """From records to texts and their languages: the extraction child and the language model of one worker."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.extractor = Extractor(
            settings.extract.engine, settings.extract.limits(), settings.extract.engine_settings()
        )
        self.identifier = identifier(settings.language.model)
        self.clock = clock

    def close(self) -> None:
        """Ends the extraction child."""
        self.extractor.close()

    def process(self, records: list[Record]) -> pl.DataFrame:
        """EXTRACTED rows of one batch, in input order."""
        rows = [_row(record) for record in records]
        with self.clock("extract"):
            texts = self._extract(records, rows)
        with self.clock("language"):
            languages = dict(zip(texts, self.identifier.identify(list(texts.values())), strict=True))
        for position, text in texts.items():
            rows[position]["text"] = text
            rows[position] |= zip(LANGUAGE, languages[position], strict=True)
        return pl.DataFrame(rows, schema=EXTRACTED)

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


class Texts:
    """From extracted texts to edits, measures, scores and signatures.

    `repeated` are lines that the hosts' pages share; `matcher` knows the benchmark items that are looked for.
    """

    def __init__(
        self, settings: Settings, clock: Clock, *, repeated: Repeated | None = None, matcher: Matcher | None = None
    ) -> None:
        self.settings = settings
        self.measurer = Measurer(settings.measures.lists())
        self.models = Models(settings)
        self.signer = Signer(settings.duplicates) if settings.duplicates.documents else None
        self.key = settings.key()
        self.repeated = repeated
        self.matcher = matcher
        self.clock = clock

    def process(self, extracted: pl.DataFrame) -> BatchTables:
        """Edits, measures and signatures of one batch of EXTRACTED rows."""
        rows = extracted.select(RECORDS.keys())
        found = extracted.with_row_index("position").filter(pl.col("text").is_not_null())
        texts = found["text"].to_list()
        plain = _batch(found, texts)
        with self.clock("classify"):
            tagged = self.models.tags(plain)
        with self.clock("edit"):
            gone: Mapping[int, list[Removal]] = {}
            if self.repeated is not None:
                gone = removals(decode(texts), plain.hosts, self.repeated, self.settings.duplicates.lines.max_chars)
            edited = edit(texts, plain.langs, self.settings.edits, self.key, plain.hosts, gone, tagged)
        own = _batch(found, edited.texts)
        with self.clock("classify"):
            edited = self.models.without_harm(edited, own)
        if edited.texts != own.texts:
            own = _batch(found, edited.texts)
        positions = found["position"].to_list()
        fresh = pl.DataFrame(
            {
                "position": found["position"],
                "text": edited.texts,
                "chars_removed": [len(old) - len(new) for old, new in zip(texts, edited.texts, strict=True)],
                "snippet": [_BLANKS.sub(" ", text[: 4 * SNIPPET_CHARS])[:SNIPPET_CHARS] for text in edited.texts],
            },
            schema_overrides={name: RECORDS[name] for name in ("text", "chars_removed", "snippet")},
        )
        rows = (
            rows.drop("text", "chars_removed", "snippet")
            .with_row_index("position")
            .join(fresh, on="position", how="left", maintain_order="left")
            .select(RECORDS.keys())
        )
        ids = found["id"].to_list()
        edits = pl.DataFrame(
            [(ids[e.doc], *e[1:], positions[e.doc]) for e in edited.edits], schema=UNIT_EDITS, orient="row"
        )
        with self.clock("measure"):
            measures, unigrams = self._measure(found, plain, own, edited)
        with self.clock("classify"):
            measures = measures.hstack(self.models.measures(own))
        with self.clock("sign"):
            signed = None if self.signer is None else self.signer.sign(own.segments, own.urls)
        seen = None
        if self.matcher is not None:
            with self.clock("contamination"):
                seen = self.matcher.see(own.segments)
        return BatchTables(rows, measures, edits, unigrams, signed, seen)

    def _measure(
        self, found: pl.DataFrame, plain: Batch, own: Batch, edited: Edited
    ) -> tuple[pl.DataFrame, np.ndarray]:
        """All measures of the profile's text version, and of the other one where a rule reads it; words of the batch.

        plain and own: the extracted and the edited texts.
        """
        versions = {"extracted": plain, "edited": own}
        main, other = self.settings.text_versions()
        frames = [found.select("id"), self.measurer.measure(versions[main]), found.select(LANGUAGE.keys())]
        frames.append(pl.DataFrame(edited.measures))
        # Words of the corpus are counted in the edited text, which is what the run stores.
        unigrams = self.measurer.unigram_counts(own)
        if other is not None:
            frames.append(self.measurer.measure(versions[other]).rename(lambda name: f"{name}@{other}"))
        return pl.concat(frames, how="horizontal"), unigrams


def _batch(found: pl.DataFrame, texts: list[str]) -> Batch:
    """Texts with what is known of their pages; nothing is segmented before somebody asks."""
    urls, hosts, langs = (found[name].to_list() for name in ("url", "host", "language.lang"))
    return Batch(Segments(texts), texts, urls, hosts, langs)


class Stage:
    """Both halves of the first map in one worker, for runs that need nothing of the whole corpus in between."""

    def __init__(self, settings: Settings, matcher: Matcher | None = None) -> None:
        self.settings = settings
        self.clock = Clock()
        self.extraction = Extraction(settings, self.clock)
        self.texts = Texts(settings, self.clock, matcher=matcher)

    def close(self) -> None:
        """Ends the extraction child."""
        self.extraction.close()

    def process(self, records: list[Record]) -> BatchTables:
        """Text, language, edits, measures and signatures of one batch, in input order."""
        return self.texts.process(self.extraction.process(records))


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
