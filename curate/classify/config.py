"""The `classify` section of a recipe: which trained models a run asks, and what each of them is called there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from workbench.recipes import Section

Name = Annotated[str, StringConstraints(pattern=r"^[^\s.@][^.@\n]{0,59}$")]
QUALITY, DOMAINS, HARM, PII = KINDS = ("curate.quality", "curate.domains", "curate.harm", "curate.pii")
"""The kinds of runs that hold a trained model. They are parents of a run, but no documents came from them."""
_KIND = {"quality": QUALITY, "domain": DOMAINS, "harm": HARM}


class Domain(Section):
    """The two classifiers of domains."""

    topic: str | None = None
    format: str | None = None


class Named(NamedTuple):
    """One model of the section: `quality.edu`, the run that holds it, and the kind that this run must be."""

    name: str
    run: str
    kind: str

    @property
    def family(self) -> str:
        """`quality`, `domain`, `harm` or `pii`."""
        return self.name.partition(".")[0]

    @property
    def own(self) -> str:
        """The name within the family."""
        return self.name.partition(".")[2]


class Classify(Section):
    """Runs of `curate quality|domains|harm|pii train`, each by its id under the root or by its path."""

    quality: dict[Name, str] = Field(default_factory=dict)
    """By names of your own: `edu` gives `quality.edu`. The first is also the column `quality` of the documents."""
    domain: Domain = Field(default_factory=Domain)
    """`topic` and `format`; the topic is the column `domain` of the documents."""
    harm: dict[Name, str] = Field(default_factory=dict)
    """By the kinds of harm that the model knows: `toxic` gives `harm.toxic` and `harm.toxic_sentences`."""
    pii: str | None = None
    """The tagger of names and addresses; what it finds is masked as `edits.tagged` says."""

    def named(self) -> Iterator[Named]:
        """All models in order, the tagger last."""
        domain = {name: run for name, run in self.domain if run is not None}
        for family, runs in (("quality", self.quality), ("domain", domain), ("harm", self.harm)):
            for name, run in runs.items():
                yield Named(f"{family}.{name}", run, _KIND[family])
        if self.pii is not None:
            yield Named("pii", self.pii, PII)

    def at(self, paths: dict[str, str]) -> Classify:
        """The same section with every run by its path; `paths`: by name of the model."""

        def moved(family: str, runs: dict[str, str]) -> dict[str, str]:
            return {name: paths[f"{family}.{name}"] for name in runs}

        domain = {name: paths[f"domain.{name}"] for name, run in self.domain if run is not None}
        return Classify(
            quality=moved("quality", self.quality),
            domain=Domain(**domain),
            harm=moved("harm", self.harm),
            pii=None if self.pii is None else paths["pii"],
        )

    def columns(self) -> dict[str, str]:
        """Columns of the documents, each with the measure that fills it, where a model for it is named."""
        found = {}
        if self.domain.topic is not None:
            found["domain"] = "domain.topic"
        if self.quality:
            found["quality"] = f"quality.{next(iter(self.quality))}"
        return found
