"""Text from tokens as they come: no half characters, and nothing shown that a stop text may still take back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

_UNFINISHED = "\ufffd"
_WINDOW = 32


class Decoder(Protocol):
    """What is asked of a tokenizer here."""

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of tokens."""
        ...


class TextStream:
    """Feed it tokens one by one; it gives the text that is certain.

    A tokenizer writes a character whose bytes are not all there as U+FFFD, so such signs at the end wait for the next
    token (and stand if none comes). Text that may be the beginning of a stop text waits too. `stopped` says that one
    came: the text then ends before it. Of several, the one that is complete first counts, and of those the longest,
    so that it does not matter how the text was cut into tokens. `length` counts the characters that are decoded, given
    or waiting.
    """

    def __init__(self, tokenizer: Decoder, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(sorted(stop, key=len, reverse=True))
        self._ids: list[int] = []  # a window: decoding everything at every token would take quadratic time
        self._known = 0  # characters of the window's text that were taken
        self._context = 0  # tokens at the window's beginning after which its text was whole
        self._held = ""
        self.length = 0
        self.stopped = False

    def feed(self, token: int) -> str:
        """The text that has become certain with this token."""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        whole = text.rstrip(_UNFINISHED)
        new = whole[self._known :]
        self._known = max(self._known, len(whole))
        if len(whole) == len(text):
            if len(self._ids) > _WINDOW:
                # Some tokens stay in front, for decoders to which the first token is a special case.
                self._ids = self._ids[self._context :]
                self._known = len(self._tokenizer.decode(self._ids))
            self._context = len(self._ids)
        return self._release(new)

    def end(self) -> str:
        """The text that was held back; nothing after a stop text."""
        if self.stopped:
            return ""
        rest = self._release(self._tokenizer.decode(self._ids)[self._known :])
        held, self._held = self._held, ""
        return rest + held

    def _release(self, new: str) -> str:
        if self.stopped or not new:
            return ""
        self.length += len(new)
        if not self._stop:
            return new
        text = self._held + new
        ends = [(at + len(stop), at) for stop in self._stop if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return text[: min(ends)[1]]
        held = max(_overlap(text, stop) for stop in self._stop)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
