"""Conversations as tokens: what was said, the marks of a template around it, and which tokens are learned.

A template yields pieces: marks, in which special tokens are tokens, and contents, which are always plain text, so that
a user who types `<|im_end|>` ends nothing. A tokenizer sees the longest runs of plain text between special tokens,
and a run ends where learning starts or ends: that is where a generated answer starts, so the ids of training are those
of inference, for any template and without comparing strings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from train.data.foreign import Foreign
from train.data.pieces import Message, Piece, Rendered, Vocabulary, content_of, encode, role_of
from train.tokenizer.tokenizer import Tokenizer as Whole
from workbench import recipes
from workbench.errors import Exit, UserError, did_you_mean
from workbench.recipes import Section

SHIPPED = Path(__file__).parent / "templates"
DEFAULT = "chatml"
"""The template of a tokenizer that names none and has its tokens."""
_MARKS = re.compile(r"<\|[^<>|]+\|>")


class Role(Section):
    """The marks around a message; `{eos}` stands for the tokenizer's end of text."""

    prefix: str = ""
    suffix: str = ""


class Assistant(Role):
    """The marks around an answer. `end` is learned with it: it is what a sampler stops at."""

    end: str = Field(min_length=1)


class Template(Section):
    """A chat template of ours, in templates/*.yaml or a file of the user's."""

    name: str = ""
    about: str = ""
    bos: bool = True
    """Whether a conversation starts with the tokenizer's begin of text (where it has one)."""
    trim: bool = False
    """Whether white space around contents is taken away."""
    system: str | None = None
    """Said by the system where a conversation does not start with a system message."""
    roles: dict[str, Role]
    assistant: Assistant
    input: str = "\n\n"
    """Stands between instruction and input where a row has both (the form of Alpaca)."""

    def pieces(self, messages: Sequence[Message], tokenizer: Vocabulary, *, generation: bool = False) -> list[Piece]:
        """The pieces of a conversation; with `generation`, up to where the assistant's next answer starts.

        Raises UserError for an empty conversation, a role without marks, and a tokenizer without the tokens.
        """
        if not messages:
            raise UserError("the conversation is empty", hint="give at least one message", code=Exit.INPUT)
        if self.system is not None and role_of(messages[0]) != "system":
            messages = [{"role": "system", "content": self.system}, *messages]
        found = (
            [] if not self.bos or tokenizer.bos is None else [Piece(tokenizer.token(tokenizer.bos) or "", marks=True)]
        )
        for message in messages:
            role, content = role_of(message), content_of(message)
            content = content.strip() if self.trim else content
            answer = role == "assistant"
            if not answer and role not in self.roles:
                hint = did_you_mean(role, [*self.roles, "assistant"])
                raise UserError(f"template '{self.name}' knows no role '{role}'", hint=hint, code=Exit.INPUT)
            marks = self.assistant if answer else self.roles[role]
            found.append(self._marks(marks.prefix, tokenizer))
            found.append(Piece(content, learned=answer))
            if answer:
                found.append(self._marks(self.assistant.end, tokenizer)._replace(learned=True))
            found.append(self._marks(marks.suffix, tokenizer))
        return [*found, self._marks(self.assistant.prefix, tokenizer)] if generation else found

    def specials(self) -> list[str]:
        """The special tokens that the marks name, `{eos}` aside."""
        texts = [role.prefix + role.suffix for role in self.roles.values()]
        texts.append(self.assistant.prefix + self.assistant.end + self.assistant.suffix)
        return sorted({mark for text in texts for mark in _MARKS.findall(text)})

    def stops(self, tokenizer: Vocabulary) -> list[int]:
        """The ids that end an answer: the first token of `end`, and the end of text."""
        first = encode([[self._marks(self.assistant.end, tokenizer)]], tokenizer)[0].ids[:1]
        return list(dict.fromkeys([*first, *([] if tokenizer.eos is None else [tokenizer.eos])]))

    def jinja(self) -> str:
        """The same template for transformers and servers (a `chat_template.jinja`)."""
        said = "message['content'] | trim" if self.trim else "message['content']"
        lines = ["{{- bos_token }}"] if self.bos else []
        if self.system is not None:
            system = self.roles["system"]
            text = " + ".join([*_literals(system.prefix), ascii(self.system), *_literals(system.suffix)])
            lines.append("{%- if messages[0]['role'] != 'system' %}{{- " + text + " }}{%- endif %}")
        lines.append("{%- for message in messages %}")
        for role, marks in [*self.roles.items(), ("assistant", self.assistant)]:
            end = marks.end if isinstance(marks, Assistant) else ""
            text = " + ".join([*_literals(marks.prefix), f"({said})", *_literals(end), *_literals(marks.suffix)])
            word = "if" if lines[-1].startswith("{%- for") else "elif"
            lines += [f"{{%- {word} message['role'] == {role!r} %}}", "{{- " + text + " }}"]
        lines.append("{%- else %}{{- raise_exception('no such role: ' + message['role']) }}{%- endif %}")
        lines.append("{%- endfor %}")
        start = " + ".join(_literals(self.assistant.prefix)) or "''"
        lines.append("{%- if add_generation_prompt %}{{- " + start + " }}{%- endif %}")
        return "\n".join(lines)

    def _marks(self, text: str, tokenizer: Vocabulary) -> Piece:
        for mark in _MARKS.findall(text):
            if mark not in tokenizer.specials:
                hint = (
                    "choose a template that it has the tokens for (alpaca and plain need none), or train one with them"
                )
                message = f"template '{self.name}' needs the special token '{mark}', which the tokenizer has not"
                raise UserError(message, hint=hint, code=Exit.INPUT)
        if "{eos}" in text:
            if tokenizer.eos is None:
                hint = "choose a template that ends turns with a token of its own (chatml)"
                message = f"template '{self.name}' ends turns with the end of text, which the tokenizer has not"
                raise UserError(message, hint=hint, code=Exit.INPUT)
            text = text.replace("{eos}", tokenizer.token(tokenizer.eos) or "")
        return Piece(text, marks=True)


