"""datatrove 0.10.1's MinHash, restated: the shingles of a text, and the bands of its signature.

The text is normalised (lower case, numbers as 0, punctuation as blanks, letters without marks) and cut into words by
spaCy's blank English tokenizer; a shingle is the XXH64 of five words joined by blanks; value k of a signature is the
least (a_k h + b_k mod 2^64) mod (2^61 - 1). A text of fewer than five words has none.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence

import numpy as np
import regex
import xxhash
from numpy.typing import NDArray

from curate.segment import Segments

BANDS, ROWS, NGRAM, SEED = 14, 8, 5, 1
_PRIME = np.uint64((1 << 61) - 1)
_NUMBER = regex.compile(r"\p{Nd}+(?:[.,،٫⎖⎗⎘]\p{Nd}+)?")
# Its list of punctuation: all of ASCII, some of the rest (one full-width digit among it), and the control characters.
_PUNCTUATION = string.punctuation + "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
_CONTROLS = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]
_BLANKS = str.maketrans(dict.fromkeys([*_PUNCTUATION, *_CONTROLS], " "))


def normalised(text: str) -> str:
    """The text that it compares."""
    text = _NUMBER.sub("0", text.lower()).translate(_BLANKS)
    marked = unicodedata.normalize("NFD", " ".join(text.split()))
    return "".join(c for c in marked if unicodedata.category(c) != "Mn").strip()


def words(texts: Sequence[str]) -> list[list[str]]:
    """Its words of every text."""
    changed = [normalised(text) for text in texts]
    segments = Segments(changed)
    found = segments.words_spacy
    bounds = list(zip(found.begin.tolist(), found.end.tolist(), strict=True))
    first, starts = found.first.tolist(), segments.text.first.tolist()
    return [
        [text[begin - starts[d] : end - starts[d]] for begin, end in bounds[first[d] : first[d + 1]]]
        for d, text in enumerate(changed)
    ]


def shingles(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    """The sorted distinct shingle hashes of every text."""
    out = []
    for tokens in words(texts):
        grams = zip(*(tokens[i:] for i in range(NGRAM)), strict=False)
        hashes = {xxhash.xxh64_intdigest(" ".join(gram).encode()) for gram in grams}
        out.append(np.array(sorted(hashes), dtype=np.uint64))
    return out


def bands(sets: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """The signatures, uint64[documents, bands, rows]; all ones for a text without shingles."""
    draw = np.random.RandomState(SEED)
    a = draw.randint(1, int(_PRIME), dtype=np.uint64, size=(1, BANDS * ROWS))
    b = draw.randint(0, int(_PRIME), dtype=np.uint64, size=(1, BANDS * ROWS))
    out = np.full((len(sets), BANDS * ROWS), ~np.uint64(0))
    for row, hashes in zip(out, sets, strict=True):
        for begin in range(0, len(hashes), 1024):
            part = (hashes[begin : begin + 1024, None] * a + b) % _PRIME
            np.minimum(row, part.min(axis=0), out=row)
    return out.reshape(len(sets), BANDS, ROWS)
