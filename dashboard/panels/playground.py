"""The playground: a conversation with one model or two at once, or texts that they continue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard import asking, cards, chrome, playing, texts
from dashboard.asking import Said
from dashboard.odds import ALTERNATIVES
from dashboard.panels import playground_models, playground_said
from dashboard.settings import current
from workbench.endpoints import Request, chat, completion

SIDES = ("A", "B")
TURNS = 50
PROMPT = 20_000
STOPS = 4
_SHADED = 2  # turns, the last ones, whose tokens are shaded: each token is markup of its own
_TURNS, _MODE = "p-turns", "p-asked-in"


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt and what each side said to it."""

    prompt: str
    said: tuple[Said, ...]


def show() -> None:
    """The whole page."""
    if current().shared and not current().endpoints:
        cards.empty(
            "Others reach this dashboard, so it asks only the endpoints that it was started with, and there are none.",
            "dashboard --endpoint http://127.0.0.1:8000/v1",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = st.segmented_control(
            "Mode",
            ["chat", "completion"],
            default="chat",
            required=True,
            key="mode",
            bind="query-params",
            help="Base models continue a text; models that were taught conversations chat.",
        )
        two = st.toggle("Two models", key="two", bind="query-params")
        probabilities = st.toggle("Token probabilities", value=True, key="probabilities", bind="query-params")
        chrome.copy_link()
    mode, sides = str(mode or "chat"), SIDES if two else SIDES[:1]
    servers = []
    for number, (side, column) in enumerate(zip(sides, st.columns(len(sides)), strict=True)):
        with column:
            servers.append(playground_models.server(side, number))
    options, system, patience_s = _settings(mode)
    playground_models.served()

    if st.session_state.get(_MODE) != (mode, len(sides)):  # a conversation is one of these sides in this mode
        st.session_state[_MODE], st.session_state[_TURNS] = (mode, len(sides)), []
    turns: list[Turn] = st.session_state[_TURNS]
    if probabilities:
        if turns:
            texts.show(playing.legend())
        options |= {"logprobs": True, "top_logprobs": ALTERNATIVES} if mode == "chat" else {"logprobs": ALTERNATIVES}
    for place, turn in enumerate(turns):
        _turn(turn, sides, place, probabilities=probabilities and place >= len(turns) - _SHADED)
    if turns and st.button("Clear", icon=":material/delete:", help="Forget what was said; nothing of it was stored."):
        st.session_state[_TURNS] = []
        st.rerun()
    asked = "Ask the model" if mode == "chat" else "A text that the model continues"
    prompt = st.chat_input(asked, key="p-prompt", max_chars=PROMPT, disabled=len(turns) >= TURNS)
    if prompt:
        requests = [_request(mode, str(prompt), system, turns, number, options) for number in range(len(sides))]
        with st.spinner("Waiting for the answer" if len(sides) == 1 else "Waiting for both answers", show_time=True):
            said = asking.ask(servers, requests, current(), patience_s)
        st.session_state[_TURNS] = [*turns, Turn(str(prompt), tuple(said))]
        st.rerun()
    if len(turns) >= TURNS:
        cards.problem(f"A conversation has {TURNS} turns at most.", "clear it to begin another")


def _settings(mode: str) -> tuple[dict[str, Any], str, float]:
    """What goes with every request, the system prompt, and how long to wait."""
    with st.expander("Settings", key="p-settings"):
        system = ""
        if mode == "chat":
            system = st.text_area("System prompt", key="p-system", max_chars=PROMPT, height=80, persist_state="session")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            number: dict[str, Any] = {"bind": "query-params", "width": 150}
            temperature = st.number_input("Temperature", 0.0, 5.0, 1.0, 0.1, key="temperature", **number)
            top_p = st.number_input("Top p", 0.01, 1.0, 1.0, 0.05, key="topp", **number)
            longest = st.number_input("Most tokens", 1, 8192, 256, 16, key="longest", **number)
            seed = st.number_input(
                "Seed",
                0,
                2**31 - 1,
                None,
                1,
                key="seed",
                placeholder="drawn anew",
                help="Same seed, same answer.",
                **number,
            )
            patience = st.number_input("Wait, in seconds", 5, 600, 120, 5, key="patience", **number)
        stop = st.text_area("Stop texts, one a line", key="p-stop", max_chars=500, height=68, persist_state="session")
    options: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "max_tokens": longest}
    if seed is not None:
        options["seed"] = int(seed)
    stops = [line for line in str(stop or "").splitlines() if line][:STOPS]
    if stops:
        options["stop"] = stops
    return options, str(system or ""), float(patience)


def _request(mode: str, prompt: str, system: str, turns: list[Turn], number: int, options: dict[str, Any]) -> Request:
    """The next request to a side: what it has seen before stands in it, but for turns that it did not answer."""
    if mode == "completion":
        return completion(prompt, **options)
    messages = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        if not turn.said[number].problem:
            messages.append({"role": "user", "content": turn.prompt})
            messages.append({"role": "assistant", "content": turn.said[number].text})
    return chat([*messages, {"role": "user", "content": prompt}], **options)


def _turn(turn: Turn, sides: tuple[str, ...], place: int, *, probabilities: bool) -> None:
    with st.chat_message("user"):
        texts.document(turn.prompt, label=f"Prompt {place + 1}")
    for (side, said), column in zip(zip(sides, turn.said, strict=True), st.columns(len(sides)), strict=True):
        with column, st.chat_message("assistant"):
            texts.line(side, strong=True)
            playground_said.show(said, side=side, key=f"p-{place}-{side}", probabilities=probabilities)
