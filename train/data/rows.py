"""Endless rows of one part of the data, each found from its number alone; and rows put into a batch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from train.data.batch import IGNORED, PADDING, Batch
from train.data.packing import Ints, Plan, plan
from workbench.errors import Exit, UserError

_KEPT_PLANS = 2  # the epoch that is read, and the next where a step reaches over its end
_NAMED = 4  # documents of a row that its name tells


class Content(Protocol):
    """Documents as a packer sees them.

    lengths: positions that each document fills in rows. [documents] whole: they are never cut.
    """

    @property
    def lengths(self) -> Ints: ...
    @property
    def whole(self) -> bool: ...

    def piece(self, doc: int, start: int, length: int) -> tuple[npt.ArrayLike, npt.ArrayLike]:
        """Tokens and labels of some positions of a document. [length] each"""
        ...

    def labels(self, doc: Ints, length: Ints) -> Ints:
        """How many labels pieces hold, by document and length. [pieces]"""
        ...

    def name(self, doc: int) -> str:
        """What messages call a document."""
        ...


class Row(NamedTuple):
    """The pieces that one row is made of, and where their texts are."""

    content: Content
    doc: Ints
    start: Ints
    length: Ints

    def name(self) -> str:
        """The documents of the row, for messages."""
        docs = list(dict.fromkeys(self.doc.tolist()))
        rest = f" and {len(docs) - _NAMED} more" if len(docs) > _NAMED else ""
        return ", ".join(self.content.name(doc) for doc in docs[:_NAMED]) + rest


class _Epoch(NamedTuple):
    docs: Ints  # the documents in the order that was planned
    plan: Plan
    order: Ints  # rows of the plan in the order that they are read
    tokens: Ints  # filled positions before each row, in that order. [rows + 1]
    labels: Ints  # the same for labels


class Stream:
    """The rows of a part, epoch after epoch.

    In each epoch the documents are permuted by a hash of (seed, name, epoch), packed, and the rows permuted again, so
    row n is a pure function of (seed, name, n). With `copies` a document is read that many times in one cycle: the
    first round reads all documents, the second those with two copies or more, and so on; each round is an epoch of
    its own.
    Memory: about 100 bytes for each piece of two epochs.
    """

    def __init__(
        self, content: Content, documents: Ints, width: int, name: str, seed: int, copies: Ints | None = None
    ) -> None:
        # A document without a position (one token has no next one) is never read.
        readable = np.asarray(content.lengths)[documents] > 0
        if content.whole:
            readable &= np.asarray(content.lengths)[documents] <= width
        self.content, self.width, self.key = content, width, f"{seed}:{name}"
        self.documents = np.asarray(documents, np.int64)[readable]
        self.copies = np.ones_like(self.documents) if copies is None else np.asarray(copies, np.int64)[readable]
        self.documents, self.copies = self.documents[self.copies > 0], self.copies[self.copies > 0]
        if not len(self.documents):
            message = f"'{name}' has no document to read"
            hint = "it has none, or none of two tokens or more" + (" that fits a row" if content.whole else "")
            raise UserError(message, hint=hint, code=Exit.INPUT)
        self._epochs: OrderedDict[int, _Epoch] = OrderedDict()
        self._rounds = int(self.copies.max())
        # How many rows a plan has does not depend on the order of its documents.
        self._starts = np.zeros(self._rounds + 1, np.int64)
        for number in range(self._rounds):
            epoch = self._epoch(number)
            self._starts[number + 1] = self._starts[number] + epoch.plan.rows
        self._sums = np.array([self._epoch_sums(number) for number in range(self._rounds)], np.int64)

    @property
    def cycle(self) -> int:
        """The rows in which every document is read as often as it has copies."""
        return int(self._starts[-1])

    @property
    def tokens(self) -> int:
        """The positions that all documents fill, each read once."""
        return int(self.content.lengths[self.documents].sum())

    def row(self, number: int) -> Row:
        """The pieces of one row; rows are counted from 0 without end."""
        epoch, place = self._locate(number)
        found = self._epoch(epoch)
        pieces = slice(*found.plan.first[found.order[place] :][:2])
        planned = found.plan
        return Row(self.content, found.docs[planned.doc[pieces]], planned.start[pieces], planned.length[pieces])

    def seen(self, rows: int) -> dict[str, float]:
        """What the first so many rows hold: rows, tokens, labels, and epochs (tokens per token of the documents)."""
        epoch, place = self._locate(rows)
        cycles, rounds = divmod(epoch, self._rounds)
        tokens, labels = cycles * self._sums.sum(axis=0) + self._sums[:rounds].sum(axis=0)
        if place:
            found = self._epoch(epoch)
            tokens, labels = tokens + found.tokens[place], labels + found.labels[place]
        return {"rows": rows, "tokens": int(tokens), "labels": int(labels), "epochs": float(tokens / self.tokens)}

    def _locate(self, number: int) -> tuple[int, int]:
        cycle, rest = divmod(number, self.cycle)
        at = int(np.searchsorted(self._starts, rest, side="right")) - 1
        return cycle * self._rounds + at, rest - int(self._starts[at])

    def _epoch_sums(self, number: int) -> tuple[int, int]:
        docs = self.documents[self.copies > number]
        lengths = np.asarray(self.content.lengths)[docs]
        return int(lengths.sum()), int(self.content.labels(docs, lengths).sum())

    def _epoch(self, number: int) -> _Epoch:
        if number in self._epochs:
            return self._epochs[number]
        docs = self.documents[self.copies > number % self._rounds]
        docs = docs[permutation(len(docs), f"{self.key}:{number}:documents")]
        planned = plan(np.asarray(self.content.lengths)[docs], self.width, whole=self.content.whole)
        order = permutation(planned.rows, f"{self.key}:{number}:rows")
        labels = np.concatenate([[0], np.cumsum(self.content.labels(docs[planned.doc], planned.length))])
        labels = labels[planned.first[1:]] - labels[planned.first[:-1]]
        self._epochs[number] = _Epoch(docs, planned, order, _before(planned.tokens()[order]), _before(labels[order]))
        while len(self._epochs) > _KEPT_PLANS:
            self._epochs.popitem(last=False)
        return self._epochs[number]


def _before(counts: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def permutation(count: int, key: str) -> Ints:
    """The numbers below `count` in an order that depends on the key alone, on every machine and version."""
    state = np.frombuffer(blake2b(key.encode(), digest_size=8).digest(), "<u8")
    # splitmix64 (Steele, Lea and Flood 2014); the sort is stable, so even equal hashes have one order.
    mixed = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) + state
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable").astype(np.int64)


def collate(rows: Sequence[Row], width: int) -> Batch:
    """Rows of pieces as one batch. A piece of a cut document is a document of its own: its positions start at 0."""
    shape = (len(rows), width)
    tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    labels, docs = np.full(shape, IGNORED, np.int64), np.full(shape, PADDING, np.int64)
    for line, row in enumerate(rows):
        begin = 0
        for number, (doc, start, length) in enumerate(zip(row.doc, row.start, row.length, strict=True)):
            part = slice(begin, begin + int(length))
            tokens[line, part], labels[line, part] = row.content.piece(int(doc), int(start), int(length))
            positions[line, part] = np.arange(length)
            docs[line, part] = number
            begin = part.stop
    return Batch(
        tokens=torch.from_numpy(tokens),
        labels=torch.from_numpy(labels),
        positions=torch.from_numpy(positions),
        docs=torch.from_numpy(docs),
        weight=float((labels != IGNORED).sum()),
        names=tuple(row.name() for row in rows),
    )


def read_once(content: Content, documents: Ints, *, width: int, micro: int) -> Iterator[Batch]:
    """Every document once, packed, without any chance: for evaluation."""
    planned = plan(np.asarray(content.lengths)[documents], width, whole=content.whole)
    for first in range(0, planned.rows, micro):
        rows = []
        for row in range(first, min(first + micro, planned.rows)):
            piece = slice(planned.first[row], planned.first[row + 1])
            rows.append(Row(content, documents[planned.doc[piece]], planned.start[piece], planned.length[piece]))
        yield collate(rows, width)
