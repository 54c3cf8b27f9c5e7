"""A dataset as token shards: planned by blocks, encoded in parallel, merged in the order of the dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash
from pydantic import Field

from train.data import encode
from train.data.blocks import Fields
from train.data.clusters import cluster_keys
from train.data.texts import Documents, read_documents
from train.data.tokens import HEADER, KIND, TOKENIZER, Header, Tokens, header_text
from train.tokenizer.tokenizer import FILE, Tokenizer
from workbench import manifest, registry
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.files import Written, remove, sha256, whole_file, write_text
from workbench.manifest import Input
from workbench.recipes import Section
from workbench.runs import Run
from workbench.tables import ShardWriter, write_table
from workbench.units import Outcome, Unit, fingerprint
from workbench.yamltree import dump

VERSION = 2  # raised when the code changes what is written
SHARD_TOKENS = 1 << 28
NONE = "(none)"
_STEP = "train.data.encode:encode_step"
_COLUMNS = {"lang": "lang", "domain": "domain", "source": "source", "url-host": "host"}
_TABLE = ("id", "split", "part", "lang", "domain", "tokens", "bytes", "shard", "offset", "copies")


class Options(Section):
    """What decides the tokens beside the data and the tokenizer."""

    part: Literal["auto", "none", "lang", "domain", "source", "url-host"] = "auto"
    held_out: float = Field(
        default=0.01, ge=0, lt=1
    )  # share of the documents, by a keyed hash of their cluster or text
    seed: int = 0
    whole: bool | None = None  # whether a text file is one document; default: in a folder
    fields: Fields = Fields()


def ensure(
    data: str,
    tokenizer: Tokenizer | None,
    root: Path,
    options: Options | None = None,
    *,
    out: Path | None = None,
    jobs: int = 1,
    resume: bool = True,
    force: bool = False,
    listener: Listener = lambda event: None,
    attach: Callable[[Path], None] = lambda path: None,
) -> Tokens:
    """The tokens of a dataset: a run that is there already, else a new one (default: named by its recipe under `root`).

    data: whatever `read_documents` opens, or a finished `train.tokens` run, which is taken as it is (a tokenizer that
    is named must be the one that made it). The same data, tokenizer and options give the same bytes for any `jobs`,
    and an interrupted run goes on. Raises UserError: exit 2 for a dataset without a text, 4 for one that cannot be
    read or has changed since its manifest, 3 where blocks failed for another reason.
    """
    options = options or Options()
    ready = _ready(data, root)
    if ready is not None:
        return Tokens.open(ready, root, None if tokenizer is None else tokenizer.digest)
    if tokenizer is None:
        hint = f"make one with: train tokenizer --data {data} --vocab-size 16384"
        raise UserError("no tokenizer is named", hint=hint)
    if tokenizer.eos is None:
        hint = "name its eos_token in tokenizer_config.json"
        raise UserError("the tokenizer has no token that ends a document", hint=hint, code=Exit.INPUT)
    documents = read_documents(data, root, fields=options.fields, whole=options.whole)
    if not documents.blocks or not sum(block.end - block.begin for block in documents.blocks):
        raise _empty(data)
    parents = documents.parents[: 2 if documents.copies is not None else 1]
    run = Run.create(
        out, KIND, _recipe(documents, tokenizer, options), root=root, parents=parents, resume=resume, force=force
    )
    with run:
        attach(run.path)
        if not run.is_finished:
            _write(run, documents, tokenizer, options, jobs, listener)
    return Tokens.open(run.path, root, tokenizer.digest)


def _ready(data: str, root: Path) -> Path | None:
    """Where a finished or unfinished run of token shards lies that `data` names; None for any other data."""
    if Path(data).exists() and not registry.is_run(Path(data)):
        return None
    path = registry.find(data, root)
    return path if Run.open(path, root).started.kind == KIND else None


def _empty(data: str) -> UserError:
    return UserError(f"{data} holds no document with text", hint="name a dataset that has some")


def _recipe(documents: Documents, tokenizer: Tokenizer, options: Options) -> str:
    """The canonical text that names the run."""
    return dump(
        {
            "data": documents.digest,
            "runs": [manifest.digest(run.path) for run in documents.parents],
            "tokenizer": {"digest": tokenizer.digest, "bos": tokenizer.bos, "eos": tokenizer.eos},
            "prepare": {"version": VERSION, **options.model_dump(mode="json")},
        }
    )


def _write(
    run: Run, documents: Documents, tokenizer: Tokenizer, options: Options, jobs: int, listener: Listener
) -> None:
    began = time.monotonic()
    documents.check()
    tokenizer.save(run.path / TOKENIZER)
    run.emit(Event("info", "prepare", f"{len(documents.blocks)} blocks of {documents.name}"))
    if documents.skipped:
        named = ", ".join(documents.skipped[:3])
        listener(Event("warning", "prepare", f"{len(documents.skipped)} files are no data and left alone: {named} ..."))
    outcomes = _encode(run, documents, tokenizer, jobs, listener)
    encoded_s = round(time.monotonic() - began, 3)
    table = _table(documents, outcomes)
    if not table["kept"].any():
        raise _empty(documents.name)
    told = _labelled(documents, table, options)
    placed, shards = _merge(run.path, told, outcomes, encode.dtype(tokenizer.size))
    repeated = placed.filter(pl.col("id").is_duplicated())["id"].unique(maintain_order=True)
    missing = [name for outcome in outcomes for name in (outcome.result or {})["named"]]
    header = Header(
        dtype=encode.dtype(tokenizer.size),  # type: ignore[arg-type]
        tokenizer=tokenizer.digest,
        vocab_size=tokenizer.size,
        bos=tokenizer.bos,
        eos=tokenizer.eos,
        data=documents.digest,
        parts=placed["part"].unique().sort().to_list(),
        phases=list(documents.phases),
        shards=[(one.path, one.rows or 0) for one in shards],
        without_text=missing[: encode.NAMED],
        duplicate_ids=repeated.head(encode.NAMED).to_list(),
    )
    write_text(run.path / HEADER, header_text(header))
    with ShardWriter(run.path / "documents", placed.clear().to_arrow().schema) as writer:
        writer.append(placed)
    written = [*shards, *(one._replace(path=f"documents/{one.path}") for one in writer.written)]
    held = placed["split"] == "held_out"
    run.finish(
        counts={
            "documents": placed.height,
            "tokens": int(placed["tokens"].sum()),
            "documents_held_out": int(held.sum()),
            "tokens_held_out": int(placed.filter(held)["tokens"].sum()),
            "bytes": int(placed["bytes"].sum()),
            "without_text": sum((outcome.result or {})["without_text"] for outcome in outcomes),
            "duplicate_ids": placed.height - placed["id"].n_unique(),
        },
        timings={"encode": encoded_s, "total": round(time.monotonic() - began, 3)},
        inputs=[*documents.inputs, _as_input(run.path / TOKENIZER / FILE, tokenizer)],
        written=[one._replace(rows=None) if one in shards else one for one in written],
    )
    remove(run.path / "units")


def _as_input(file: Path, tokenizer: Tokenizer) -> Input:
    return Input(path=FILE, bytes=file.stat().st_size, digest=tokenizer.digest)


def _encode(run: Run, documents: Documents, tokenizer: Tokenizer, jobs: int, listener: Listener) -> list[Outcome]:
    sample = None if documents.copies is None else run.path / "units" / "sample.parquet"
    named = ""
    if sample is not None and documents.copies is not None:
        named = write_table(sample, documents.copies.select("id").unique().sort("id")).sha256
    setup = {
        "tokenizer": str(run.path / TOKENIZER),
        "fields": documents.fields.model_dump(mode="json"),
        "whole": documents.whole,
        "sample": None if sample is None else str(sample),
    }
    units = []
    for block in documents.blocks:
        payload = block._asdict()
        of = {name: value for name, value in payload.items() if name != "path"}  # the data may lie elsewhere tomorrow
        of |= {"fields": setup["fields"], "whole": documents.whole, "sample": named}
        name = fingerprint(version=VERSION, tokenizer=tokenizer.digest, bos=tokenizer.bos, eos=tokenizer.eos, **of)
        units.append(Unit(name, payload))
    outcomes = run_units(
        _STEP, units, directory=run.path / "units" / "blocks", step="encode", jobs=jobs, setup=setup, on_event=listener
    )
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        # What is tried once only is an input that cannot be read; the rest may succeed next time.
        unreadable = failed[0].attempts == 1
        message = f"{len(failed)} of {len(units)} blocks were not read; the first: {failed[0].error}"
        hint = "put it right; the same command goes on from what is done"
        raise UserError(message, hint=hint, code=Exit.INPUT if unreadable else Exit.PARTIAL)
    return outcomes


def _table(documents: Documents, outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """Every row of every block, in order: the columns of the blocks, `unit`, what the file's name says of split and
    phase, and whether the row is kept.

    An export of a mix repeats its documents: of those the first is kept, the others count as copies.
    """
    tables = []
    for number, (block, outcome) in enumerate(zip(documents.blocks, outcomes, strict=True)):
        own = {"unit": pl.lit(number), "block_split": pl.lit(block.split, pl.String)}
        own |= {"phase": pl.lit(block.phase, pl.String)}
        tables.append(pl.read_parquet(outcome.directory / encode.TABLE, glob=False).with_columns(**own))
    table = pl.concat(tables)
    kept = pl.col("copy") == 0
    if any(block.phase is not None for block in documents.blocks):
        kept = kept & (pl.col("id").cum_count().over("id") == 1)
    return table.with_columns(kept=kept)


def _labelled(documents: Documents, table: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The table with `domain` filled in, `part`, `split` and `copies`."""
    topics = documents.topics
    if topics is not None:
        table = table.join(topics.rename({"domain": "topic"}), on="id", how="left", maintain_order="left")
        table = table.with_columns(domain=pl.coalesce("domain", "topic")).drop("topic")
    part = options.part
    if part == "auto":
        part = "domain" if table["domain"].null_count() < table.height else "none"
    label = pl.lit("all") if part == "none" else pl.col(_COLUMNS[part]).fill_null(NONE)
    keys = cluster_keys(table["id"], documents.parents)
    held = _is_held(table["key"].cast(pl.String) if keys is None else keys, options)
    split = pl.when(pl.Series(held)).then(pl.lit("held_out")).otherwise(pl.lit("train"))
    table = table.with_columns(part=label, split=pl.coalesce("block_split", split))
    return _with_copies(documents, table)


