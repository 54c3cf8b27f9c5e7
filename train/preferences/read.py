"""The forms in which preferences come, read as comparisons; what several raters said of one prompt is put together."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from train.data.examples import Report
from train.data.pieces import Message, content_of, role_of
from train.data.records import Record
from train.preferences.types import TIE, Comparison, Judgement, Score, Thumb, ranked, scored
from workbench.errors import Exit, UserError

Form = Literal["auto", "ranking", "pair", "transcripts", "score", "thumbs", "votes"]
SAME = "both sides are the same text"
SAME_TWICE = "a response is there twice"
_FIELDS = {
    "ranking": "prompt, responses: [text], and ranks: [1 is best] or scores: [number]",
    "pair": "prompt (or instruction and input, or conversations) with chosen and rejected",
    "transcripts": "chosen and rejected, both '\\n\\nHuman: ...\\n\\nAssistant: ...'",
    "score": "prompt, response, score",
    "thumbs": "prompt and response (or messages), label: true or false",
    "votes": "prompt, a, b, vote: a, b or tie",
}
_TURN = re.compile(r"\n\n(Human|Assistant):")
_SPEAKERS = {"Human": "user", "Assistant": "assistant"}
_ROLES = {"human": "user", "prompter": "user", "gpt": "assistant", "model": "assistant"}
_VOTES = {"a": 1.0, "b": 0.0, "tie": TIE}


def read(
    records: Iterable[Record], form: Form = "auto", *, between: str = "\n\n", report: Report | None = None
) -> list[Comparison]:
    """The comparisons of some rows, one for each prompt, in the order in which the prompts first appear.

    `between` stands between an instruction and its input. `report` says what becomes of rows that cannot be read, and
    counts them; rows in which both sides are the same text teach nothing and are always left out and counted. Raises
    UserError for other bad rows, by name.
    """
    report = Report() if report is None else report
    found: list[Comparison] = []
    for name, values in records:
        try:
            kept, problem = _distinct(comparison(name, values, form, between=between))
        except UserError as error:
            report.refuse(name, error)
            continue
        if problem == SAME:
            report.note(report.dropped, SAME, name)
            continue
        if problem:
            report.note(report.shortened, problem, name)
        found.append(kept)
    return merge(found)


def comparison(name: str, values: Mapping[str, Any], form: Form = "auto", *, between: str = "\n\n") -> Comparison:
    """What one row says. Raises UserError for a row of no known form, or with values that make no sense."""
    kind = form_of(values) if form == "auto" else form
    rater = _rater(values)
    if kind == "transcripts" or (kind == "pair" and _prompt(values, between) is None):
        prompt, responses = _shared(values, kind)
        return Comparison(name, prompt, responses, (_preference(values, rater),))
    asked = _prompt(values, between)
    if kind == "pair":
        texts = _responses(values, ("chosen", "rejected"), asked)
        return Comparison(name, _said(asked), texts, (_preference(values, rater),))
    if kind == "votes":
        texts = _responses(values, ("a", "b"), asked)
        vote = values.get("vote")
        if vote not in _VOTES:
            raise _invalid("votes", "`vote` is none of a, b and tie")
        seconds = _number(values["seconds"], "seconds") if values.get("seconds") is not None else None
        return Comparison(name, _said(asked), texts, (Judgement(0, 1, _VOTES[vote], rater, 0.0, seconds),))
    if kind == "ranking":
        return _ranking(name, values, _said(asked), rater)
    asked, text = _answered(values, asked)
    if kind == "score":
        return Comparison(name, asked, (text,), scores=(Score(0, _number(values.get("score"), "score"), rater),))
    label = values.get("label", values.get("kto_tag"))
    if not isinstance(label, bool):
        raise _invalid("thumbs", "`label` is neither true nor false")
    return Comparison(name, asked, (text,), thumbs=(Thumb(0, label, rater),))


def form_of(values: Mapping[str, Any]) -> str:
    """The form of a row by its fields."""
    if {"a", "b", "vote"} <= values.keys():
        return "votes"
    if "chosen" in values and "rejected" in values:
        sides = [values["chosen"], values["rejected"]]
        marked = all(isinstance(side, str) and side.lstrip("\n").startswith("Human:") for side in sides)
        return "transcripts" if marked else "pair"
    if isinstance(values.get("responses"), list):
        return "ranking"
    if "label" in values or "kto_tag" in values:
        return "thumbs"
    if "score" in values:
        return "score"
    names = ", ".join(sorted(values)) or "none"
    raise UserError(f"no known form; its fields are: {names}", hint=_hint(), code=Exit.INPUT)


def merge(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """One comparison for each prompt: responses of the same text are one, judgements of all raters are kept."""
    groups: dict[str, list[Comparison]] = {}
    for each in comparisons:
        key = json.dumps([[role_of(message), content_of(message)] for message in each.prompt])
        groups.setdefault(key, []).append(each)
    return [_merged(group) for group in groups.values()]


def _merged(group: Sequence[Comparison]) -> Comparison:
    numbers: dict[str, int] = {}
    texts: list[str] = []
    judgements: list[Judgement] = []
    scores: list[Score] = []
    thumbs: list[Thumb] = []
    for each in group:
        for text in each.responses:
            if text.strip() not in numbers:
                numbers[text.strip()] = len(texts)
                texts.append(text)
        places = [numbers[text.strip()] for text in each.responses]
        judgements += [one._replace(first=places[one.first], second=places[one.second]) for one in each.judgements]
        scores += [one._replace(response=places[one.response]) for one in each.scores]
        thumbs += [one._replace(response=places[one.response]) for one in each.thumbs]
    return Comparison(group[0].id, group[0].prompt, tuple(texts), tuple(judgements), tuple(scores), tuple(thumbs))


def _distinct(found: Comparison) -> tuple[Comparison, str]:
    """The comparison without responses that are there twice (the first of them stays), and what was wrong with it."""
    first: dict[str, int] = {}
    for number, text in enumerate(found.responses):
        first.setdefault(text.strip(), number)
    if len(first) == len(found.responses):
        return found, ""
    if len(first) == 1:
        return found, SAME
    place = {number: index for index, number in enumerate(first.values())}
    judgements = tuple(
        each._replace(first=place[each.first], second=place[each.second])
        for each in found.judgements
        if each.first in place and each.second in place
    )
    scores = tuple(each._replace(response=place[each.response]) for each in found.scores if each.response in place)
    kept = tuple(found.responses[number] for number in place)
    return Comparison(found.id, found.prompt, kept, judgements, scores), SAME_TWICE


def _ranking(name: str, values: Mapping[str, Any], prompt: tuple[Message, ...], rater: str) -> Comparison:
    responses = values.get("responses")
    if not isinstance(responses, list) or len(responses) < 2:
        raise _invalid("ranking", "`responses` is no list of two or more")
    texts = tuple(_text(each) for each in responses)
    for field in ("ranks", "scores"):
        given = values.get(field)
        if given is None:
            continue
        if not isinstance(given, list) or len(given) != len(texts):
            raise _invalid("ranking", f"`{field}` has not one entry for each of {len(texts)} responses")
        numbers = [_number(each, field) for each in given]
        if field == "ranks":
            return Comparison(name, prompt, texts, tuple(ranked(numbers, rater)))
        if not rater:  # nobody says that another row is by the same one, with the same scale
            return Comparison(name, prompt, texts, tuple(scored(dict(enumerate(numbers)))))
        scores = tuple(Score(place, number, rater) for place, number in enumerate(numbers))
        return Comparison(name, prompt, texts, scores=scores)
    raise _invalid("ranking", "it has neither `ranks` nor `scores`")


def _shared(values: Mapping[str, Any], kind: str) -> tuple[tuple[Message, ...], tuple[str, str]]:
    """Prompt and responses of two whole conversations that differ in their last message."""
    sides = []
    for field in ("chosen", "rejected"):
        side = values.get(field)
        if kind == "transcripts":
            messages = _transcript(side if isinstance(side, str) else "")
        elif isinstance(side, list):
            messages = [_message(each) for each in side]
        else:
            raise _invalid("pair", f"it has no prompt, and `{field}` is no conversation")
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise _invalid(kind, f"`{field}` does not end with an answer")
        sides.append(messages)
    chosen, rejected = sides
    if chosen[:-1] != rejected[:-1]:
        raise _invalid(kind, "the two sides answer different prompts")
    return tuple(chosen[:-1]), (str(chosen[-1]["content"]), str(rejected[-1]["content"]))


def _transcript(text: str) -> list[Message]:
    """Human and Assistant in turn, as Bai et al. 2022 (Anthropic's hh-rlhf) write them."""
    parts = _TURN.split("\n\n" + text.lstrip("\n"))
    if len(parts) < 3 or parts[0].strip():
        raise _invalid("transcripts", "no transcript")
    return [
        {"role": _SPEAKERS[speaker], "content": said.strip()}
        for speaker, said in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _prompt(values: Mapping[str, Any], between: str) -> tuple[Message, ...] | None:
    """The messages before the answers; None where the row has no field for them."""
    system = values.get("system")
    before: list[Message] = []
    if isinstance(system, str) and system.strip():
        before.append({"role": "system", "content": system})
    if isinstance(given := values.get("prompt"), list) or isinstance(given := values.get("conversations"), list):
        return (*before, *(_message(each) for each in given))
    if isinstance(prompt := values.get("prompt"), str):
        if prompt.lstrip("\n").startswith("Human:"):
            messages = _transcript(prompt)
            return tuple(messages[:-1] if messages[-1] == {"role": "assistant", "content": ""} else messages)
        return (*before, {"role": "user", "content": prompt})
    if isinstance(asked := values.get("instruction"), str):
        given = values.get("input")
        more = between + given if isinstance(given, str) and given.strip() else ""
        return (*before, {"role": "user", "content": asked + more})
    return None


def _said(prompt: tuple[Message, ...] | None) -> tuple[Message, ...]:
    if prompt is None:
        raise UserError("there is no prompt", hint="wanted: prompt, instruction or conversations", code=Exit.INPUT)
    if not any(content_of(message).strip() for message in prompt):
        raise UserError("the prompt is empty", hint="correct the row, or leave it out", code=Exit.INPUT)
    return prompt


def _responses(
    values: Mapping[str, Any], fields: tuple[str, str], prompt: tuple[Message, ...] | None
) -> tuple[str, str]:
    first, second = (_text(values.get(field), prompt or ()) for field in fields)
    if not first.strip() and not second.strip():
        raise UserError("both answers are empty", hint="correct the row, or leave it out", code=Exit.INPUT)
    return first, second


def _answered(values: Mapping[str, Any], prompt: tuple[Message, ...] | None) -> tuple[tuple[Message, ...], str]:
    """Prompt and answer of a row with one response."""
    if prompt is None and isinstance(values.get("messages"), list):
        messages = [_message(each) for each in values["messages"]]
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise UserError("`messages` do not end with an answer", hint=_hint(), code=Exit.INPUT)
        return _said(tuple(messages[:-1])), str(messages[-1]["content"])
    given = next((values[field] for field in ("response", "completion", "output") if field in values), None)
    return _said(prompt), _text(given, prompt or ())


def _text(value: Any, prompt: tuple[Message, ...] = ()) -> str:
    """An answer: text, a message, or a list of messages that ends with it (and may repeat the prompt)."""
    if isinstance(value, list):
        messages = [_message(each) for each in value]
        after = messages[len(prompt) :] if tuple(messages[: len(prompt)]) == prompt else messages
        if len(after) != 1:
            raise UserError("an answer is not one message", hint=_hint(), code=Exit.INPUT)
        value = after[0]
    if isinstance(value, Mapping):
        value = _message(value)["content"]
    if not isinstance(value, str):
        raise UserError("an answer is no text", hint=_hint(), code=Exit.INPUT)
    return value


def _message(value: Any) -> Message:
    if isinstance(value, Mapping) and "from" in value:
        value = {"role": value["from"], "content": value.get("value")}
    role = role_of(value)
    return {"role": _ROLES.get(role, role), "content": content_of(value)}


def _preference(values: Mapping[str, Any], rater: str) -> Judgement:
    """Of a pair whose first response is the chosen one, with a probability or a margin where the row has one."""
    given = values.get("probability")
    probability = 1.0 if given is None else _number(given, "probability")
    if not 0 <= probability <= 1:
        raise _invalid("pair", f"`probability` is {probability:g}, which is none")
    margin = 0.0 if values.get("margin") is None else _number(values["margin"], "margin")
    return Judgement(0, 1, probability, rater, margin)


def _rater(values: Mapping[str, Any]) -> str:
    given = values.get("rater")
    return str(given) if isinstance(given, str | int) else ""


def _number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"`{field}` holds what is no number", hint=_hint(), code=Exit.INPUT)
    return float(value)


def _invalid(kind: str, what: str) -> UserError:
    hint = f"wanted: {_FIELDS[kind]}; or leave such rows out with invalid: drop"
    return UserError(what, hint=hint, code=Exit.INPUT)


def _hint() -> str:
    return "forms: " + "; ".join(_FIELDS.values())


def raters(comparisons: Iterable[Comparison]) -> list[str]:
    """The raters that are named, each once, sorted."""
    found: set[str] = set()
    for one in comparisons:
        found.update(each.rater for each in one.judgements)
        found.update(each.rater for each in one.scores)
        found.update(each.rater for each in one.thumbs)
    return sorted(found - {""})
