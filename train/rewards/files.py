"""Files that rewards read: rows that belong to a prompt, or to a response to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train.data.pieces import Message
from train.data.records import bad_row, read_records
from train.rewards.types import Prompt, key
from workbench.errors import UserError


def by_prompt(path: Path, fields: tuple[str, ...]) -> dict[str, list[str]]:
    """The texts that belong to each prompt, by its key: of the first of `fields` that a row has.

    Raises UserError (exit 4) with the row's name for one without prompt or text, and for two rows of one prompt.
    """
    found: dict[str, list[str]] = {}
    for name, values in read_records(path):
        given = next((values[field] for field in fields if values.get(field) is not None), None)
        # Answers of sums are often written as numbers.
        texts: list[Any] = [str(each) if type(each) is int else each for each in _listed(given)]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise _wrong(path, name, f"no text in {' or '.join(fields)}")
        place = key(prompt_of(values, path, name))
        if place in found:
            raise _wrong(path, name, "its prompt was there before")
        found[place] = texts
    return found


def prompt_of(values: Mapping[str, Any], path: Path, name: str) -> Prompt:
    """The prompt of a row: a text, or messages."""
    prompt = values.get("prompt")
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and prompt and all(_is_message(each) for each in prompt):
        return [{"role": each["role"], "content": each["content"]} for each in prompt]
    raise _wrong(path, name, "no `prompt` (a text, or a list of messages)")


def prompts_of(path: Path) -> list[Prompt]:
    """The prompts of a file: of each row its `prompt`, or what its other fields (as fine-tuning data have) ask."""
    return [asked(values, path, name) for name, values in read_records(path)]


def asked(values: Mapping[str, Any], path: Path, name: str) -> Prompt:
    """What a row asks: its messages without the answer at the end, its instruction with input, or its prompt."""
    if isinstance(values.get("messages"), list):
        messages: list[Message] = [each for each in values["messages"] if _is_message(each)]
        while messages and messages[-1]["role"] == "assistant":
            messages.pop()
        if messages:
            return [{"role": each["role"], "content": each["content"]} for each in messages]
    if "prompt" not in values and isinstance(values.get("instruction"), str):
        more = values.get("input")
        return values["instruction"] + (f"\n\n{more}" if isinstance(more, str) and more.strip() else "")
    return prompt_of(values, path, name)


def scores(path: Path) -> Iterator[tuple[str, float]]:
    """Key and score of every row of a file that people filled in; rows whose score is null are not yet scored."""
    for name, values in read_records(path):
        score = values.get("score")
        if score is None:
            continue
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise _wrong(path, name, "`score` is no number")
        given = values.get("key")
        if not isinstance(given, str):
            response = values.get("response")
            if not isinstance(response, str):
                raise _wrong(path, name, "neither `key` nor `prompt` and `response`")
            given = key(prompt_of(values, path, name), response)
        yield given, float(score)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), str)


def _wrong(path: Path, name: str, what: str) -> UserError:
    return bad_row(path, name, what, "correct the row, or leave it out")