def _is_held(keys: pl.Series, options: Options) -> npt.NDArray[np.bool_]:
    """Which documents are held out: those whose key's hash lies below the share. Others that come or go move nobody."""
    bound = int(options.held_out * 2.0**64)
    distinct = keys.unique().sort()
    hashes = [xxhash.xxh3_64_intdigest(f"held_out:{key}".encode(), seed=options.seed) for key in distinct]
    chosen = pl.DataFrame({"key": distinct, "held": [one < bound for one in hashes]}, {"key": pl.String, "held": bool})
    found = pl.DataFrame({"key": keys}).join(chosen, on="key", how="left", maintain_order="left")
    return found["held"].to_numpy().astype(np.bool_)


def _with_copies(documents: Documents, table: pl.DataFrame) -> pl.DataFrame:
    """`copies`: how often each phase reads a document."""
    copies = documents.copies
    if copies is not None:
        lost = copies.select("id").unique().join(table, on="id", how="anti").height
        if lost:
            message = f"{lost} documents of {documents.name} have no text in the run that it mixes"
            raise UserError(message, hint="make the mix again", code=Exit.INPUT)
    elif table["phase"].null_count() < table.height:
        copies = table.group_by("id", "phase", maintain_order=True).agg(copies=pl.len())
    else:
        return table.with_columns(copies=pl.lit([1], pl.List(pl.Int32)))
    for phase in documents.phases:
        here = copies.filter(pl.col("phase") == phase).group_by("id", maintain_order=True).agg(pl.col("copies").sum())
        named = here.select("id", pl.col("copies").cast(pl.Int32).alias(f"copies:{phase}"))
        table = table.join(named, on="id", how="left", maintain_order="left")
    columns = [pl.col(f"copies:{phase}").fill_null(0) for phase in documents.phases]
    return table.with_columns(copies=pl.concat_list(columns))


