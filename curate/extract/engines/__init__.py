"""The engines by name. Each is a module with `load()`, imported where it runs: in the extraction child."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

ENGINES = ("trafilatura", "resiliparse")


class Engine(NamedTuple):
    """A function from a page's HTML to its main text, not yet normalised; and bytes of memory a tag may cost it."""

    extract: Callable[[str], str]
    bytes_per_tag: int


def load(name: str) -> Engine:
    """The engine `name`, its library imported into this process."""
    if name not in ENGINES:
        raise ValueError(f"no engine '{name}'")
    module = importlib.import_module(f"curate.extract.engines.{name}_engine")
    return Engine(module.load(), module.BYTES_PER_TAG)
