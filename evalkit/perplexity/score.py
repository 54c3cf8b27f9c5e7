"""Scoring texts in units of work, one row a text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from curate.extract.text import scalars
from evalkit.models.types import Model, Rolled, Windows
from evalkit.perplexity.spans import hardest
from evalkit.perplexity.texts import Text, Texts
from workbench.tables import write_table
from workbench.units import Report, Unit, Work, fingerprint

if TYPE_CHECKING:
    import pyarrow as pa

STEP = 1
"""Raised when the code changes what a row holds."""
ROWS = "rows.parquet"
STATES = SCORED, FAILED, UNSCORED = "scored", "failed", "unscored"
UNIT_TEXTS, UNIT_CHARS = 256, 200_000
_BLANKS = re.compile(r"\s+")


def schema() -> pa.Schema:
    """`items/`: a text under a model.

    group: its domain, or whatever texts are grouped by. state: `scored`; `failed` and why in `reason`: the model gave
    no number; `unscored`: there was nothing to score. tokens: that were scored. words: as lm-eval counts them, one
    more than there are runs of white space. loss: minus the log-probability of the text, in nats. begin: of which the
    begin-of-text token's, where it is scored. hardest: how the stretch begins that costs most beyond the text's own
    mean; its place in characters, its tokens and its loss.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("model", pa.string()),
            ("id", pa.string()),
            ("place", pa.string()),
            ("group", pa.string()),
            ("state", pa.string()),
            ("reason", pa.string()),
            ("tokens", pa.int64()),
            ("words", pa.int64()),
            ("bytes", pa.int64()),
            ("chars", pa.int64()),
            ("loss", pa.float64()),
            ("begin", pa.float64()),
            ("hardest", pa.string()),
            ("hardest_start", pa.int64()),
            ("hardest_end", pa.int64()),
            ("hardest_tokens", pa.int64()),
            ("hardest_loss", pa.float64()),
        ]
    )


def words(text: str) -> int:
    """As lm-eval counts them for its word perplexity: a text that ends in white space has an empty word more."""
    return len(_BLANKS.split(text))


def row(model: str, text: Text, found: Rolled | None) -> dict[str, Any]:
    """The row of a text; `found` is None where it was not asked."""
    whole = text.text or ""
    known: dict[str, Any] = {
        "model": model,
        "id": scalars(text.id),
        "place": scalars(text.place),
        "group": None if text.group is None else scalars(text.group),
        "words": words(whole),
        "bytes": len(whole.encode("utf-8", "surrogatepass")),
        "chars": len(whole),
    }
    if found is None:
        return known | {"state": UNSCORED, "reason": "there is no text", "tokens": 0}
    if found.error is not None:
        return known | {"state": FAILED, "reason": scalars(found.error), "tokens": 0}
    if not len(found.logprobs):
        return known | {"state": UNSCORED, "reason": "it is one token, before which there is none", "tokens": 0}
    if not math.isfinite(found.total):
        return known | {"state": FAILED, "reason": f"its log-probability is {found.total}", "tokens": 0}
    known |= {"state": SCORED, "loss": -found.total, "begin": None if found.begin is None else -found.begin}
    known["tokens"] = len(found.logprobs) + (found.begin is not None)
    span = hardest(whole, -np.asarray(found.logprobs), found.starts)
    if span is not None:
        known |= {"hardest": scalars(span.said), "hardest_start": span.start, "hardest_end": span.end}
        known |= {"hardest_tokens": span.tokens, "hardest_loss": span.loss}
    return known


def plan(texts: Texts) -> list[dict[str, Any]]:
    """The units: first text, number of texts and characters of each, and the digest of what they say."""
    found: list[dict[str, Any]] = []
    hashed, first, count, chars = xxhash.xxh3_128(), 0, 0, 0
    for number, text in enumerate(texts):
        said = "\0".join((text.id, text.place, str(text.group), text.text or ""))
        hashed.update(said.encode("utf-8", "surrogatepass"))
        count, chars = count + 1, chars + len(text.text or "")
        if count == UNIT_TEXTS or chars >= UNIT_CHARS:
            found.append({"first": first, "count": count, "chars": chars, "digest": hashed.hexdigest()})
            hashed, first, count, chars = xxhash.xxh3_128(), number + 1, 0, 0
    if count:
        found.append({"first": first, "count": count, "chars": chars, "digest": hashed.hexdigest()})
    return found


def unit(payload: dict[str, Any], model: Model, windows: Windows) -> Unit:
    """A unit of `plan` under a model, named by all that its rows depend on."""
    asked = {"context": windows.context, "stride": windows.stride, "bos": windows.bos}
    return Unit(fingerprint(step=STEP, model=model.digest, name=model.name, **asked, **payload), payload)


@contextmanager
def score(setup: dict[str, Any]) -> Iterator[Work]:
    """The step: `texts`, `model` and `windows` are handed over as they are, in this process."""
    texts: Texts = setup["texts"]
    model: Model = setup["model"]
    windows: Windows = setup["windows"]
    reader = _Reader(texts)

    def work(payload: dict[str, Any], out: Path, progress: Report) -> dict[str, Any]:
        import pyarrow as pa

        taken = reader.take(payload["first"], payload["count"])
        asked = [number for number, text in enumerate(taken) if text.text and text.text.strip()]
        found: dict[int, Rolled] = {}
        for number, rolled in model.rolling([taken[place].text or "" for place in asked], windows):
            found[asked[number]] = rolled
            progress(len(found) / len(taken), records=len(found))
        rows = [row(model.name, text, found.get(number)) for number, text in enumerate(taken)]
        write_table(out / ROWS, pa.Table.from_pylist(rows, schema()))
        return {"records": len(rows), "tokens": sum(one["tokens"] for one in rows)}

    yield work


class _Reader:
    """Reads forward; from the beginning again only for a unit that is tried once more."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._left: Iterator[Text] = iter(texts)
        self._at = 0

    def take(self, first: int, count: int) -> Sequence[Text]:
        if first < self._at:
            self._left, self._at = iter(self._texts), 0
        found = []
        for text in self._left:
            self._at += 1
            if self._at > first:
                found.append(text)
            if len(found) == count:
                break
        return found
