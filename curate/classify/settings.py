"""What a training may be told: engine, sources of examples, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from workbench.recipes import Section


class Linear(Section):
    """Hashed words and word pairs, logistic regression, calibrated on folds that hold whole groups."""

    c: PositiveFloat = 10.0
    """Inverse strength of the regularisation."""
    least_documents: PositiveInt = 2
    """Features in fewer examples than this are left out."""
    folds: int = Field(default=5, ge=2)
    """Parts for the calibration; examples of one group (host, file) are always in one part."""
    calibration: Literal["sigmoid", "isotonic", "none"] = "sigmoid"


class FastText(Section):
    """fastText, supervised: word pairs as DCLM (Li et al. 2024) trained it, over one line a document."""

    epochs: PositiveInt = 5
    rate: PositiveFloat = 0.1
    dim: PositiveInt = 100
    word_ngrams: PositiveInt = 2
    buckets: PositiveInt = 100_000
    """Rows for hashed word n-grams; fastText's own default, 2,000,000, makes a model of 0.8 GB."""
    least_count: PositiveInt = 5
    """Words that are rarer have no row of their own (fastText's own default is 1)."""


class Source(Section):
    """Where examples come from: a path, or a run (all it kept, or what a list of URLs or hosts names)."""

    path: str | None = None
    """A folder of text files, one text file, JSONL (plain, gzip, zstd) or Parquet; relative to the recipe."""
    run: str | None = None
    text: str = "text"
    """The field of JSONL and Parquet that holds the text."""
    label: str | None = None
    """The field that holds the label (for harm: or a list of labels); only under `labelled`."""
    labels: list[str] | None = None
    """For harm: fields that hold 0 or 1, false or true, or a share, of which 0.5 and more is yes."""
    group: str | None = None
    """The field whose values are kept together by the split (default: host of the `url`, else each row alone)."""
    urls: str | None = None
    """A file with one URL or host a line: of the run, only the documents that it lists."""
    about: str | None = None
    """Of a run, kept or dropped, only documents that people labelled on this question ..."""
    given: str | None = None
    """... with this label, such as `good`: by most of those who gave one."""
    langs: list[str] | None = None
    """Of a run, only documents in these languages."""
    limit: PositiveInt | None = None
    """At most this many documents, chosen by a keyed hash."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.run is None):
            raise ValueError("give path or run")
        if self.run is None and (self.urls, self.langs, self.about, self.given) != (None,) * 4:
            raise ValueError("urls, langs, about and given choose among the documents of a run")
        if (self.about is None) != (self.given is None):
            raise ValueError("about and given go together: a question, and the label that people gave")
        if self.label is not None and self.labels is not None:
            raise ValueError("give label or labels")
        if self.run is not None and (self.label or self.labels or self.group):
            raise ValueError("a run has no label and no group field")
        return self

    @property
    def name(self) -> str:
        """What the source is called in tables."""
        place = self.path or self.run or ""
        if self.about is not None:
            place = f"{place}: {self.about} {self.given}"
        return place if self.urls is None else f"{place} listed in {self.urls}"


class Training(Section):
    """The settings that every kind of training shares."""

    engine: Literal["linear", "fasttext"] = "linear"
    linear: Linear = Linear()
    fasttext: FastText = FastText()
    labelled: list[Source] = Field(default_factory=list)
    """Files whose rows carry a label."""
    held_out: float = Field(default=0.2, gt=0, lt=1)
    """About this share of each label's examples is held out, by whole groups (hosts, files)."""
    piece: NonNegativeInt = 5000
    """Longer texts are cut into pieces of about this many characters, of one group; 0: never."""
    share: float = Field(default=0.1, gt=0, lt=1)
    """The report names the threshold that keeps this share of the tokens."""
    seed: NonNegativeInt = 0

    def by_label(self) -> Mapping[str, Sequence[Source]]:
        """Sources whose label is known beforehand."""
        return {}


class Quality(Training):
    """`curate quality train`: two classes, named by their sources."""

    positive: list[Source] = Field(default_factory=list)
    negative: list[Source] = Field(default_factory=list)
    positive_label: str = "positive"
    """With labelled files: the label whose probability is the score."""

    def by_label(self) -> Mapping[str, Sequence[Source]]:
        """Both sides."""
        return {self.positive_label: self.positive, "negative": self.negative}


class Classes(Training):
    """Any number of classes by source."""

    classes: dict[str, list[Source]] = Field(default_factory=dict)

    def by_label(self) -> Mapping[str, Sequence[Source]]:
        """As given."""
        return self.classes


class Domains(Classes):
    """`curate domains train`: labels from sources, from labelled files, from seed terms, or from clusters."""

    texts: list[Source] = Field(default_factory=list)
    """Texts without labels, for a taxonomy or clusters."""
    taxonomy: str | None = None
    """`topics` or `formats`, or a YAML file: texts that hold its seed terms become its examples."""
    clusters: int | None = Field(default=None, ge=2)
    """So many clusters of alike texts, each named by its words."""
    reads: Literal["words", "page"] | None = None
    """`page`: also the page's shape and URL (default: as the taxonomy says, else words)."""
    least_examples: int = Field(default=8, ge=2)
    """Labels of a taxonomy with fewer examples are left out."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("taxonomy", "clusters") if getattr(self, name) is not None]
        if len(ways) > 1 or (ways and (self.classes or self.labelled)):
            raise ValueError("labels come from one of: classes and labelled, taxonomy, clusters")
        if bool(ways) != bool(self.texts):
            raise ValueError(f"{ways[0]} needs `texts:`" if ways else "`texts:` needs a taxonomy or clusters")
        if self.reads == "page" and self.engine == "fasttext":
            raise ValueError("fastText reads words alone")
        return self


class Harm(Training):
    """`curate harm train`: kinds of harm, each for itself; a text may have several or none."""

    piece: NonNegativeInt = 0
    clean: list[str] = Field(default_factory=lambda: ["none", "clean", "ok", "0", "false", "False"])
    """Labels that say that a text is harmless."""

    @model_validator(mode="after")
    def _has_labels(self) -> Self:
        if not self.labelled:
            raise ValueError("harm is learned from `labelled:` files")
        if self.engine != "linear":
            raise ValueError("a text may have several kinds of harm, which fastText cannot learn: engine is linear")
        return self
