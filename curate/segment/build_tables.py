"""Write `data/classes.npz`, the character tables of `curate.segment.tables`: `python -m curate.segment.build_tables`.

Each table is stored as runs of equal values (first code point of the run, value). Sources: Python's own string methods
and `unicodedata` for what must behave like Python, the `regex` module for scripts and word breaks, and the sets of
punctuation that the reference systems publish.
"""

import sys
import unicodedata
from collections.abc import Callable

import numpy as np
import regex
from numpy.typing import NDArray

from curate.segment import tables

ALL = "".join(map(chr, range(tables.SIZE)))


def runs(values: NDArray[np.generic]) -> tuple[NDArray[np.int32], NDArray[np.generic]]:
    """Run-length form of a table."""
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1]).astype(np.int32)
    return starts, values[starts]


def by_test(test: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Table of a predicate over single characters."""
    return np.fromiter(map(test, ALL), dtype=np.bool_, count=tables.SIZE)


def by_property(name: str) -> NDArray[np.bool_]:
    r"""Table of a `\p{...}` property of the `regex` module."""
    out = np.zeros(tables.SIZE, dtype=np.bool_)
    for match in regex.finditer(rf"\p{{{name}}}+", ALL):
        out[match.start() : match.end()] = True
    return out


def numbered(prefix: str, names: tuple[str, ...]) -> NDArray[np.uint8]:
    """Table of an enumerated property; names[0] is the value of everything else."""
    out = np.zeros(tables.SIZE, dtype=np.uint8)
    for number, name in enumerate(names[1:], start=1):
        out[by_property(f"{prefix}={name}")] = number
    return out


def build() -> dict[str, NDArray[np.generic]]:
    """All tables, expanded."""
    numbers = {name: number for number, name in enumerate(tables.CATEGORIES)}
    category = np.fromiter((numbers[unicodedata.category(c)] for c in ALL), dtype=np.uint8, count=tables.SIZE)
    flags = np.zeros(tables.SIZE, dtype=np.uint16)
    for bit, table in (
        (tables.ALPHA, by_test(str.isalpha)),
        (tables.SPACE, by_test(str.isspace)),
        (tables.UPPER, by_test(str.isupper)),
        (tables.LOWER, by_test(str.islower)),
        (tables.DIGIT, by_test(str.isdigit)),
        (tables.DECIMAL, by_test(str.isdecimal)),
        (tables.ALNUM, by_test(str.isalnum)),
        (tables.PICTOGRAPH, by_property("Extended_Pictographic")),
        (tables.IDEOGRAPH, by_property("Ideographic")),
        (tables.SENTENCE_TERMINAL, by_property("Sentence_Terminal")),
        (tables.ALPHABETIC, by_property("Alphabetic")),
    ):
        flags |= np.where(table, np.uint16(bit), np.uint16(0))
    lower = np.fromiter((ord(c.lower()) if len(c.lower()) == 1 else ord(c) for c in ALL), np.int64, tables.SIZE)
    return {
        "category": category,
        "flags": flags,
        "lower_shift": (lower - np.arange(tables.SIZE)).astype(np.int32),
        "script": numbered("Script", tables.SCRIPTS),
        "word_break": numbered("Word_Break", tables.WORD_BREAKS),
    }


def main() -> None:
    """Build and write the package data."""
    packed: dict[str, NDArray[np.generic]] = {}
    for name, values in build().items():
        packed[name + "_starts"], packed[name + "_values"] = runs(values)
    np.savez_compressed(tables.PATH, **packed)  # type: ignore[arg-type]  # numpy's stub wants a bool for allow_pickle
    sys.stdout.write(f"{tables.PATH.name}: {tables.PATH.stat().st_size} bytes, Unicode {unicodedata.unidata_version}\n")


if __name__ == "__main__":
    main()
