"""The virtual inputs `sample` and `python-docs`: names that stand where a path would stand."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import xxhash

from curate.sample import python_docs
from curate.sample.build import FILE, write_warc
from curate.sources.record import UnitSpec
from curate.sources.registry import register_virtual
from curate.sources.warc import read_warc

NAME = "sample"
UNITS = 4  # so that a run on it has something to share out


def register_inputs() -> None:
    """Make both names known to `curate.sources`; every process that plans or reads units calls this first."""
    register_virtual(NAME, plan, read_warc)  # what `plan` has written is read as any other WARC file
    register_virtual(python_docs.NAME, python_docs.plan, python_docs.read)


def plan() -> list[UnitSpec]:
    """Write the sample's WARC file into a folder that lives as long as this process, and cut it into units."""
    path = Path(_folder().name) / FILE
    if not path.exists():
        write_warc(path)
    size = path.stat().st_size
    digest = xxhash.xxh3_128_hexdigest(path.read_bytes())
    cuts = [size * part // UNITS for part in range(UNITS + 1)]
    return [
        UnitSpec(part, NAME, str(path), FILE, cuts[part], cuts[part + 1], size, digest, "gzip") for part in range(UNITS)
    ]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="winnow-sample-")
