"""The threshold that is proposed: one value, in the URL as `thr`; a slider, a number or a list of words moves it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards
from dashboard.queries import rules
from workbench.errors import UserError

if TYPE_CHECKING:
    from curate.rules import Profile, Rule
    from dashboard.queries.histogram import Histogram

_STEPS = 200
_EXACT = 2**53


def control(run: str, profile: Profile, rule: Rule, seen: Histogram, *, numeric: bool) -> Rule:
    """The controls, and the rule with the threshold they name; the run's own where the URL names none that can be.

    The URL is the one place where the value stands: the widgets are set from it, and write to it.
    """
    new = _asked(profile, rule, numeric)
    listed = rule.drop_if in ("in", "not in")
    name = f"{run}-{rule.id}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        off = f"rthr-off-{name}"
        st.session_state[off] = not new.active
        st.toggle(
            "Switched off",
            key=off,
            on_change=_switched,
            args=(off, rule, _middle(rule, seen, numeric and not listed)),
            help="A rule that is off drops nothing; it keeps its place in the profile.",
        )
        if new.active and numeric and not listed:
            _number(name, rule, new, seen)
        elif new.active:
            _words(name, rule, new)
        st.button(
            "Back to the run's own",
            on_click=_say,
            args=(None, rule),
            disabled=rules.as_text(new) == rules.as_text(rule),
        )
    return new


def _asked(profile: Profile, rule: Rule, numeric: bool) -> Rule:
    given = st.query_params.get("thr")
    if given is None:
        return rule
    try:
        return rules.proposed(profile, rule, given, numeric=numeric)
    except UserError as error:
        cards.problem(f"The threshold in the address cannot be used: {error}", error.hint)
        return rule


def _number(name: str, rule: Rule, new: Rule, seen: Histogram) -> None:
    assert isinstance(new.threshold, int | float)
    value = float(new.threshold)
    number, slide = f"rthr-number-{name}", f"rthr-slide-{name}"
    low, high, step = _range(seen)
    st.session_state[number] = value
    st.session_state[slide] = min(max(value, low), high)
    st.number_input(
        f"Drop where it is {rule.drop_if}",
        key=number,
        step=step,
        format="%.10g",
        on_change=_moved,
        args=(number, rule, step),
        width=220,
    )
    with st.container(key="rthr-slide", width=480):
        beyond = "" if low <= value <= high else " (beyond the slider)"
        st.slider(
            f"Threshold{beyond}",
            low,
            high,
            step=step,
            format="%.6g",
            key=slide,
            on_change=_moved,
            args=(slide, rule, step),
        )


def _range(seen: Histogram) -> tuple[float, float, float]:
    """Ends and step of the slider: the ends of the picture, on a grid of round numbers."""
    span = seen.high - seen.low or 1.0
    step = 10.0 ** math.floor(math.log10(span / _STEPS))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= _STEPS)
    if seen.whole:
        step = max(1.0, step)
    low, high = step * math.floor(seen.low / step), step * math.ceil(seen.high / step)
    return _tidy(low, step), _tidy(high, step), _tidy(step, step)


def _tidy(value: float, step: float) -> float:
    """Without the digits that multiples of 0.001 gather."""
    return round(value, max(0, 2 - math.floor(math.log10(step))))


def _words(name: str, rule: Rule, new: Rule) -> None:
    key = f"rthr-words-{name}"
    st.session_state[key] = rules.as_text(new).removeprefix("[").removesuffix("]")
    several = rule.drop_if in ("in", "not in")
    st.text_input(
        f"Drop where it is {rule.drop_if}{', with commas between' if several else ''}",
        key=key,
        max_chars=rules.MOST_TEXT - 2,
        on_change=_written,
        args=(key, rule, several),
        width=480,
    )


def _middle(rule: Rule, seen: Histogram, numeric: bool) -> str | None:
    """A threshold to begin with for a rule that is off: the middle of the picture, or nothing."""
    if rule.active:
        return rules.as_text(rule)
    if numeric:
        middle = (seen.low + seen.high) / 2
        return str(round(middle)) if seen.whole else f"{middle:.3g}"
    first = seen.bins["value"].first() if seen.bins.height and "value" in seen.bins.columns else None
    return None if first is None else rules.quoted(str(first), listed=rule.drop_if in ("in", "not in"))


def _switched(key: str, rule: Rule, otherwise: str | None) -> None:
    _say("off" if st.session_state[key] else otherwise, rule)


def _moved(key: str, rule: Rule, step: float) -> None:
    value = st.session_state.get(key)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return
    tidy = _tidy(float(value), step) if "slide" in key else float(value)
    _say(repr(int(tidy)) if tidy.is_integer() and abs(tidy) < _EXACT else repr(tidy), rule)


def _written(key: str, rule: Rule, several: bool) -> None:
    text = str(st.session_state.get(key) or "").strip()
    _say(f"[{text}]" if several else text, rule)


def _say(text: str | None, rule: Rule) -> None:
    if text is None or text == rules.as_text(rule):
        st.query_params.pop("thr", None)
    else:
        st.query_params["thr"] = text
