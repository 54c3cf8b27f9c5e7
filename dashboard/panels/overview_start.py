"""The first commands, for a workspace that lacks what the overview shows."""

from __future__ import annotations

import shlex

import streamlit as st

from dashboard import cards
from dashboard.settings import current

_CURATE = "curate run --input sample --root {root}"
_TRAIN = "train pretrain --data RUN --depth 2 --root {root}"
_EVAL = "evalkit run --model RUN --tasks winnow-small --root {root}"


def empty() -> None:
    """What to type in a workspace without any run."""
    cards.empty("There is no run here yet. Curate a small crawl that comes with Winnow:", _command(_CURATE))
    st.markdown("Then, with the name of the run that it printed in place of RUN:")
    cards.empty("train a model on it,", _command(_TRAIN))
    cards.empty("and ask that model.", _command(_EVAL))
    cards.empty("Or look at runs that are there already, made of invented pages:", "dashboard --demo")


def no_dataset() -> None:
    """What to type where there are models and evaluations, but no curated run."""
    cards.empty("There is no curated run in this workspace; one shows where its tokens went.", _command(_CURATE))


def _command(text: str) -> str:
    return text.format(root=shlex.quote(str(current().root)))
