"""The markup of the playground: an answer whose tokens say how likely they were."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dashboard.odds import Token
from workbench.html import Html, escape, visible

BANDS = ((0.9, "90 % and more"), (0.5, "50 to 90 %"), (0.2, "20 to 50 %"), (0.05, "5 to 20 %"), (0.0, "less than 5 %"))
"""Probabilities from which on a token belongs to a shade, and how the shade is explained."""


def probability(logprob: float) -> str:
    """A log-probability in nats as a share: 12.3 %."""
    share = math.exp(logprob)
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.1g} %"


def shaded(tokens: Sequence[Token]) -> Html:
    """The tokens one after another, each with its number on hover; shade and underline say how likely it was."""
    return Html("".join(_token(each) for each in tokens))


def _token(token: Token) -> Html:
    others = ", ".join(f"{_quoted(text)} {probability(value)}" for text, value in token.others)
    note = f"{_quoted(token.text)}: {probability(token.logprob)}" + (f"; likeliest: {others}" if others else "")
    return Html(f'<span class="tok t{_band(token.logprob)}" title="{escape(note)}">{visible(token.text)}</span>')


def _quoted(text: str) -> str:
    """A token within a line of text: blanks at its ends count."""
    shown = text.replace("\n", "\\n").replace("\t", "\\t")
    return f"“{shown[:40]}”"


def _band(logprob: float) -> int:
    share = math.exp(logprob)
    return next(number for number, (least, _) in enumerate(BANDS) if share >= least)


def legend() -> Html:
    """What the shades mean."""
    shades = " ".join(f'<span class="tok t{number}">{escape(title)}</span>' for number, (_, title) in enumerate(BANDS))
    return Html(f'<p class="line">Probability of a token: {shades}</p>')
