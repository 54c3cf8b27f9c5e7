"""Conversations longer than the context, made to fit without losing what is to be learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from train.data.pieces import Message, Rendered

_TURNS, _PROMPT, _ANSWER = "oldest turns left out", "middle of the prompt cut out", "end of the answer cut off"


def shorten(
    messages: Sequence[Message], render: Callable[[Sequence[Message]], Rendered], width: int
) -> tuple[Rendered | None, list[str]]:
    """The conversation in at most `width` tokens and what was done to it, or None where that cannot be.

    First the oldest turns go (never the system's); then the middle of the last prompt, because instructions stand
    at either end of it; an answer that leaves the prompt less than half of the width loses its end, and then the token
    that ends it is no label.
    """
    how = []
    kept = list(messages)
    rendered = render(kept)
    while len(rendered.ids) > width and (rest := _without_oldest(kept)) is not None:
        how, kept = [_TURNS], rest
        rendered = render(kept)
    if len(rendered.ids) <= width:
        return rendered, how
    answer = next((place for place, message in enumerate(kept) if message["role"] == "assistant"), 0)
    prompt = max((place for place in range(answer) if kept[place]["role"] == "user"), default=None)
    if prompt is not None:
        room = max(width - (len(rendered.ids) - _before(rendered)), width // 2)
        cut = _middle_cut(kept, prompt, render, room) if _before(rendered) > room else None
        if cut is not None:
            how = [*how, _PROMPT]
            rendered = render(cut)
    if len(rendered.ids) > width:
        rendered = Rendered(rendered.ids[:width], rendered.mask[:width])
        how = [*how, _ANSWER]
    return (rendered, how) if any(rendered.mask[1:]) else (None, [])


def _without_oldest(messages: list[Message]) -> list[Message] | None:
    """Without the messages before the second prompt, the system's kept; None where there is no second prompt."""
    asked = [place for place, message in enumerate(messages) if message["role"] == "user"]
    # Only a prompt that is answered can become the first.
    later = [place for place in asked[1:] if any(message["role"] == "assistant" for message in messages[place:])]
    if not later:
        return None
    return [message for message in messages[: later[0]] if message["role"] == "system"] + messages[later[0] :]


def _before(rendered: Rendered) -> int:
    """Tokens before the first that is learned."""
    return rendered.mask.index(True) if True in rendered.mask else len(rendered.mask)


def _middle_cut(
    messages: list[Message], prompt: int, render: Callable[[Sequence[Message]], Rendered], room: int
) -> list[Message] | None:
    """The messages with as much of a prompt as lets at most `room` tokens stand before the answer; None where even
    an empty prompt leaves more."""
    text = str(messages[prompt]["content"])

    def cut(chars: int) -> list[Message]:
        kept = text[: (chars + 1) // 2] + text[len(text) - chars // 2 :]
        return [*messages[:prompt], {**messages[prompt], "content": kept}, *messages[prompt + 1 :]]

    low, high = 0, max(len(text) - 1, 0)  # more characters are more tokens, but for a few at the cut
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _before(render(cut(middle))) <= room else (low, middle - 1)
    found = cut(low)
    return found if _before(render(found)) <= room else None
