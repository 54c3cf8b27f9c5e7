"""What a reward is, what it says, and the check that every use of one goes through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import xxhash

from train.data.pieces import Message, content_of, role_of
from workbench.errors import Exit, UserError
from workbench.visible import one_line

Floats = npt.NDArray[np.float64]
Prompt = str | Sequence[Message]
"""What a user says, or a whole conversation up to the answer."""
_SHOWN = 60  # characters of a prompt in a message


class Scores(NamedTuple):
    """One number for each response: `total` [n], and by name the unweighted `parts` [n] that it is made of."""

    total: Floats
    parts: dict[str, Floats]


class Reward(Protocol):
    """Judges responses to the prompts at their places. digest: names settings, files and weights, 32 hex digits."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores: ...
    def close(self) -> None: ...


class PromptError(ValueError):
    """A prompt or response that a reward cannot judge, by its place."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


def checked(reward: Reward, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
    """The scores of a reward, all finite and as many as there are responses.

    Raises UserError (exit 4) with the name of the reward and the first prompt concerned where it raises, gives another
    number of scores, or one that is no finite number. A UserError of the reward itself passes with its name in front.
    """
    if len(prompts) != len(responses):
        raise ValueError(f"{len(prompts)} prompts and {len(responses)} responses")
    if not prompts:
        return Scores(np.zeros(0), {})
    try:
        found = reward(prompts, responses)
    except UserError as error:
        message = f"reward '{reward.name}': {error.message}"
        raise UserError(
            message, hint=error.hint, code=error.code, file=error.file, line=error.line, column=error.column
        ) from None
    except Exception as error:  # whatever a reward trips over is reported with the prompt at which it happened
        place = error.place if isinstance(error, PromptError) else 0
        what = str(error) if isinstance(error, PromptError) else f"{type(error).__name__}: {error}"
        raise _failed(reward, prompts, place, one_line(what)[:300]) from error
    for name, values in (("", found.total), *found.parts.items()):
        of = f"its part '{name}' " if name else ""
        if np.shape(values) != (len(responses),):
            said = f"{of}gave {np.shape(values)} scores for {len(responses)} responses"
            raise _failed(reward, prompts, 0, said)
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise _failed(reward, prompts, int(wrong[0]), f"{of}gave {values[wrong[0]]} for {len(wrong)} responses")
    return found


def _failed(reward: Reward, prompts: Sequence[Prompt], place: int, what: str) -> UserError:
    message = f"reward '{reward.name}': {what} (first at prompt {place}: {shown(prompts[place])})"
    return UserError(message, hint="a reward gives every response a finite number", code=Exit.INPUT)


def text_of(prompt: Prompt) -> str:
    """What was asked last: the text, or the content of the conversation's last message of a user."""
    if isinstance(prompt, str):
        return prompt
    asked = [content_of(message) for message in prompt if role_of(message) == "user"]
    return asked[-1] if asked else ""


def whole_text(prompt: Prompt) -> str:
    """A prompt as a judge reads it: the text, or the turns of the conversation with who speaks."""
    if isinstance(prompt, str):
        return prompt
    turns = [(role_of(message), content_of(message)) for message in prompt]
    return turns[0][1] if [role for role, _ in turns] == ["user"] else "\n\n".join(f"{r}: {text}" for r, text in turns)


def shown(prompt: Prompt) -> str:
    """The beginning of a prompt, in one line."""
    text = one_line(text_of(prompt))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def key(prompt: Prompt, response: str | None = None) -> str:
    """Names a prompt, or a response to it, in files: 32 hex digits. A text is what a user says."""
    messages = [("user", prompt)] if isinstance(prompt, str) else [(role_of(one), content_of(one)) for one in prompt]
    text = json.dumps([messages, response], ensure_ascii=True, separators=(",", ":"))
    return xxhash.xxh3_128_hexdigest(text.encode())
