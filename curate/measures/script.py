"""The family `script`: which writing systems the letters belong to."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, ratio
from curate.measures.characters import SCRIPT_NAMES, SCRIPT_SHIFT, bits, characters
from curate.segment.tables import ALPHA

# Scripts with letters that look alike: a word that mixes them is a trick or a wrong charset.
_CONFUSABLE = sum(1 << SCRIPT_NAMES.index(name) for name in ("latin", "cyrillic", "greek"))


def script(batch: Batch) -> dict[str, NDArray[np.generic] | list[str]]:
    """The family `script`, without the family's name; `main` is the first named among equals, "" without letters."""
    chars = batch.once(characters)
    segments, words = batch.segments, batch.segments.words_uax29
    main = np.argmax(chars.scripts, axis=0)
    most = np.max(chars.scripts, axis=0, initial=0)
    return {
        "main": [SCRIPT_NAMES[k] if count else "" for k, count in zip(main, most, strict=True)],
        "main_share": ratio(most, chars.letters),
        "mixed": _mixed(segments.text.codes, words.begin, words.end, words.first, bits(), chars.scripts),
        **{name: ratio(chars.scripts[row], chars.letters) for row, name in enumerate(SCRIPT_NAMES)},
    }


@njit(cache=True)
def _mixed(codes, begin, end, first, table, letters):  # type: ignore[no-untyped-def]  # a kernel
    """Words that hold letters of more than one of the confusable scripts."""
    docs = len(first) - 1
    out = np.zeros(docs, dtype=np.int64)
    for d in range(docs):
        present = 0
        for script in range(len(letters)):
            present += letters[script, d] > 0 and (_CONFUSABLE >> script) & 1
        if present < 2:
            continue
        for i in range(first[d], first[d + 1]):
            scripts = np.int64(0)
            for at in range(begin[i], end[i]):
                bit = table[codes[at]]
                if bit & ALPHA:
                    scripts |= np.int64(1) << np.int64(bit >> SCRIPT_SHIFT)
            scripts &= _CONFUSABLE
            out[d] += (scripts & (scripts - 1)) != 0
    return out
