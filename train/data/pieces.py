"""The pieces of a conversation, and their ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from workbench.errors import Exit, UserError

Message = Mapping[str, Any]
"""`role` and `content`, both text."""


class Piece(NamedTuple):
    """A stretch of a conversation: the marks of a template, whose special tokens are tokens, or plain text."""

    text: str
    marks: bool = False
    learned: bool = False


class Rendered(NamedTuple):
    """A conversation as ids, and which of them are learned: the answers and the tokens that end them."""

    ids: list[int]
    mask: list[bool]


class Vocabulary(Protocol):
    """What becomes of pieces needs this of a tokenizer."""

    @property
    def bos(self) -> int | None: ...
    @property
    def eos(self) -> int | None: ...
    @property
    def specials(self) -> dict[str, int]: ...
    def token(self, number: int) -> str | None: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...


def role_of(message: Message) -> str:
    """Who speaks. Raises UserError when the message does not say so."""
    role = message.get("role") if isinstance(message, Mapping) else None
    if not isinstance(role, str):
        raise UserError("a message has no role", hint="give each message `role` and `content`", code=Exit.INPUT)
    return role


def content_of(message: Message) -> str:
    """What is said. Raises UserError when it is no text."""
    content = message.get("content")
    if not isinstance(content, str):
        what = "no content" if content is None else f"content of kind {type(content).__name__}"
        raise UserError(f"a message has {what}", hint="contents are text", code=Exit.INPUT)
    return content


def marks_of(tokenizer: Vocabulary) -> dict[str, int]:
    """The special tokens by text, begin and end of text included."""
    found = dict(tokenizer.specials)
    for number in (tokenizer.bos, tokenizer.eos):
        text = None if number is None else tokenizer.token(number)
        if number is not None and text:
            found.setdefault(text, number)
    return found


def finder(marks: Mapping[str, int]) -> re.Pattern[str]:
    """Finds special tokens in a text, the longest that fits first."""
    return re.compile("(" + "|".join(map(re.escape, sorted(marks, key=lambda mark: (-len(mark), mark)))) + ")")


class _Run(NamedTuple):
    """A special token's id, or plain text that is encoded as one."""

    text: str
    special: int | None
    learned: bool


def encode(conversations: Sequence[Sequence[Piece]], tokenizer: Vocabulary) -> list[Rendered]:
    """The ids of conversations. Plain text that follows plain text is encoded with it, unless only one is learned."""
    marks = marks_of(tokenizer)
    pattern = finder(marks) if marks else None
    all_runs = [_runs(pieces, marks, pattern) for pieces in conversations]
    texts = list(dict.fromkeys(run.text for runs in all_runs for run in runs if run.special is None))
    ids = dict(zip(texts, tokenizer.encode_batch(texts), strict=True))
    found = []
    for runs in all_runs:
        rendered = Rendered([], [])
        for run in runs:
            some = ids[run.text] if run.special is None else [run.special]
            rendered.ids.extend(some)
            rendered.mask.extend([run.learned] * len(some))
        found.append(rendered)
    return found


def _runs(pieces: Sequence[Piece], marks: Mapping[str, int], pattern: re.Pattern[str] | None) -> list[_Run]:
    runs: list[_Run] = []
    for piece in pieces:
        for part in pattern.split(piece.text) if piece.marks and pattern else [piece.text]:
            special = marks.get(part) if piece.marks else None
            last = runs[-1] if runs else None
            if special is None and last and last.special is None and last.learned == piece.learned:
                runs[-1] = last._replace(text=last.text + part)
            elif part:
                runs.append(_Run(part, special, piece.learned))
    return runs
