"""An answer as the playground shows it: the text, what it took, and how likely each token was."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboard import cards, playing, texts
from dashboard.asking import Said
from dashboard.playing import probability
from dashboard.tables import table
from workbench.render import count, duration

SHOWN = 20_000
"""Characters of an answer in the page."""


def show(said: Said, *, side: str, key: str, probabilities: bool) -> None:
    """The answer of one side, or the card that says why there is none. key: names it among all of the page."""
    if said.problem:
        cards.problem(f"{side}: {said.problem}", said.hint)
        return
    shaded = probabilities and bool(said.tokens)
    if shaded:
        texts.box(playing.shaded(said.tokens), label=f"Answer of {side}, shaded by probability")
    elif said.text:
        texts.document(said.text[:SHOWN], label=f"Answer of {side}")
    else:
        texts.line("(an empty answer)", soft=True)
    if shaded and said.cut:
        st.caption(f"The first {len(said.tokens)} tokens of {count(said.completion_tokens)}.")
    elif not shaded and said.chars > SHOWN:
        st.caption(f"The first {count(SHOWN)} of {count(said.chars)} characters.")
    texts.line(_took(said), soft=True)
    if probabilities and not said.tokens:
        texts.line("The server told no probabilities.", soft=True)
    if shaded:
        _alternatives(said, side, key)


def _took(said: Said) -> str:
    speed = (
        f", {said.completion_tokens / said.seconds:,.0f} tokens/s" if said.seconds and said.completion_tokens else ""
    )
    ended = {"stop": "ended by itself", "length": "cut at the most tokens"}.get(said.reason, said.reason or "ended")
    read = f"{count(said.prompt_tokens)} tokens read, {count(said.completion_tokens)} written"
    return f"{said.model} · {ended} · {read} in {duration(said.seconds)}{speed}"


def _alternatives(said: Said, side: str, key: str) -> None:
    with st.popover("Probabilities as a table", key=f"{key}-table", type="tertiary", on_change="rerun") as opened:
        if opened.open:
            rows = [
                (
                    place,
                    f"“{token.text}”",
                    probability(token.logprob),
                    round(token.logprob, 4),
                    " · ".join(f"“{text}” {probability(value)}" for text, value in token.others),
                )
                for place, token in enumerate(said.tokens, start=1)
            ]
            names = ("place", "token", "probability", "log-probability", "likeliest in its place")
            frame = pl.DataFrame(rows, schema=names, orient="row")
            least = min(said.tokens, key=lambda token: token.logprob)
            alt = f"{len(rows)} tokens of {side}; the least likely has {probability(least.logprob)}"
            table(frame, alt=alt, key=f"{key}-tokens")
            st.caption("As the server told them, exact: natural logarithms, of this one answer.")
