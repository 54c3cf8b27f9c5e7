"""Token shards as a trainer reads them: documents by number, their tokens from a memory map."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import ValidationError

from train.tokenizer.tokenizer import Tokenizer
from workbench import manifest, registry
from workbench.errors import Exit, UserError, did_you_mean
from workbench.recipes import Section
from workbench.runs import Run
from workbench.tables import read_tables

KIND = "train.tokens"
HEADER = "tokens.json"
TOKENIZER = "tokenizer"  # the directory of the tokenizer's files in the run
SPLITS = ("train", "held_out")

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


class Header(Section):
    """`tokens.json`: what the shards are made of. shards: paths in the run, tokens of each."""

    schema_name: Literal["train.tokens/1"] = "train.tokens/1"
    dtype: Literal["uint16", "uint32"]
    tokenizer: str
    vocab_size: int
    bos: int | None
    eos: int | None
    data: str
    parts: list[str]
    phases: list[str]
    shards: list[tuple[str, int]]
    without_text: list[str]
    duplicate_ids: list[str]


@dataclass(frozen=True)
class Tokens:
    """A finished run of kind `train.tokens`; documents are numbered in the order of its table.

    lengths: tokens of each document, the begin and end tokens too. bytes: of its text in UTF-8. part: the number of its
    part among `parts`. copies: how often each phase of a mix reads it (1 in the one phase `main` of what is no mix).
    """

    run: Run
    header: Header
    lengths: Ints  # [documents]
    bytes: Ints  # [documents]
    part: Ints  # [documents]
    copies: npt.NDArray[np.int32]  # [documents, phases]
    _is_held: npt.NDArray[np.bool_]
    _shard: Ints
    _offset: Ints

    @classmethod
    def open(cls, path: str | Path, root: Path, tokenizer_digest: str | None = None) -> Tokens:
        """A run by its path or its id under `root`.

        Raises UserError (exit 4) where it is no finished run of this kind, a file is missing or has not its size, or
        it was made with another tokenizer than `tokenizer_digest` says.
        """
        run = Run.open(registry.find(str(path), root), root)
        if run.manifest is None or run.manifest.kind != KIND:
            what = "is not finished" if run.manifest is None else f"is a {run.manifest.kind} run, not {KIND}"
            hint = "make one with: train prepare --data RUN --tokenizer DIR"
            raise UserError(f"{run.path} {what}", hint=hint, code=Exit.INPUT)
        for entry in run.manifest.outputs:
            file = run.path / entry.path
            if not file.is_file() or file.stat().st_size != entry.bytes:
                what = "has not the size that its manifest says" if file.is_file() else "is missing"
                raise UserError(f"{file} {what}", hint="make the tokens again with --force", code=Exit.INPUT)
        try:
            header = Header.model_validate_json((run.path / HEADER).read_bytes())
        except (OSError, ValidationError):
            message = f"{run.path / HEADER} is damaged or of another version"
            raise UserError(message, hint="make the tokens again with --force", code=Exit.INPUT) from None
        if tokenizer_digest is not None and header.tokenizer != tokenizer_digest:
            message = f"the tokens of {run.path} were made with another tokenizer"
            hint = f"take the tokenizer in {run.path / TOKENIZER}, or prepare the data again"
            raise UserError(message, hint=hint, code=Exit.INPUT)
        number = pl.col("part").cast(pl.Enum(header.parts)).to_physical().cast(pl.Int64)
        table = read_tables(run.path / "documents").select(
            "tokens", "bytes", "shard", "offset", "copies", part=number, held=pl.col("split") == "held_out"
        )
        frame = table.collect()
        copies = frame["copies"].explode(empty_as_null=False, keep_nulls=False).to_numpy().astype(np.int32)
        return cls(
            run=run,
            header=header,
            lengths=frame["tokens"].to_numpy(),
            bytes=frame["bytes"].to_numpy(),
            part=frame["part"].to_numpy(),
            copies=copies.reshape(frame.height, len(header.phases)),
            _is_held=frame["held"].to_numpy(),
            _shard=frame["shard"].to_numpy(),
            _offset=frame["offset"].to_numpy(),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts."""
        return tuple(self.header.parts)

    @property
    def phases(self) -> tuple[str, ...]:
        """The names of the phases: of a mix in its order, else `main`."""
        return tuple(self.header.phases)

    @property
    def tokenizer_digest(self) -> str:
        """The digest of the tokenizer that made them."""
        return self.header.tokenizer

    @property
    def digest(self) -> str:
        """The SHA-256 of the run's manifest, which names every byte of it."""
        return manifest.digest(self.run.path)

    @property
    def bos(self) -> int | None:
        """The id before each document, None where there is none."""
        return self.header.bos

    @property
    def eos(self) -> int | None:
        """The id after each document."""
        return self.header.eos

    @property
    def vocab_size(self) -> int:
        """Ids are below it."""
        return self.header.vocab_size

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made them."""
        return Tokenizer.open(self.run.path / TOKENIZER)

    def split(self, name: str, part: str | None = None) -> Ints:
        """The numbers of the documents of a split, `train` or `held_out`, and of one part if one is named."""
        if name not in SPLITS:
            raise UserError(f"there is no split '{name}'", hint=did_you_mean(name, SPLITS))
        chosen = self._is_held == (name == "held_out")
        if part is not None:
            if part not in self.parts:
                raise UserError(f"the tokens have no part '{part}'", hint=did_you_mean(part, self.parts))
            chosen = chosen & (self.part == self.parts.index(part))
        return np.flatnonzero(chosen).astype(np.int64)

    def read(self, doc: int, start: int = 0, stop: int | None = None) -> Ids:
        """Tokens `start` to before `stop` of a document: a view of the shard, in its own integers."""
        length = int(self.lengths[doc])
        stop = length if stop is None else stop
        assert 0 <= start <= stop <= length, "a place outside of the document"
        begin = int(self._offset[doc])
        return self._maps[int(self._shard[doc])][begin + start : begin + stop]

    @cached_property
    def _maps(self) -> list[Any]:
        dtype = np.dtype(self.header.dtype).newbyteorder("<")
        return [np.memmap(self.run.path / path, dtype, "r") for path, _ in self.header.shards]

    @cached_property
    def ids(self) -> list[str]:
        """The id of each document in its dataset, by which `curate explain` finds it; read when first asked for."""
        return read_tables(self.run.path / "documents", ["id"]).collect()["id"].to_list()

    def verify(self) -> list[str]:
        """What differs from the manifest, every byte read: one sentence for each file."""
        assert self.run.manifest is not None
        return manifest.verify(self.run.path, self.run.manifest)


def header_text(header: Header) -> str:
    """`tokens.json` as it is written."""
    return json.dumps(header.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
