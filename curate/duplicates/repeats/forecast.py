"""Memory and disk of the exchanges of repeated text, foretold before a run."""

from __future__ import annotations

from curate.duplicates.budget import Exchange, budget
from curate.duplicates.config import Duplicates
from curate.duplicates.repeats.cuts import FOUND, HELD_BYTES
from curate.duplicates.repeats.exchange import COPIES, rows_within
from curate.duplicates.repeats.lines import ROW
from curate.duplicates.repeats.passages import PARAGRAPH, PRINT, gram


def forecast(config: Duplicates, documents: int, chars_per_doc: float, memory_bytes: int, jobs: int) -> list[Exchange]:
    """What the exchanges of repeated text will take, for a corpus of which only the size is known.

    Lines, paragraphs, and what of the texts repeats are those of a web crawl (a line per 150 characters, a long
    paragraph per 700, a quarter of the text).
    """
    chars = documents * chars_per_doc
    window = config.substrings.min_chars - gram(config.substrings.min_chars) + 1
    steps = [
        (config.lines.enabled, "repeated lines", documents + chars / 150, ROW, 0.0, 0),
        (config.paragraphs.enabled, "repeated paragraphs", chars / 700, PARAGRAPH, chars / 2800, 0),
        (config.substrings.enabled, "repeated stretches", 2 * chars / (window + 1), PRINT, chars / 400, HELD_BYTES),
    ]
    room = budget(memory_bytes, jobs)
    full = room.memory(1 << 60, 1)
    found = [
        Exchange(
            name,
            min(full, room.memory(int(rows), COPIES * row.itemsize) + room.jobs * held),
            int(rows * row.itemsize + cuts * FOUND.itemsize),
            max(1, -(-int(rows) // rows_within(room, row.itemsize, held))),
        )
        for enabled, name, rows, row, cuts, held in steps
        if enabled
    ]
    if config.paragraphs.enabled or config.substrings.enabled:
        found.append(Exchange("kept texts", 0, int(1.3 * chars), 1))  # bytes of a code point, over all scripts
    return found
