"""Scores by which a model may have read a text: each higher for texts that it rather has read.

Loss; Min-K% (Shi et al., arXiv 2310.16789); Min-K%++ (Zhang et al., arXiv 2404.02936); the loss by compressed size,
and that of the text in lower case by its own (Carlini et al., arXiv 2012.07805).
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from evalkit.contamination.calibrate import auc, found_at, threshold
from evalkit.models.types import Floats, Model, Rolled, Windows
from evalkit.perplexity.texts import Text
from evalkit.statistics.intervals import LEVEL, Estimate, mean
from workbench.errors import Exit, UserError
from workbench.files import write_text
from workbench.units import Report, Unit, Work, fingerprint

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
SHARES = (0.1, 0.2, 0.5)
RATES = (0.01, 0.05)
SETS = INSIDE, OUTSIDE, ASKED = "in", "out", "asked"
BLIND = ("blind_bytes", "blind_zlib")
"""They do not look at the model: where they tell the sets apart, the sets differ in more than having been read."""
_ROWS = "rows.json"
_UNIT = 64


def names(model: Model) -> list[str]:
    """The scores that this model allows, those that do not look at it last."""
    plus = [f"mink++_{share}" for share in SHARES] if "moments" in model.can else []
    return ["loss", *(f"mink_{share}" for share in SHARES), *plus, "zlib", "lowercase", *BLIND]


def scores(text: str, found: Rolled, lower: Rolled | None) -> dict[str, float]:
    """All scores of a text by their names; one that the text has not (too few tokens) is left out.

    found: its log-probabilities, with moments or without; lower: those of the text in lower case.
    Min-K% is the mean of the floor(k n) lowest of n; Min-K%++ that of (log p - mean) / deviation; zlib is the mean
    log-probability by the bytes of the compressed text; lowercase is the loss of the lower-case text by the loss.
    """
    logprobs = np.asarray(found.logprobs, np.float64)
    size = len(text.encode("utf-8", "surrogatepass"))
    packed = len(zlib.compress(text.encode("utf-8", "surrogatepass")))
    told = {"blind_bytes": float(size), "blind_zlib": packed / max(size, 1)}
    if not len(logprobs):
        return told
    average = float(logprobs.mean())
    told |= {"loss": average, "zlib": average / packed}
    if lower is not None and len(lower.logprobs) and average < 0:
        told["lowercase"] = float(np.mean(lower.logprobs)) / average
    for share in SHARES:
        _lowest(told, f"mink_{share}", logprobs, share)
    if found.means is not None and found.deviations is not None:
        # A token of which the model was certain is off by nothing.
        off = np.divide(
            logprobs - found.means, found.deviations, out=np.zeros(len(logprobs)), where=found.deviations > 0
        )
        for share in SHARES:
            _lowest(told, f"mink++_{share}", off, share)
    return told


def _lowest(told: dict[str, float], name: str, values: Floats, share: float) -> None:
    count = math.floor(share * len(values))
    if count:
        told[name] = float(np.sort(values)[:count].mean())


def units(model: Model, sets: Mapping[str, Sequence[Text]], windows: Windows) -> list[Unit]:
    """A unit for every few texts of a set, named by all that their scores depend on."""
    asked = {"context": windows.context, "stride": windows.stride, "bos": windows.bos}
    found = []
    for name, texts in sets.items():
        for begin in range(0, len(texts), _UNIT):
            said = json.dumps([text.text for text in texts[begin : begin + _UNIT]])
            digest = xxhash.xxh3_128_hexdigest(said.encode())
            key = fingerprint(step=VERSION, model=model.digest, set=name, begin=begin, texts=digest, **asked)
            found.append(Unit(key, {"set": name, "begin": begin}))
    return found


@contextmanager
def score(setup: dict[str, Any]) -> Iterator[Work]:
    """The step: `model`, `sets` and `windows` are handed over as they are, in this process."""
    model: Model = setup["model"]
    sets: Mapping[str, Sequence[Text]] = setup["sets"]
    windows: Windows = setup["windows"]
    moments = "moments" in model.can

    def work(payload: dict[str, Any], out: Path, progress: Report) -> dict[str, Any]:
        some = sets[payload["set"]][payload["begin"] : payload["begin"] + _UNIT]
        texts = [text.text or "" for text in some]
        good = [number for number, text in enumerate(texts) if text.strip()]
        found = dict(model.rolling([texts[at] for at in good], windows, moments=moments))
        progress(0.5, records=len(good))
        lower = dict(model.rolling([texts[at].lower() for at in good], windows))
        rows: list[dict[str, Any]] = []
        for number, text in enumerate(some):
            row: dict[str, Any] = {"set": payload["set"], "id": text.id, "place": text.place}
            if number not in good:
                rows.append(row | {"reason": "there is no text"})
                continue
            at = good.index(number)
            error = found[at].error
            if error is not None or not np.isfinite(found[at].logprobs).all():
                rows.append(row | {"reason": error or "a log-probability is not finite"})
                continue
            below = None if lower[at].error is not None else lower[at]
            rows.append(row | {"reason": None, "scores": scores(texts[number], found[at], below)})
        write_text(out / _ROWS, json.dumps(rows))
        return {"records": len(rows)}

    yield work


def table(directories: Sequence[Path], wanted: Sequence[str]) -> pl.DataFrame:
    """A row a text: its set, id, place, why it has no scores (null: it has), and its scores."""
    import polars as pl

    rows = [row for directory in directories for row in json.loads((directory / _ROWS).read_bytes())]
    schema = {"set": pl.String, "id": pl.String, "place": pl.String, "reason": pl.String}
    flat = [
        {**{name: row.get(name) for name in schema}, **{name: row.get("scores", {}).get(name) for name in wanted}}
        for row in rows
    ]
    return pl.DataFrame(flat, {**schema, **dict.fromkeys(wanted, pl.Float64)}, orient="row")


def calibrated(rows: pl.DataFrame, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """What each score is worth on the documents known in and out, and what it says of those asked about.

    The intervals of the areas hold for all scores together (Bonferroni), for the best of many is easily lucky.
    """
    import polars as pl

    level = 1 - (1 - LEVEL) / max(len(wanted), 1)
    found = []
    for name in wanted:
        values = {each: rows.filter(set=each)[name].drop_nulls().to_numpy() for each in SETS}
        inside, outside, asked = (values[each] for each in SETS)
        area = auc(inside, outside, level=level)
        one: dict[str, Any] = {
            "score": name,
            "blind": name in BLIND,
            "in": len(inside),
            "out": len(outside),
            "unscored": rows.filter(pl.col(name).is_null()).height,
            "auc": asdict(area),
            "tpr": {str(rate): asdict(found_at(inside, outside, rate)) for rate in RATES},
            "kind": kind(area),
        }
        if len(asked) and len(outside):
            above = {str(rate): asdict(_above(asked, threshold(outside, rate))) for rate in RATES}
            one["asked"] = {"n": len(asked), "auc": asdict(auc(asked, outside, level=level)), "above": above}
        found.append(one)
    return found


def _above(values: Floats, limit: float) -> Estimate:
    return mean((values > limit).astype(np.float64), bounded=True)


def kind(area: Estimate) -> str:
    """`cannot tell` where the interval of the area holds one half, `tells`, or `wrong way` round."""
    if not (area.low > 0.5 or area.high < 0.5):
        return "cannot tell"
    return "tells" if area.low > 0.5 else "wrong way"


def words(found: Sequence[Mapping[str, Any]]) -> str:
    """What all of it allows to say, in a sentence."""
    told = [one for one in found if not one["blind"] and one["kind"] == "tells"]
    if not told:
        return "cannot tell: no score is higher for documents that are known to have been trained on"
    best = max(told, key=lambda one: float(one["auc"]["value"]))
    area = best["auc"]
    said = f"{best['score']} tells best: area {area['value']:.2f} ({area['low']:.2f} to {area['high']:.2f})"
    if any(one["blind"] and one["kind"] != "cannot tell" for one in found):
        return f"cannot tell: the two sets differ without a look at the model, so that {said} says little"
    return said


def check(sets: Mapping[str, Sequence[Text]]) -> None:
    """UserError where a set is too small to calibrate on, or a text is known to be in and out."""
    for name in (INSIDE, OUTSIDE):
        if len(sets[name]) < 2:
            raise UserError(f"{len(sets[name])} documents known {name}", hint="name at least 2", code=Exit.INPUT)
    both = {text.text for text in sets[INSIDE]} & {text.text for text in sets[OUTSIDE]}
    if both:
        message = f"{len(both):,} texts are among the documents known in and those known out"
        raise UserError(message, hint="take them out of one of the two", code=Exit.INPUT)
