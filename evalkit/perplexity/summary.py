"""What the rows of a run say: perplexities by model and group, models against each other, the hardest places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.compare.ratios import compare_ratios
from evalkit.statistics.intervals import Estimate, Floats, bits, perplexity, ratio
from evalkit.statistics.paired import holm, verdict

if TYPE_CHECKING:
    import polars as pl

SPANS = 20  # of the hardest places, over all texts of a model
MOST_GROUPS = 200
_NATS_A_BIT = math.log(2)


def summarise(rows: pl.DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """The part of `summary.json` that follows from `items/`.

    measured: one entry for each model and group (None: all texts). compared: the first model with each other, on texts
    that both could score, in bits a byte. hardest: the places that cost most beyond their texts' own mean.
    groups_left_out: how many groups there are beyond the first `MOST_GROUPS`; their texts count among all.
    """
    import polars as pl

    names = rows["group"].unique().sort(nulls_last=True).to_list()
    named = [name for name in names if name is not None] if len(names) > 1 else []
    groups = [None, *named[:MOST_GROUPS]]
    measured, hardest = [], []
    for model in models:
        own = rows.filter(pl.col("model") == model)
        measured += [_measured(model, group, _of(own, group)) for group in groups]
        hardest += _hardest(own)
    return {
        "measured": measured,
        "groups_left_out": len(named[MOST_GROUPS:]),
        "compared": _compared(rows, models, groups),
        "hardest": hardest,
    }


def _of(rows: pl.DataFrame, group: str | None) -> pl.DataFrame:
    import polars as pl

    return rows if group is None else rows.filter(pl.col("group") == group)


def _floats(rows: pl.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy().astype(np.float64)


def _measured(model: str, group: str | None, rows: pl.DataFrame) -> dict[str, Any]:
    scored = rows.filter(state="scored")
    loss = _floats(scored, "loss")
    sums = {name: int(scored[name].sum()) for name in ("tokens", "words", "bytes", "chars")}
    each: dict[str, Estimate] = {name: ratio(loss, _floats(scored, name)) for name in ("tokens", "words", "bytes")}
    sizes = _floats(scored, "bytes")
    return {
        "model": model,
        "group": group,
        "texts": rows.height,
        **{state: rows.filter(state=state).height for state in ("scored", "failed", "unscored")},
        **sums,
        # So many texts of one length would carry the sum as these do (Kish): where it is small, so is what is known.
        "like_texts": float(sizes.sum() ** 2 / np.square(sizes).sum()) if len(sizes) else 0.0,
        "loss": float(loss.sum()),
        "token_loss": asdict(each["tokens"]),
        "token_perplexity": asdict(perplexity(each["tokens"])),
        "word_perplexity": asdict(perplexity(each["words"])),
        "byte_perplexity": asdict(perplexity(each["bytes"])),
        "bits_per_byte": asdict(bits(each["bytes"])),
    }


def _hardest(rows: pl.DataFrame) -> list[dict[str, Any]]:
    import polars as pl

    mean = pl.col("loss") / pl.col("tokens")
    beyond = (pl.col("hardest_loss") - pl.col("hardest_tokens") * mean).alias("beyond")
    found = rows.filter(pl.col("hardest").is_not_null()).with_columns(beyond)
    chosen = found.sort("beyond", "id", descending=[True, False]).head(SPANS)
    columns = ("model", "id", "place", "group", "hardest", "hardest_start", "hardest_end", "hardest_tokens")
    return chosen.select(*columns, "hardest_loss", "beyond").to_dicts()


def _compared(rows: pl.DataFrame, models: Sequence[str], groups: Sequence[str | None]) -> list[dict[str, Any]]:
    import polars as pl

    found = []
    first = rows.filter(pl.col("model") == models[0])
    for other in models[1:]:
        second = rows.filter(pl.col("model") == other)
        pair = first.with_columns(pl.Series("other", second["loss"]), pl.Series("other_state", second["state"])).filter(
            state="scored", other_state="scored"
        )
        for group in groups:
            some = _of(pair, group)
            a, b = (_floats(some, name) / _NATS_A_BIT for name in ("loss", "other"))
            found.append((models[0], other, group, compare_ratios(a, b, _floats(some, "bytes"))))
    adjusted = holm([difference.p for *_, difference in found])
    told = []
    for (a_name, b_name, group, difference), p in zip(found, adjusted, strict=True):
        said = verdict(difference, p, lower_is_better=True, names=(a_name, b_name), say="{:.3g} bits a byte")
        told.append(
            {
                "a": a_name,
                "b": b_name,
                "group": group,
                "bits_per_byte": [difference.a, difference.b],
                "difference": asdict(difference.estimate),
                "p": difference.p,
                "p_adjusted": p,
                "detectable": difference.detectable,
                "verdict": {"kind": said.kind, "words": said.words},
            }
        )
    return told
