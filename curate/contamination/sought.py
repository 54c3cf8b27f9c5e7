"""What a run looks for: the items that a recipe names, read and checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from curate.contamination.items import Benchmark, Item, parts_of, read_items
from curate.contamination.match import Matcher
from curate.contamination.match_index import Part
from curate.contamination.settings import Decontaminate
from curate.contamination.variants import Variant, load_variant
from workbench.manifest import Input


@dataclass
class Sought:
    """Items, the files they stand in, and the rule by which they are compared."""

    items: list[Item]
    benchmarks: list[Benchmark]
    variant: Variant

    @classmethod
    def read(cls, config: Decontaminate) -> Sought | None:
        """None where the recipe names no items. Raises UserError for an unknown variant, and with file and line for a
        file that cannot be read or a row without the fields."""
        if not config.enabled:
            return None
        variant = load_variant(config.variant)
        return cls(*read_items([Path(item) for item in config.items], config.question, config.answer), variant)

    @cached_property
    def parts(self) -> list[Part]:
        """Questions and answers."""
        return parts_of(self.items)

    @cached_property
    def matcher(self) -> Matcher:
        """The index of all parts; it is built when it is first asked for."""
        return Matcher.of(self.parts, self.variant)

    @property
    def inputs(self) -> list[Input]:
        """The files as a manifest lists them."""
        return [Input(path=one.path, bytes=one.bytes, digest=one.sha256) for one in self.benchmarks]

    def identity(self, config: Decontaminate) -> dict[str, Any]:
        """All that decides what is found, JSON-able: the content of the files, the fields, the rule."""
        return {
            "suites": [[one.suite, one.sha256] for one in self.benchmarks],
            "fields": [config.question, config.answer],
            "variant": self.variant.model_dump(mode="json"),
        }