def _merge(
    directory: Path, table: pl.DataFrame, outcomes: Sequence[Outcome], dtype: str
) -> tuple[pl.DataFrame, list[Written]]:
    """Write the shards: documents in order, at most SHARD_TOKENS tokens (or one document) each.

    Returns the rows that are kept with their `shard` and `offset`, and the files with their tokens as rows.
    """
    remove(directory / "shards")
    kept, tokens, unit = (table[name].to_numpy() for name in ("kept", "tokens", "unit"))
    begins = np.concatenate([[0], np.cumsum(tokens)])[:-1]
    begins = begins - begins[np.searchsorted(unit, unit)]  # tokens of the same unit before each row
    rows = np.flatnonzero(kept)
    shard, offset = _places(tokens[rows])
    width = np.dtype(dtype).itemsize
    written = []
    for number in range(int(shard.max(initial=-1)) + 1):
        path = directory / "shards" / f"{number:05d}.bin"
        here = rows[shard == number]
        with whole_file(path) as temporary, temporary.open("wb") as file:
            for which in np.unique(unit[here]).tolist():
                data = np.memmap(outcomes[which].directory / encode.TOKENS, np.uint8, "r")
                own = here[unit[here] == which]
                ends = begins[own] + tokens[own]
                cuts = np.flatnonzero(np.concatenate([[True], begins[own][1:] != ends[:-1]]))
                for first, last in zip(cuts, [*cuts[1:] - 1, len(own) - 1], strict=True):
                    file.write(data[begins[own][first] * width : ends[last] * width].data)
        total = int(tokens[here].sum())
        written.append(Written(f"shards/{path.name}", total, path.stat().st_size, sha256(path)))
    placed = table[rows].with_columns(shard=pl.Series(shard), offset=pl.Series(offset))
    return placed.select(_TABLE), written


def _places(tokens: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The shard of each document and its first token there."""
    ends = np.cumsum(tokens)
    shard, offset = np.zeros_like(ends), np.zeros_like(ends)
    begin = number = 0
    while begin < len(tokens):
        before = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, before + SHARD_TOKENS, side="right")), begin + 1)
        shard[begin:end] = number
        offset[begin:end] = ends[begin:end] - tokens[begin:end] - before
        begin, number = end, number + 1
    return shard, offset
