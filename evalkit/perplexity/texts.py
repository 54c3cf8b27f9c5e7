"""The texts that are measured: documents of any dataset, their paragraphs or lines, or what token shards hold out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import xxhash

from evalkit.run.training import Training
from train.data import tokens
from train.data.blocks import Document, Fields
from train.data.texts import Documents, read_documents
from train.data.tokens import Tokens
from workbench import manifest, registry
from workbench.errors import UserError, did_you_mean
from workbench.manifest import Input
from workbench.runs import Run

SPLITS = {"documents": None, "paragraphs": re.compile(r"\n(?:[^\S\n]*\n)+"), "lines": re.compile(r"\n")}
GROUPS = ("domain", "source", "lang")


class Text(NamedTuple):
    """One text, None where its row has none. place: `file:row`, where it can be found. group: its domain, say."""

    id: str
    place: str
    group: str | None
    text: str | None


@dataclass
class Texts:
    """What `open_texts` found; iterating reads every text once, in one order.

    digest: names what is read and how it is cut. parents: runs it comes from. held_out: whether it is what token
    shards keep from training.
    """

    name: str
    digest: str
    parents: list[Run]
    inputs: list[Input]
    source: Documents | Tokens
    split: str = "documents"
    by: str = "domain"
    chosen: frozenset[int] | None = field(default=None, repr=False)  # the texts drawn, by their number

    @property
    def held_out(self) -> bool:
        """Whether these are the held-out documents of token shards."""
        return isinstance(self.source, Tokens)

    def __iter__(self) -> Iterator[Text]:
        for number, text in enumerate(self._all()):
            if self.chosen is None or number in self.chosen:
                yield text

    def _all(self) -> Iterator[Text]:
        pattern = SPLITS[self.split]
        for document in _decoded(self.source) if isinstance(self.source, Tokens) else self.source:
            group = getattr(document, self.by)
            if pattern is None or document.text is None:
                yield Text(document.id, document.place, group, document.text)
                continue
            for begin, text in _pieces(document.text, pattern):
                yield Text(f"{document.id}:{begin}", f"{document.place}+{begin}", group, text)

    def draw(self, limit: int, seed: int) -> None:
        """From now on only `limit` of the texts, drawn by their ids and the seed."""
        ranks = sorted(
            (xxhash.xxh3_64_intdigest(text.id.encode("utf-8", "surrogatepass"), seed=seed % 2**64), number)
            for number, text in enumerate(self._all())
        )
        self.chosen = frozenset(number for _, number in ranks[:limit])


def open_texts(
    source: str, root: Path, *, split: str = "documents", by: str = "domain", text_field: str | None = None
) -> Texts:
    """The texts of `source`: a file, a folder, a run with documents, a mix, an export, or the held-out documents of a
    run of `train prepare`, as text again.

    split: a text is a document (a text file is one), or a paragraph or line of one. by: what groups texts. Raises
    UserError (exit 4) where there is nothing, or it is damaged; exit 2 for an unknown split or group.
    """
    if split not in SPLITS:
        raise UserError(f"texts are not split into '{split}'", hint=did_you_mean(split, SPLITS))
    if by not in GROUPS:
        raise UserError(f"texts are not grouped by '{by}'", hint=did_you_mean(by, GROUPS))
    shards = _shards(source, root)
    if shards is not None:
        return Texts(source, _digest(shards.digest, split, by), [shards.run], [], shards, split, by)
    found = read_documents(source, root, fields=Fields(text=text_field), whole=True)
    return Texts(source, _digest(found.digest, split, by), found.parents, found.inputs, found, split, by)


def trained_on(model: str, texts: Texts, root: Path) -> bool:
    """Whether a model's run, or one before it, read these files or the run that these texts come from.

    What token shards hold out was not trained on.
    """
    if texts.held_out:
        return False
    training = Training.of(model, root)
    if training.run is None:
        return False
    before = {one.path.resolve() for one in registry.lineage(training.run.path, root) if one.path is not None}
    digests = {digest for _, digest in training.inputs}
    return any(run.path.resolve() in before for run in texts.parents) or any(
        entry.digest in digests for entry in texts.inputs
    )


def _shards(source: str, root: Path) -> Tokens | None:
    try:
        path = registry.find(source, root)
    except UserError:
        return None  # a file or a folder
    made = manifest.read(path)
    return Tokens.open(path, root) if made is not None and made.kind == tokens.KIND else None


def _digest(data: str, split: str, by: str) -> str:
    return xxhash.xxh3_128_hexdigest(f"{data}\n{split}\n{by}".encode())


def _decoded(shards: Tokens) -> Iterator[Document]:
    tokenizer = shards.tokenizer()
    frame = {shards.bos, shards.eos}
    for number in shards.split("held_out"):
        ids = shards.read(int(number)).tolist()
        ids = ids[1:] if ids and ids[0] in frame else ids
        ids = ids[:-1] if ids and ids[-1] in frame else ids
        part = shards.parts[int(shards.part[number])]
        name = shards.ids[int(number)]
        yield Document(name, tokenizer.decode(ids, skip_special=False) or None, name, domain=part, source=part)


def _pieces(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Where each piece that is not blank begins, and its text."""
    begin = 0
    for end, following in [*((found.start(), found.end()) for found in pattern.finditer(text)), (len(text), len(text))]:
        if text[begin:end].strip():
            yield begin, text[begin:end]
        begin = following
