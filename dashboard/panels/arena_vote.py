"""The voting booth: one pair after the other, and nothing in the page that tells who wrote what."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard import cards, texts, voting
from dashboard.ask import people
from dashboard.workspace import RunRef
from evalkit.arena.pairs import Gold, Pair, read_gold, read_pairs
from evalkit.judge.mask import MASK, masked
from workbench.errors import UserError

LEAST_S = 0.3
"""Nobody reads two answers faster: a second press of a key that came while the next pair appeared."""
REASONS = (
    "I cannot judge this",
    "An answer is broken",
    "The answers say the same",
    "I know who wrote one",
    "Offensive",
)
_TELL = "arena-tell"  # in the session: what the last press did


@dataclass(frozen=True, slots=True)
class Loaded:
    """The pairs of an arena, those with a known better answer, and the names that no page may hold."""

    pairs: dict[str, Pair]
    gold: dict[str, Gold]
    models: tuple[str, ...]


def loaded(run: RunRef) -> Loaded:
    """All pairs of the arena, read once."""
    return _loaded(str(run.path), run.version, run)


@st.cache_resource(max_entries=4, show_spinner="Reading the pairs ...")
def _loaded(path: str, version: str, _run: RunRef) -> Loaded:
    pairs = {pair.id: pair for pair in read_pairs(_run.path)}
    models = {name for pair in pairs.values() for name in (pair.model_a, pair.model_b)}
    return Loaded(pairs, {one.id: one for one in read_gold(_run.path)}, tuple(sorted(models)))


@st.cache_resource(max_entries=64, show_spinner=False)
def _turns(path: str, version: str, rater: str, _run: RunRef) -> list[voting.Turn]:
    found = loaded(_run)
    return voting.turns(_run.id, rater, found.pairs, found.gold)


def progress_of(run: RunRef, rater: str) -> tuple[list[voting.Turn], voting.Standing, voting.Progress]:
    """What the rater is asked, what they have said, and where that leaves them."""
    asked = _turns(str(run.path), run.version, rater, run)
    said = voting.standing(people(), run.id, rater)
    return asked, said, voting.progress(asked, said)


def show(run: RunRef, rater: str) -> None:
    """The booth of this rater, or why there is none."""
    if not rater:
        cards.problem("Votes need a name.", "Type yours above; it stands beside your votes and nowhere else.")
        return
    _booth(run, rater)


@st.fragment
def _booth(run: RunRef, rater: str) -> None:
    with cards.guarded():
        asked, said, at = progress_of(run, rater)
        if said.watching:
            cards.problem(
                "You have looked at the board instead of voting.", "A vote after that would not be a blind one."
            )
            return
        with st.container(key="arena-progress"):
            board = "" if at.open else f" · the board opens after {at.quota:,} votes, not counting checks"
            st.progress(at.answered / max(at.turns, 1), text=f"{at.answered:,} of {at.turns:,} questions{board}")
        tell = st.session_state.pop(_TELL, None)
        if tell:
            texts.line(tell, soft=True)
        if at.next is None:
            texts.line("You have answered everything in this arena. Thank you.", strong=True)
            _undo(run, rater, disabled=not said.votes)
            return
        _question(run, rater, asked[at.next], at.next, undoable=bool(said.votes))


def _question(run: RunRef, rater: str, turn: voting.Turn, place: int, *, undoable: bool) -> None:
    found = loaded(run)
    pair = found.gold[turn.pair] if turn.kind == "gold" else found.pairs[turn.pair]
    answers = (pair.output_a, pair.output_b) if turn.left == "a" else (pair.output_b, pair.output_a)
    key = texts.key_of("arena", run.id, rater, str(place))
    texts.in_parts(pair.prompt, label="What both were asked", key=f"{key}-prompt")
    hidden = 0
    for column, title, answer in zip(st.columns(2), ("Left", "Right"), answers, strict=True):
        shown, count = masked(answer, found.models)
        hidden += count
        with column:
            st.header(title, anchor=False)
            texts.in_parts(shown, label=f"The answer on the {title.lower()}", key=f"{key}-{title}")
    if hidden:
        texts.line(f"Names by which an answer gives itself away read {MASK}: {hidden:,} in this pair.", soft=True)
    _buttons(run, rater, turn, place, undoable=undoable)
    # Measured from here: the pair is on its way to the browser, and a reload shows it anew.
    known = st.session_state.get("arena-shown")
    if known is None or known[0] != (run.id, rater, place):
        st.session_state["arena-shown"] = ((run.id, rater, place), time.monotonic())


def _buttons(run: RunRef, rater: str, turn: voting.Turn, place: int, *, undoable: bool) -> None:
    # The place stands in the keys, so that a press meant for one pair cannot count for the next one.
    def button(title: str, said: voting.Said, shortcut: str, help: str | None = None) -> None:
        press = partial(_vote, run, rater, turn, place, said)
        st.button(title, key=f"vote-{said}-{place}", shortcut=shortcut, on_click=press, help=help)

    with st.container(horizontal=True, horizontal_alignment="center", key="booth"):
        button("Left is better", "left", "Left")
        button("Tie", "tie", "Down")
        button("Both are bad", "both_bad", "0")
        button("Right is better", "right", "Right")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Reason, where you skip", REASONS, key="arena-reason", width=260)
        button("Skip", "skip", "s")
        _undo(run, rater, disabled=not undoable)


def _undo(run: RunRef, rater: str, *, disabled: bool) -> None:
    press = partial(
        _tell, lambda: "Taken back." if voting.undo(people(), run.id, rater) else "There is nothing to undo."
    )
    st.button("Undo the last vote", key="vote-undo", shortcut="u", on_click=press, disabled=disabled)


def _vote(run: RunRef, rater: str, turn: voting.Turn, place: int, said: voting.Said) -> None:
    shown = st.session_state.get("arena-shown")
    seconds = time.monotonic() - shown[1] if shown is not None and shown[0] == (run.id, rater, place) else 0.0

    def write() -> str:
        if seconds < LEAST_S:
            return "That was pressed before the pair could be read; nothing was kept."
        reason = st.session_state.get("arena-reason")
        reason = reason if said == "skip" and reason in REASONS else ""
        if not voting.keep(people(), run.id, rater, turn, said, seconds, reason):
            return "You had answered this pair before, perhaps in another window; that answer stays."
        return "Kept." if said != "skip" else "Skipped."

    _tell(write)


def _tell(act: Callable[[], str]) -> None:
    """Do what a press asks for and remember what to say; what went wrong is said, and nothing is claimed."""
    try:
        st.session_state[_TELL] = act()
    except UserError as error:
        st.session_state[_TELL] = f"Not kept: {error}. {error.hint or ''}".strip()
