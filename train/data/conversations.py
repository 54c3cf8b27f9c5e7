"""The forms in which fine-tuning data come, read as conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from train.data.pieces import Message, content_of, role_of
from workbench.errors import Exit, UserError

Form = Literal["auto", "messages", "sharegpt", "prompt", "alpaca"]
_ROLES = {"human": "user", "prompter": "user", "gpt": "assistant", "model": "assistant"}
_ANSWERS = {"prompt": ("response", "completion"), "alpaca": ("output", "response")}
_FIELDS = {
    "messages": "messages: [{role, content}]",
    "sharegpt": "conversations: [{from, value}]",
    "prompt": "prompt with response or completion",
    "alpaca": "instruction, input with output or response",
}


def conversation(values: Mapping[str, Any], form: Form = "auto", *, between: str = "\n\n") -> list[Message]:
    """The messages of a row. `between` stands between an instruction and its input.

    Raises UserError for a row of no known form, and one in which nothing is said or nothing can be learned: no answer,
    or an empty one.
    """
    found = _form(values) if form == "auto" else form
    if found == "messages":
        messages = [_message(role_of(each), content_of(each)) for each in _listed(values, "messages")]
    elif found == "sharegpt":
        messages = [_message(_text(each, "from"), _text(each, "value")) for each in _listed(values, "conversations")]
        if isinstance(values.get("system"), str) and values["system"].strip():
            messages.insert(0, {"role": "system", "content": values["system"]})
    else:
        messages = _pair(values, found, between)
    check(messages)
    return messages


def check(messages: list[Message]) -> None:
    """Raises UserError where nothing is said or nothing can be learned."""
    answers = [content_of(message) for message in messages if role_of(message) == "assistant"]
    if not any(content_of(message).strip() for message in messages):
        raise _invalid("the conversation is empty")
    if not answers:
        raise _invalid("there is no answer to learn: all of its labels are masked")
    if not all(answer.strip() for answer in answers):
        raise _invalid("an answer is empty")


def _form(values: Mapping[str, Any]) -> str:
    if "messages" in values:
        return "messages"
    if "conversations" in values:
        return "sharegpt"
    for form, first in (("prompt", "prompt"), ("alpaca", "instruction")):
        if first in values and any(name in values for name in _ANSWERS[form]):
            return form
    names = ", ".join(sorted(values)) or "none"
    raise UserError(f"no known form; its fields are: {names}", hint=_hint(), code=Exit.INPUT)


def _pair(values: Mapping[str, Any], form: str, between: str) -> list[Message]:
    answer = next((values[name] for name in _ANSWERS[form] if values.get(name) is not None), None)
    asked = values.get("prompt" if form == "prompt" else "instruction")
    if form == "prompt" and isinstance(asked, list) and isinstance(answer, list):
        return [_message(role_of(each), content_of(each)) for each in [*asked, *answer]]
    if not isinstance(asked, str) or not isinstance(answer, str):
        raise UserError(f"not of the form '{form}'", hint=_hint(form), code=Exit.INPUT)
    given = values.get("input") if form == "alpaca" else None
    if isinstance(given, str) and given.strip():
        asked += between + given
    system = values.get("system")
    messages: list[Message] = []
    if isinstance(system, str) and system.strip():
        messages.append({"role": "system", "content": system})
    return [*messages, {"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def _message(role: str, content: str) -> Message:
    return {"role": _ROLES.get(role, role), "content": content}


def _listed(values: Mapping[str, Any], name: str) -> list[Any]:
    found = values.get(name)
    if not isinstance(found, list):
        raise UserError(f"'{name}' is no list", hint=_hint(), code=Exit.INPUT)
    return found


def _text(message: Any, name: str) -> str:
    found = message.get(name) if isinstance(message, Mapping) else None
    if not isinstance(found, str):
        raise UserError(f"a message has no text in '{name}'", hint=_hint("sharegpt"), code=Exit.INPUT)
    return found


def _invalid(what: str) -> UserError:
    return UserError(what, hint="correct the row, or leave such rows out with invalid: drop", code=Exit.INPUT)


def _hint(form: str | None = None) -> str:
    return f"wanted: {_FIELDS[form]}" if form else "forms: " + "; ".join(_FIELDS.values())
