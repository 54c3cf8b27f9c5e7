"""A run's perplexities as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.render import Block, Table

_SHOWN = 60  # characters of a hard place
_PLACES = 5
_NAMES = {
    "token_perplexity": "a token",
    "word_perplexity": "a word",
    "byte_perplexity": "a byte",
    "bits_per_byte": "bits a byte",
}


def blocks(summary: Mapping[str, Any]) -> list[Block]:
    """Tables of the numbers, of models against each other, and of the hardest places."""
    found: list[Block] = [_numbers(summary, model["name"]) for model in summary["models"]]
    if summary["compared"]:
        found.append(_compared(summary))
    return [*found, *(_hardest(summary, model["name"]) for model in summary["models"])]


def said(estimate: Mapping[str, Any]) -> str:
    """A number and its interval: `12.34 (11.9 to 12.8)`."""
    if estimate["low"] is None or estimate["low"] != estimate["low"]:
        return "-" if estimate["value"] is None else f"{estimate['value']:,.4g}"
    return f"{estimate['value']:,.4g} ({estimate['low']:,.4g} to {estimate['high']:,.4g})"


def _numbers(summary: Mapping[str, Any], model: str) -> Table:
    rows = [
        (
            "all" if one["group"] is None else one["group"],
            one["scored"],
            one["failed"],
            one["unscored"],
            one["tokens"],
            *(said(one[name]) for name in _NAMES),
        )
        for one in summary["measured"]
        if one["model"] == model
    ]
    whole = next(one for one in summary["measured"] if one["model"] == model)
    notes = []
    if whole["scored"] == 1:
        notes.append("one text has no interval; --split paragraphs makes texts of its paragraphs")
    elif whole["like_texts"] < min(_FEW, whole["scored"] / 2):
        notes.append(f"a few long texts carry these sums: they say as much as {whole['like_texts']:.0f} of one length")
    if summary["groups_left_out"]:
        notes.append(f"{summary['groups_left_out']:,} more groups stand in items/, and count among all")
    columns = (summary["by"], summary["split"], "failed", "unscored", "tokens", *_NAMES.values())
    return Table(columns, rows, f"Perplexity of {model} (95 % intervals)", "; ".join(notes))


_FEW = 20


def _compared(summary: Mapping[str, Any]) -> Table:
    rows = [
        (
            "all" if one["group"] is None else one["group"],
            one["a"],
            one["b"],
            *one["bits_per_byte"],
            said(one["difference"]),
            one["p_adjusted"],
            one["verdict"]["words"],
        )
        for one in summary["compared"]
    ]
    columns = (summary["by"], "A", "B", "A's bits a byte", "B's", "B less A", "p", "verdict")
    note = "on texts that both could score; p adjusted for all rows (Holm)" if len(rows) > 1 else ""
    return Table(columns, rows, "Against each other", note)


def _hardest(summary: Mapping[str, Any], model: str) -> Table:
    rows = [
        (
            one["place"],
            f"{one['hardest_start']}-{one['hardest_end']}",
            one["hardest_tokens"],
            one["hardest_loss"] / one["hardest_tokens"],
            one["hardest"][:_SHOWN],
        )
        for one in summary["hardest"]
        if one["model"] == model
    ]
    columns = ("text", "characters", "tokens", "nats a token", "how it begins")
    return Table(columns, rows[:_PLACES], f"Hardest places for {model}")
