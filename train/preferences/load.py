"""The `data:` section of stages that learn from preferences, read into one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash
from pydantic import Field

from train.data import chat
from train.data.examples import Report, capped
from train.data.packing import Ints
from train.data.pieces import Message, Rendered, encode
from train.data.records import read_records
from train.data.shorten import shorten
from train.preferences.read import Form, raters, read
from train.preferences.rows import Responses, Sequenced
from train.preferences.types import Comparison
from workbench.errors import Exit, UserError
from workbench.recipes import Section

_AT_ONCE = 256  # comparisons encoded together
_PROMPT = 4  # the last prompt is not cut to less than this part of the context: the responses were judged by all of it
TOO_LONG, NO_PAIR = "longer than the context", "nothing to compare"

TooLong = Literal["error", "truncate", "drop"]


class PreferenceSet(Section):
    """One set of preferences in a recipe."""

    path: str
    """A file or folder of rows."""
    name: str = ""
    """Default: the name of the file."""
    format: Form = "auto"
    cap: int | None = Field(None, ge=1)
    """At most so many rows, chosen by a hash of their names."""


class PreferenceData(Section):
    """The `data:` section of `train reward` and `train dpo`."""

    sets: list[PreferenceSet] = Field(min_length=1)
    template: str | None = None
    """A shipped template, a YAML of your own, or a .jinja file; default: that of the tokenizer."""
    too_long: TooLong = "truncate"
    """What becomes of comparisons with a response that is longer than the context together with its prompt."""
    invalid: Literal["error", "drop"] = "error"
    """What becomes of rows that cannot be read."""


@dataclass(frozen=True)
class Loaded:
    """Sets of comparisons: all of them in one table, and of each set the numbers there and what became of its rows.

    facts: of each set, what people want to know: prompts, pairs, ties, raters, how often raters disagree.
    """

    comparisons: list[Comparison]
    table: Responses
    sets: dict[str, Ints]
    format: chat.Format
    reports: dict[str, Report] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def split(self, held_out: float, seed: int) -> tuple[Ints, Ints]:
        """The comparisons that are learned, and those that are held out: a share of the prompts, by a hash of their
        text, so that no prompt is on both sides whatever set it stands in; the first is learned."""
        bound = int(held_out * 2.0**64)
        held = np.array([xxhash.xxh3_64_intdigest(_key(each), seed) < bound for each in self.comparisons], np.bool_)
        if held.all():
            held[0] = False
        numbers = np.arange(len(self.comparisons), dtype=np.int64)
        return numbers[~held], numbers[held]

    def digest(self) -> str:
        """Names all the data: 32 hex digits."""
        return self.table.digest


def load(data: PreferenceData, tokenizer: chat.Tokenizer, width: int, *, base: Path, seed: int) -> Loaded:
    """Read and render the sets of a recipe; paths are relative to `base`.

    Raises UserError for a set without anything in it, two sets of one name, and by the policies of the recipe for
    rows, each by its name.
    """
    beside = base / data.template if data.template and Path(data.template).suffix else None
    form = chat.choose(tokenizer, str(beside) if beside and beside.exists() else data.template)
    everything: list[Comparison] = []
    rendered: list[list[Sequenced]] = []
    sets: dict[str, Ints] = {}
    reports: dict[str, Report] = {}
    facts: dict[str, dict[str, Any]] = {}
    for each in data.sets:
        path = base / each.path
        name = each.name or path.name.split(".")[0]
        if name in sets:
            raise UserError(f"there are two sets '{name}'", hint="give one of them another name")
        report = reports[name] = Report(drop_invalid=data.invalid == "drop")
        records = capped(read_records(path), each.cap, f"{seed}:{path.name}")
        found = read(records, each.format, between=form.input, report=report)
        some, ids = render(found, tokenizer, form, width, report, data.too_long)
        if not some:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in report.dropped.items()) or "it is empty"
            raise UserError(f"set '{name}' has nothing to learn from: {reasons}", hint="correct it, or leave it out")
        sets[name] = np.arange(len(everything), len(everything) + len(some), dtype=np.int64)
        facts[name] = described(some, report)
        everything += some
        rendered += ids
    table = Responses(
        [each.id for each in everything],
        rendered,
        [each.pairs().kept for each in everything],
        [each.wanted() for each in everything],
    )
    return Loaded(everything, table, sets, form, reports, facts)


def render(
    comparisons: Sequence[Comparison],
    tokenizer: chat.Tokenizer,
    form: chat.Format,
    width: int,
    report: Report,
    too_long: TooLong = "truncate",
) -> tuple[list[Comparison], list[list[Sequenced]]]:
    """The comparisons that fit, and the ids of their responses; none longer than `width`.

    With `truncate` the prompt of all responses is shortened alike; a comparison whose responses leave no room for it
    is dropped and counted.
    """
    kept: list[Comparison] = []
    found: list[list[Sequenced]] = []
    rest = iter(comparisons)
    while some := list(islice(rest, _AT_ONCE)):
        for each in some:
            try:
                ids = sequences(each.prompt, each.responses, tokenizer, form)
            except UserError as error:
                report.refuse(each.id, error)
                continue
            if max(len(one.ids) for one in ids) > width:
                ids = _fit(each, ids, tokenizer, form, width, too_long, report)
            if ids:
                kept.append(each)
                found.append(ids)
    report.rows = len(kept)
    report.tokens = sum(len(one.ids) for group in found for one in group)
    report.labels = sum(len(one.ids) - one.prompt for group in found for one in group)
    return kept, found


def sequences(
    prompt: Sequence[Message], responses: Sequence[str], tokenizer: chat.Tokenizer, form: chat.Format
) -> list[Sequenced]:
    """The ids of a prompt with each of its responses, up to the token that ends the response: where a sampler stops,
    and where a reward model looks."""
    asked = [form.pieces([*prompt, {"role": "assistant", "content": text}], tokenizer) for text in responses]
    return [_answer(each) for each in encode(asked, tokenizer)]


def described(comparisons: Sequence[Comparison], report: Report) -> dict[str, Any]:
    """What a set is."""
    pairs = [each.pairs() for each in comparisons]
    apart = [each.disagreement() for each in comparisons]
    twice = sum(both for _, both in apart)
    return {
        "prompts": len(comparisons),
        "responses": sum(len(each.responses) for each in comparisons),
        "pairs": sum(len(each.kept) for each in pairs),
        "soft_pairs": sum(pair.probability < 1 for each in pairs for pair in each.kept),
        "ties": sum(each.ties for each in pairs),
        "raters": len(raters(comparisons)),
        "judged_twice": twice,
        "disagreement": sum(differ for differ, _ in apart) / twice if twice else None,
        "dropped": dict(report.dropped),
        "shortened": dict(report.shortened),
    }


def _answer(rendered: Rendered) -> Sequenced:
    """Cut after the last token that is learned; the answer is the run of learned tokens that ends there."""
    end = len(rendered.mask) - rendered.mask[::-1].index(True)
    begin = end
    while begin and rendered.mask[begin - 1]:
        begin -= 1
    return Sequenced(rendered.ids[:end], begin)


def _fit(
    each: Comparison,
    ids: list[Sequenced],
    tokenizer: chat.Tokenizer,
    form: chat.Format,
    width: int,
    policy: TooLong,
    report: Report,
) -> list[Sequenced]:
    """The responses behind a prompt that is shortened so that the longest of them fits; none where that cannot be."""
    if policy == "error":
        hint = "raise the context, or choose too_long: truncate or drop"
        raise UserError(f"{each.id}: longer than the context of {width} tokens", hint=hint, code=Exit.INPUT)
    if policy == "truncate":
        # An empty answer stands for all of them, in the room that the longest leaves: so only the prompt is shortened.
        longest = max(len(one.ids) - one.prompt for one in ids)
        tried: list[tuple[Rendered, Sequence[Message]]] = []

        def render_one(messages: Sequence[Message]) -> Rendered:
            whole = chat.render(messages, tokenizer, form)
            end = len(_answer(whole).ids)
            tried.append((Rendered(whole.ids[:end], whole.mask[:end]), messages))
            return tried[-1][0]

        empty: Message = {"role": "assistant", "content": ""}
        (nothing,) = sequences(each.prompt, [""], tokenizer, form)
        room = width - longest
        shortened, how = shorten([*each.prompt, empty], render_one, room + len(nothing.ids) - nothing.prompt)
        # What had to be cut further is none of those tried.
        messages = next((said[:-1] for one, said in tried if one is shortened), None)
        if messages is not None and (messages[-1] == each.prompt[-1] or room * _PROMPT >= width):
            found = sequences(messages, each.responses, tokenizer, form)
            if max(len(one.ids) for one in found) <= width:
                for note in how:
                    report.note(report.shortened, note, each.id)
                return found
    report.note(report.dropped, TOO_LONG, each.id)
    return []


def _key(comparison: Comparison) -> bytes:
    return repr([(message["role"], message["content"]) for message in comparison.prompt]).encode("utf-8", "replace")
