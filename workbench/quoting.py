"""Quoting text for a model that reads it: between marks that the text cannot hold, so that it cannot close them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def quoted(texts: Sequence[str]) -> list[str]:
    """Each text between a line `<<<MARK` and a line `MARK>>>`; the mark is a digest of all of them.

    A text that is to name its own mark would have to hold its own digest. The same texts always get the same mark, so
    that what was asked can be found again.
    """
    digest = hashlib.sha256()
    for text in texts:
        part = text.encode("utf-8", "surrogatepass")
        digest.update(len(part).to_bytes(8, "big") + part)
    mark = digest.hexdigest()[:16]
    return [f"<<<{mark}\n{text}\n{mark}>>>" for text in texts]
