"""What counts as a duplicate, which copy stays, and when a run has removed too much: the `duplicates` section."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveInt, model_validator

from workbench.recipes import Section

Share = Annotated[float, Field(ge=0, le=1)]

# Bands x rows by the name of who published them.
BANDINGS = {"fineweb": (14, 8), "olmo3": (26, 11)}
MAX_BANDS = 253  # the space of a key is one byte, and three are taken
_BANDING = re.compile(r"(\d{1,3})x(\d{1,3})")
_CRITERIA = ("source", "newest", "oldest", "longest", "shortest")
_MEASURE = re.compile(r"(highest|lowest) [a-z][a-z0-9_]*\.[a-z0-9_]+")


def _banding(name: str) -> str:
    found = _BANDING.fullmatch(name)
    known = name in BANDINGS or name == "auto"
    if not known and (found is None or not 0 < int(found[1]) <= MAX_BANDS or not int(found[2])):
        raise ValueError(f"'{name}' is no banding: fineweb, olmo3, auto, or BANDSxROWS with up to 253 bands")
    return name


def _criterion(name: str) -> str:
    if name not in _CRITERIA and not _MEASURE.fullmatch(name):
        raise ValueError(f"'{name}' is no order: {', '.join(_CRITERIA)}, or 'highest MEASURE', 'lowest MEASURE'")
    return name


class Near(Section):
    """Near duplicates: MinHash finds candidates, the shingle sets themselves decide."""

    enabled: bool = False
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Jaccard similarity of the shingle sets from which on two documents are duplicates."""
    containment: Annotated[float, Field(gt=0, le=1)] | None = None
    """Also duplicates: candidates of which one holds this share of the other's shingles."""
    shingle: Literal["word", "char"] = "word"
    ngram: PositiveInt = 5
    """Words (UAX-29, lower case) or characters (lower case, runs of white space as one blank) of a shingle."""
    fold: Literal["lower", "fineweb"] = "lower"
    """`fineweb` also reads every number as 0 and letters without their accents."""
    banding: Annotated[str, AfterValidator(_banding)] = "fineweb"
    """fineweb (14x8), olmo3 (26x11), `BANDSxROWS`, or auto: the best for the threshold with `permutations`."""
    permutations: Annotated[int, Field(ge=1, le=MAX_BANDS)] = 128
    """Length of a signature where the banding is chosen by `auto`."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    max_shingles: PositiveInt = 200_000
    """A document of more takes no part in the near comparison (it still does in the exact one); the run counts it."""


class Lines(Section):
    """Lines that repeat across the pages of one host: headers, footers, cookie bars."""

    enabled: bool = False
    min_pages: PositiveInt = 5
    """Pages of the host that hold the line, at least."""
    min_share: Share = 0.3
    """Share of the host's pages that hold it, at least."""
    max_chars: PositiveInt = 300
    """A longer line is text."""


class Paragraphs(Section):
    """Paragraphs that another kept document holds too: one document keeps them."""

    enabled: bool = False
    min_chars: PositiveInt = 200


class Substrings(Section):
    """Stretches of text that another kept document holds too, character by character: one document keeps them."""

    enabled: bool = False
    min_chars: Annotated[int, Field(ge=50)] = 400


class Guards(Section):
    """A run that removes more than this as duplicates finishes, but is not marked exportable."""

    max_host_share: Share = 0.9
    max_source_share: Share = 0.9
    """Of the documents that passed the rules. A source is a pattern of `sources`, else an input file."""
    min_documents: PositiveInt = 100
    """Hosts and sources with fewer documents are not judged."""
    max_cluster: PositiveInt = 1000
    """A cluster of more documents raises an alarm: templates, or signatures that say nothing."""
    override: bool = False
    """Mark the run exportable all the same; what tripped is still recorded."""


class Duplicates(Section):
    """Duplicate documents and repeated text."""

    text: bool = False
    """Documents whose normalised text is the same."""
    url: bool = False
    """Documents whose normalised address is the same."""
    near: Near = Field(default_factory=Near)
    lines: Lines = Field(default_factory=Lines)
    paragraphs: Paragraphs = Field(default_factory=Paragraphs)
    substrings: Substrings = Field(default_factory=Substrings)
    min_left_chars: NonNegativeFloat = 200
    """A document of which repeated paragraphs and substrings leave fewer characters is dropped."""
    survivor: list[Annotated[str, AfterValidator(_criterion)]] = Field(
        default_factory=lambda: ["source", "newest", "longest"]
    )
    """Which copy stays, first criterion first: source, newest, oldest, longest, shortest, `highest MEASURE`, `lowest
    MEASURE`; the smallest id breaks what ties are left."""
    sources: list[str] = Field(default_factory=list)
    """Patterns (`wiki/*`) of input files for the criterion `source`, the most trusted first."""
    guards: Guards = Field(default_factory=Guards)
    index: str | None = None
    """A directory made by `curate index`: its documents stay, what was deleted from it does not come back. A
    capture that the index itself holds (by its id) is not compared with itself: it may be kept again."""
    memory_gb: Annotated[float, Field(ge=0.3)] = 2.0
    """Memory of all workers together in the exchanges; less memory means more partitions."""

    @property
    def documents(self) -> bool:
        """Whether whole documents are compared."""
        return self.text or self.url or self.near.enabled

    @property
    def drops(self) -> bool:
        """Whether documents may be dropped: as duplicates, or because passages leave too little of them."""
        return self.documents or self.passages

    @property
    def passages(self) -> bool:
        """Whether stretches of text are compared across documents."""
        return self.paragraphs.enabled or self.substrings.enabled

    def signing(self) -> dict[str, Any]:
        """What decides how documents are signed: equal values, equal keys and sets."""
        near = {"shingle", "ngram", "fold", "banding", "permutations", "seed", "max_shingles"}
        if self.near.banding == "auto":
            near.add("threshold")  # the bands are chosen for it
        used = self.near.model_dump(mode="json", include=near) if self.near.enabled else None
        return {"text": self.text, "url": self.url, "near": used}

    @model_validator(mode="after")
    def _sensible(self) -> Duplicates:
        if self.index is not None and not self.documents:
            raise ValueError("an index compares documents: switch on text, url or near")
        return self
