"""What a policy is asked: prompts as tokens, each leaving room for a response."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt

from train.data import chat
from train.data.examples import Report, capped
from train.data.pieces import Message, content_of, role_of
from train.data.records import read_records
from workbench.errors import Exit, UserError
from workbench.recipes import Section

Asked = str | Sequence[Message]
"""A prompt as rewards see it: what a user says, or a conversation where there is more than that."""
_FORMS = "prompt: text or [{role, content}]; instruction and input; messages: [{role, content}]"


class PromptData(Section):
    """The `data:` section of reinforcement learning."""

    path: str = ""
    """A file or folder of rows with a prompt: answers that stand there are not read."""
    template: str | None = None
    """A shipped template, a YAML of your own, or a .jinja file; default: that of the tokenizer."""
    too_long: Literal["error", "drop"] = "drop"
    """What becomes of prompts after which the context has no room for a whole response."""
    invalid: Literal["error", "drop"] = "error"
    """What becomes of rows that hold no prompt."""
    cap: PositiveInt | None = None
    """At most so many prompts, chosen by a hash of their names."""


@dataclass(frozen=True)
class Prompts:
    """Prompts by number: the name of their row, what they ask, and their tokens up to where the response starts."""

    names: list[str]
    asked: list[Asked]
    ids: list[list[int]]
    report: Report

    def __len__(self) -> int:
        return len(self.names)

    @property
    def digest(self) -> str:
        """Names all of it: 32 hex digits."""
        text = json.dumps([self.names, [shown(each) for each in self.asked], self.ids])
        return blake2b(text.encode(), digest_size=16).hexdigest()


def load(
    data: PromptData, tokenizer: chat.Tokenizer, form: chat.Format, *, base: Path, longest: int, context: int, seed: int
) -> Prompts:
    """The prompts of a recipe; its path is relative to `base`. longest: tokens of a response.

    Raises UserError (exit 4) where no prompt is left, and by the policies of the recipe for rows, each by its name.
    """
    if not data.path:
        raise UserError("no prompts are named", hint="name a file of prompts with --data")
    path, found = base / data.path, Prompts([], [], [], Report(drop_invalid=data.invalid == "drop"))
    for name, values in capped(read_records(path), data.cap, f"{seed}:{path.name}"):
        try:
            messages = prompt_of(values, between=form.input)
            ids = chat.prompt(messages, tokenizer, form)
        except UserError as error:
            found.report.refuse(name, error)
            continue
        if len(ids) + longest > context:
            what = f"no room for {longest:,} tokens after it in a context of {context:,}"
            if data.too_long == "error":
                hint = "shorten prompts or responses, or choose too_long: drop"
                raise UserError(f"{name}: {what}", hint=hint, code=Exit.INPUT)
            found.report.note(found.report.dropped, what, name)
            continue
        plain = len(messages) == 1 and role_of(messages[0]) == "user"
        found.names.append(name)
        found.asked.append(content_of(messages[0]) if plain else messages)
        found.ids.append(ids)
    if not found.names:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in found.report.dropped.items()) or "it is empty"
        raise UserError(f"{path} has no prompt to answer: {reasons}", hint=f"forms: {_FORMS}", code=Exit.INPUT)
    return found


def prompt_of(values: Mapping[str, Any], *, between: str = "\n\n") -> list[Message]:
    """The messages of a row up to the answer that is wanted. Raises UserError for a row without a prompt."""
    asked = values.get("prompt", values.get("messages"))
    if isinstance(asked, list):
        messages: list[Message] = [{"role": role_of(each), "content": content_of(each)} for each in asked]
        while messages and messages[-1]["role"] == "assistant":
            messages.pop()
    else:
        asked = asked if asked is not None else values.get("instruction")
        if not isinstance(asked, str):
            raise UserError("the row has no prompt", hint=f"forms: {_FORMS}", code=Exit.INPUT)
        given = values.get("input")
        whole = asked + between + given if isinstance(given, str) and given.strip() else asked
        messages = [{"role": "user", "content": whole}] if whole.strip() else []
        system = values.get("system")
        if messages and isinstance(system, str) and system.strip():
            messages.insert(0, {"role": "system", "content": system})
    if not messages:
        raise UserError("the prompt is empty", hint=f"forms: {_FORMS}", code=Exit.INPUT)
    return messages


def shown(asked: Asked) -> str:
    """A prompt as people read it."""
    if isinstance(asked, str):
        return asked
    return "\n\n".join(f"{role_of(each)}: {content_of(each)}" for each in asked)
