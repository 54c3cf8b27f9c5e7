"""A checkpoint's own chat template, in jinja: which text is whose is found out, never guessed."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from train.data.pieces import Message, Piece, Vocabulary, content_of, finder, marks_of, role_of
from workbench.errors import Exit, UserError
from workbench.visible import one_line

_HINT = "name one of the shipped templates instead (--template chatml)"


class _Generation(Extension):
    """`{% generation %}`, with which some templates mark answers for transformers: only its contents count here."""

    tags = {"generation"}  # noqa: RUF012  (jinja's own class attribute)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Namespace(Namespace):
    """jinja's `namespace()` without private names: a template comes from somebody else."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise SecurityError(f"a chat template may not set '{name}'")
        super().__setitem__(name, value)


class Foreign:
    """A jinja template as a format of conversations.

    Each content is first replaced by a marker that no text holds, which shows where the template puts it; the pieces
    found so must give exactly what the template makes of the real contents. An answer reaches from where the template
    lets the assistant begin (so a `<think>` that it writes itself is learned) to the first special token behind it.
    A template that changes earlier turns when later ones come fails the first check, and one without a token that ends
    a turn the last: UserError says so. The date is not told to templates: the same text would have other ids tomorrow.
    """

    input = "\n\n"

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name = source, name

    def pieces(self, messages: Sequence[Message], tokenizer: Vocabulary, *, generation: bool = False) -> list[Piece]:
        """The pieces of a conversation; with `generation`, up to where the assistant's next answer starts."""
        if not messages:
            raise UserError("the conversation is empty", hint="give at least one message", code=Exit.INPUT)
        contents = [content_of(message) for message in messages]
        whole = self._text(messages, tokenizer, generation)
        parts = self._parts(messages, contents, whole, tokenizer, generation)
        marks = finder(marks_of(tokenizer))
        bounds: list[tuple[int, int]] = []
        place = len(parts[0])
        for number, message in enumerate(messages):
            content, after = parts[2 * number + 1], parts[2 * number + 2]
            if role_of(message) == "assistant":
                before = self._text(messages[:number], tokenizer, True) if number else ""
                if not number or not whole.startswith(before) or len(before) > place + len(content):
                    raise self._error("writes earlier turns otherwise when an answer follows")
                end = marks.search(after)
                if end is None:
                    raise self._error("ends an answer with no special token")
                stop = place + len(content) + end.end()
                if self._text(messages[: number + 1], tokenizer, False)[:stop] != whole[:stop]:
                    raise self._error("writes earlier answers otherwise when more is said")
                bounds.append((len(before), stop))
            place += len(content) + len(after)
        return _cut(parts, bounds)

    def stops(self, tokenizer: Vocabulary) -> list[int]:
        """The ids that end an answer: the special token behind it, and the end of text."""
        said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        learned = "".join(piece.text for piece in self.pieces(said, tokenizer) if piece.learned and piece.marks)
        marks = marks_of(tokenizer)
        last = finder(marks).findall(learned)[-1]
        return list(dict.fromkeys([marks[last], *([] if tokenizer.eos is None else [tokenizer.eos])]))

    def _parts(
        self,
        messages: Sequence[Message],
        contents: Sequence[str],
        whole: str,
        tokenizer: Vocabulary,
        generation: bool,
    ) -> list[str]:
        """Marks and contents by turns, marks first and last; joined they are `whole`."""
        markers = [f"\ue000{number}\ue001" for number in range(len(messages))]
        if any("\ue000" in content for content in contents):
            raise self._error("is used on a text that holds U+E000")
        marked = [{**message, "content": marker} for message, marker in zip(messages, markers, strict=True)]
        split = re.split("(\ue000[0-9]+\ue001)", self._text(marked, tokenizer, generation))
        if split[1::2] != markers:
            raise self._error("does not write each message once, in order")
        place = len(split[0])
        for number, content in enumerate(contents):
            # Some templates trim contents.
            kept = next((some for some in (content, content.strip()) if whole.startswith(some, place)), "")
            after = split[2 * number + 2]
            if not whole.startswith(kept + after, place):
                kept = content.strip()
            split[2 * number + 1] = kept
            place += len(kept) + len(after)
        if "".join(split) != whole:
            raise self._error("changes what was said")
        return split

    @cached_property
    def _compiled(self) -> Any:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
        )
        environment.globals = {
            "range": environment.globals["range"],
            "namespace": _Namespace,
            "raise_exception": _refuse,
        }
        environment.filters["tojson"] = _tojson
        try:
            return environment.from_string(self.source)
        except Exception as error:  # the compiler, too, fails in ways of its own: loops in loops, endless brackets
            raise self._error(f"is no template: {_why(error)}") from None

    def _text(self, messages: Sequence[Message], tokenizer: Vocabulary, generation: bool) -> str:
        named = {"bos_token": tokenizer.bos, "eos_token": tokenizer.eos}
        tokens = {name: tokenizer.token(number) for name, number in named.items() if number is not None}
        template = self._compiled
        try:
            text = template.render(
                messages=messages, tools=None, documents=None, add_generation_prompt=generation, **tokens
            )
        except Exception as error:  # somebody else's program runs here: whatever it raises is its mistake
            raise self._error(f"cannot write the conversation: {_why(error)}") from None
        return str(text)

    def _error(self, what: str) -> UserError:
        return UserError(f"{self.name} {what}", hint=_HINT, code=Exit.INPUT)


def _why(error: Exception) -> str:
    return one_line(str(error))[:200] or type(error).__name__


def _cut(parts: Sequence[str], bounds: Sequence[tuple[int, int]]) -> list[Piece]:
    """The parts as pieces, cut where learning starts and ends (`bounds`, as places in the whole text)."""
    pieces = []
    begin = 0
    for number, part in enumerate(parts):
        end = begin + len(part)
        cuts = sorted({begin, end, *(place for bound in bounds for place in bound if begin < place < end)})
        for first, last in itertools.pairwise(cuts):
            learned = any(low <= first and last <= high for low, high in bounds)
            pieces.append(Piece(part[first - begin : last - begin], marks=number % 2 == 0, learned=learned))
        begin = end
    return pieces


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, sort_keys=sort_keys)
