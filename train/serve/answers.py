"""What a client is told: completions and chats, whole or as events, and tokens by names that JSON can hold."""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from train.generate import Likeliest, Piece, Scored
from train.textstream import TextStream

_REASONS = {"eos": "stop", "stop": "stop", "length": "length"}
_LEAST = -9999.0  # JSON knows no infinity
_FALLBACK = re.compile(r"<0x([0-9A-F]{2})>")


class Names(Protocol):
    """What is asked of a tokenizer here."""

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of tokens."""
        ...

    def token(self, number: int) -> str | None:
        """A token as the vocabulary writes it."""
        ...


def _byte_letters() -> dict[str, int]:
    """The letters by which byte-level vocabularies write bytes (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


class TokenTexts:
    """Tokens by the text they stand for; pieces of characters as OpenAI writes them, `bytes:\\xe2\\x82`."""

    def __init__(self, tokenizer: Names) -> None:
        self._tokenizer = tokenizer
        self._letters = _byte_letters()
        self._known: dict[int, tuple[str, bytes]] = {}

    def __call__(self, token: int) -> tuple[str, bytes]:
        """Name and bytes."""
        found = self._known.get(token)
        if found is None:
            found = self._known[token] = self._look(token)
        return found

    def _look(self, token: int) -> tuple[str, bytes]:
        text = self._tokenizer.decode([token], skip_special=False)
        written = self._tokenizer.token(token) or ""
        if "\ufffd" in text:
            fallback = _FALLBACK.fullmatch(written)
            if fallback:
                data = bytes([int(fallback[1], 16)])
            elif all(letter in self._letters for letter in written):
                data = bytes(self._letters[letter] for letter in written)
            else:
                return text, text.encode()
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data), data
        if written.startswith("\u2581") and not text.startswith(" "):
            text = " " + text  # decoders of these vocabularies take the first blank away
        return text, text.encode()


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of an answer: its log-probability (None for the first of all) and the likeliest in its place."""

    token: int
    logprob: float | None
    likeliest: Likeliest
    offset: int


@dataclass(slots=True)
class Choice:
    """One completion as it grows. `feed` gives the text and the tokens that a piece made certain."""

    index: int
    text: str = ""
    reason: str | None = None
    entries: list[Entry] = field(default_factory=list)
    used: int = 0
    _pending: list[Entry] = field(default_factory=list)

    def feed(self, piece: Piece) -> tuple[str, list[Entry]]:
        """A token is certain when its text is: one that begins a stop text may still be taken back."""
        self.text += piece.text
        if piece.token is not None:
            self.used += 1
            self._pending.append(Entry(piece.token, piece.logprob, piece.alternatives, piece.offset))
        ready = [entry for entry in self._pending if entry.offset < len(self.text)]
        if piece.completion is not None:
            self.reason = _REASONS[piece.completion.reason]
            if piece.completion.reason != "stop":
                ready = self._pending[: -1 if piece.completion.reason == "eos" else None]
            self._pending = []
        else:
            self._pending = self._pending[len(ready) :]
        self.entries += ready
        return piece.text, ready


def prompt_entries(tokenizer: Names, shown: list[int], scored: Scored) -> tuple[str, list[Entry]]:
    """A prompt's text and tokens; where one more token is scored than shown follow the first, it was a hidden BOS."""
    first: list[float | None] = [] if len(scored.logprobs) == len(shown) else [None]
    nothing: list[Likeliest] = [[] for _ in scored.logprobs]
    likeliest: list[Likeliest] = [[] for _ in first] + (scored.alternatives or nothing)
    stream = TextStream(tokenizer)
    entries, text = [], ""
    for token, logprob, others in zip(shown, [*first, *scored.logprobs], likeliest, strict=True):
        entries.append(Entry(token, logprob, others, stream.length))
        text += stream.feed(token)
    return text + stream.end(), entries


def completion_logprobs(names: TokenTexts, entries: Iterable[Entry], shift: int = 0) -> dict[str, Any]:
    """The `logprobs` of /v1/completions; offsets are counted from `shift`."""
    found: dict[str, Any] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for entry in entries:
        name = names(entry.token)[0]
        found["tokens"].append(name)
        found["text_offset"].append(shift + entry.offset)
        if entry.logprob is None:
            found["token_logprobs"].append(None)
            found["top_logprobs"].append(None)
            continue
        top: dict[str, float] = {}
        for token, value in [*entry.likeliest, (entry.token, entry.logprob)]:
            top.setdefault(names(token)[0], _finite(value))
        found["token_logprobs"].append(_finite(entry.logprob))
        found["top_logprobs"].append(top)
    return found


def chat_logprobs(names: TokenTexts, entries: Iterable[Entry]) -> dict[str, Any]:
    """The `logprobs` of /v1/chat/completions."""

    def one(token: int, value: float | None) -> dict[str, Any]:
        name, data = names(token)
        return {"token": name, "logprob": _finite(value), "bytes": list(data)}

    content = [
        one(entry.token, entry.logprob) | {"top_logprobs": [one(*pair) for pair in entry.likeliest]}
        for entry in entries
    ]
    return {"content": content, "refusal": None}


def _finite(value: float | None) -> float:
    return _LEAST if value is None or not math.isfinite(value) else value


class Envelope:
    """What all answers to one request have in common."""

    def __init__(self, kind: str, model: str, fingerprint: str) -> None:
        prefix, self._whole, self._event = {
            "completion": ("cmpl", "text_completion", "text_completion"),
            "chat": ("chatcmpl", "chat.completion", "chat.completion.chunk"),
        }[kind]
        self._common = {
            "id": f"{prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": fingerprint,
        }

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        """The one answer of a request that does not stream."""
        return {**self._common, "object": self._whole, "choices": choices, "usage": usage}

    def event(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> dict[str, Any]:
        """One event of a stream."""
        found = {**self._common, "object": self._event, "choices": choices}
        return found if usage is None else {**found, "usage": usage}


def usage(prompts: Sequence[int], choices: Iterable[Choice]) -> dict[str, int]:
    """Tokens read and written."""
    read, written = sum(prompts), sum(choice.used for choice in choices)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
