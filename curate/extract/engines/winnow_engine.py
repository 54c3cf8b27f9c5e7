"""winnow: learned trees judge the blocks of one scan over the page's bytes; an eighth of trafilatura's time or less."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from curate.extract.engines.settings import EngineSettings

# Memory of a page full of tags, measured: the arrays of the scan, and those of the blocks where each tag starts one.
BYTES_PER_TAG = 500


def compiled() -> bool:
    """Whether the cache of kernels holds this engine's; the first start makes them, and takes half a minute or so."""
    return any(Path(os.environ["NUMBA_CACHE_DIR"]).glob("*/judge.read-*.nbi"))


def load(settings: EngineSettings) -> Callable[[bytes], str]:
    """The extraction function. Its compiled parts are made, or read, here: the child may write no files later."""
    from curate.extract.winnow.judge import read
    from curate.extract.winnow.model import open_model
    from curate.extract.winnow.survey import bytes_of_page
    from curate.extract.winnow.write import text_of

    model = open_model(None if settings.model == "builtin" else Path(settings.model))
    least = model.limits[settings.favor]

    def extract(page: bytes) -> str:
        text, done = read(*bytes_of_page(page), False, model.first, model.second, least)
        if not done:
            text, _ = read(*bytes_of_page(page, formulas=True), True, model.first, model.second, least)
        return text_of(text)

    extract(b"<title>a</title><ul><li>one</ul><table><tr><td>1<td>2</table><pre>x\n</pre><p>All &amp; sundry.")
    return extract
