"""One block of a dataset as tokens: the unit of work of `train prepare`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import xxhash

from train.data import blocks
from train.data.blocks import Block, Document, Fields
from train.tokenizer.tokenizer import Tokenizer
from workbench.tables import write_table
from workbench.units import Report, Work

TOKENS = "tokens.bin"
TABLE = "documents.parquet"
NAMED = 10  # rows without text, of a block and in all, that are told by name
_CHARS = 1 << 20  # of a batch for the tokenizer

SCHEMA: dict[str, Any] = {
    "id": pl.String,
    "lang": pl.String,
    "domain": pl.String,
    "source": pl.String,
    "host": pl.String,
    "copy": pl.Int64,
    "key": pl.UInt64,  # hash of the text, by which equal texts are known
    "tokens": pl.Int64,
    "bytes": pl.Int64,
}


def dtype(vocab_size: int) -> str:
    """The narrowest integers that hold every id."""
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


@contextmanager
def encode_step(setup: dict[str, Any]) -> Iterator[Work]:
    """A block: its documents' tokens one after the other, and their table.

    setup: `tokenizer` (a directory), `fields`, `whole`, `sample` (Parquet files whose column `id` says which documents
    are read; None: all). The payload is a `Block`. A row that an export repeats (`copy` above 0) stands in the table
    with no tokens: it only counts.
    """
    tokenizer = Tokenizer.open(setup["tokenizer"])
    fields = Fields.model_validate(setup["fields"])
    wanted = None
    if setup["sample"] is not None:
        wanted = set(pl.scan_parquet(setup["sample"], glob=False).select("id").collect()["id"])
    begin = tokenizer.eos if tokenizer.bos is None else tokenizer.bos  # so that the first token is foretold too
    before = [] if begin is None else [begin]
    after = [] if tokenizer.eos is None else [tokenizer.eos]
    kind = np.dtype(dtype(tokenizer.size)).newbyteorder("<")

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        block = Block(**payload)
        columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
        missing: list[str] = []
        without = rows = 0
        with (out / TOKENS).open("wb") as file:
            for batch in _batches(blocks.read(block, fields, whole=setup["whole"])):
                taken = [one for one in batch if wanted is None or one.id in wanted]
                without += sum(one.text is None for one in taken)
                missing += [one.place for one in taken if one.text is None][: NAMED - len(missing)]
                taken = [one for one in taken if one.text is not None]
                encoded = iter(tokenizer.encode_batch([one.text or "" for one in taken if not one.copy]))
                for one in taken:
                    ids = [] if one.copy else [*before, *next(encoded), *after]
                    file.write(np.array(ids, kind).tobytes())
                    _add(columns, one, len(ids))
                rows += len(batch)
                report(0.0 if block.kind != "parquet" else rows / (block.end - block.begin), records=len(columns["id"]))
        write_table(out / TABLE, pl.DataFrame(columns, SCHEMA))
        return {"records": len(columns["id"]), "without_text": without, "named": missing}

    yield work


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    held: list[Document] = []
    chars = 0
    for one in documents:
        held.append(one)
        chars += len(one.text or "")
        if chars >= _CHARS:
            yield held
            held, chars = [], 0
    if held:
        yield held


def _add(columns: dict[str, list[Any]], one: Document, tokens: int) -> None:
    for name in ("id", "lang", "domain", "source", "copy"):
        columns[name].append(getattr(one, name))
    columns["host"].append(_host(one.url))
    columns["tokens"].append(tokens)
    text = (one.text or "").encode("utf-8", "surrogatepass")
    columns["key"].append(xxhash.xxh3_64_intdigest(text))
    columns["bytes"].append(len(text))


def _host(url: str | None) -> str | None:
    try:
        return None if url is None else urlsplit(url).hostname
    except ValueError:
        return None