class Format(Protocol):
    """A template of ours, or a checkpoint's own."""

    @property
    def input(self) -> str: ...
    def pieces(
        self, messages: Sequence[Message], tokenizer: Vocabulary, *, generation: bool = False
    ) -> list[Piece]: ...
    def stops(self, tokenizer: Vocabulary) -> list[int]: ...


class Tokenizer(Vocabulary, Protocol):
    """What choosing a format needs of a tokenizer beside its tokens."""

    @property
    def template(self) -> str | dict[str, Any] | None: ...
    @property
    def jinja(self) -> str | None: ...


def render(messages: Sequence[Message], tokenizer: Vocabulary, form: Format) -> Rendered:
    """A whole conversation as ids and the mask of what is learned."""
    return encode([form.pieces(messages, tokenizer)], tokenizer)[0]


def prompt(messages: Sequence[Message], tokenizer: Vocabulary, form: Format) -> list[int]:
    """Ids up to where the assistant's next answer starts: what a sampler goes on from."""
    return encode([form.pieces(messages, tokenizer, generation=True)], tokenizer)[0].ids


def template_names() -> list[str]:
    """The names of the shipped templates."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


@cache
def load_template(name: str) -> Template:
    """A shipped template by name, or the user's own by the path of its YAML. UserError names what is wrong there."""
    path = SHIPPED / f"{name}.yaml"
    if name not in template_names():
        path = Path(name)
        if not path.suffix or not path.exists():
            hint = did_you_mean(name, template_names())
            raise UserError(f"no chat template '{name}'", hint=hint, code=Exit.INPUT)
    stem = recipes.from_values({"name": path.stem}, str(path))
    return recipes.resolve(Template, [stem, recipes.from_file(path)]).recipe


def special_tokens() -> list[str]:
    """Every special token of the shipped templates, for a tokenizer that is to read all of them."""
    return sorted({mark for name in template_names() for mark in load_template(name).specials()})


def choose(tokenizer: Tokenizer, name: str | None = None) -> Format:
    """The format of a tokenizer's conversations: the one named (a template, its YAML, or a .jinja file), else the one
    that its files name, else the jinja template that lies beside it, else ChatML if it has the tokens for that."""
    if name is not None and name.endswith(".jinja"):
        try:
            return Foreign(Path(name).read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError):
            hint = "name a readable file of UTF-8"
            raise UserError(f"cannot read the chat template {name}", hint=hint, code=Exit.INPUT) from None
    if name is not None:
        return load_template(name)
    if (own := recorded(tokenizer)) is not None:
        return own
    if all(mark in tokenizer.specials for mark in load_template(DEFAULT).specials()):
        return load_template(DEFAULT)
    hint = f"name one: {', '.join(template_names())}, or a .jinja file"
    raise UserError("the tokenizer has no chat template", hint=hint, code=Exit.INPUT)


def recorded(tokenizer: Tokenizer) -> Format | None:
    """The format that a tokenizer's files say, None where they say none: having the marks of ChatML is no such word."""
    said = tokenizer.template
    if isinstance(said, str):
        return load_template(said)
    if said is not None:
        return recipes.resolve(Template, [recipes.from_values(said, "the tokenizer's chat template")]).recipe
    return None if tokenizer.jinja is None else Foreign(tokenizer.jinja, "the tokenizer's chat template")


def record(tokenizer: Whole, form: Format) -> Whole:
    """The tokenizer as it is written beside a model that was trained with a format: its files say which, so that the
    model is asked as it was trained, whatever the tokenizer's own format is."""
    if isinstance(form, Foreign):
        return tokenizer.with_template(None, form.source)
    assert isinstance(form, Template)
    is_shipped = form.name in template_names() and form == load_template(form.name)
    return tokenizer.with_template(form.name if is_shipped else form.model_dump(mode="json"), form.jinja())


def is_same(first: Format, second: Format) -> bool:
    """Whether two formats are one template."""
    if isinstance(first, Foreign) and isinstance(second, Foreign):
        return first.source == second.source
    return isinstance(first, Template) and isinstance(second, Template) and first == second


def _literals(text: str) -> list[str]:
    """The marks as expressions of jinja, which reads literals as Python does."""
    parts = re.split(r"(\{eos\})", text)
    return ["eos_token" if part == "{eos}" else ascii(part) for part in parts if part]
