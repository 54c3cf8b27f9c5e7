"""The engines by name. Each is a module with `load()`, imported where it runs: in the extraction child."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

from curate.extract.engines.settings import EngineSettings

ENGINES = ("trafilatura", "resiliparse", "winnow")


class Engine(NamedTuple):
    """A function from a page's UTF-8 to its main text, not yet normalised; bytes of memory a tag may cost it; and
    whether the day and author that a page states belong to what it finds.
    """

    extract: Callable[[bytes], str]
    bytes_per_tag: int
    finds_metadata: bool


def load(name: str, settings: EngineSettings | None = None) -> Engine:
    """The engine `name`, its library imported into this process."""
    if name not in ENGINES:
        raise ValueError(f"no engine '{name}'")
    module = importlib.import_module(f"curate.extract.engines.{name}_engine")
    return Engine(module.load(settings or EngineSettings()), module.BYTES_PER_TAG, name == "winnow")
