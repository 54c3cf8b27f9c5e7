"""Answers in memory: those used last, up to a number of bytes, each of them worked out once at a time."""

from __future__ import annotations

import copy
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class _Turn:
    """Whose turn it is to make an answer, and how many want it; it goes with the last of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0


class Kept:
    """A cache for all visitors. most: bytes that it may hold, as `size_of` estimates them; an answer that is larger
    than that is not kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, _Turn] = {}
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What it holds now."""
        return self._bytes

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer kept under `key`, else that of `make()`, which then is kept; what it raises is not.

        Everybody gets a copy of lists and dicts, so that a page cannot change what others see. Two who ask the same
        at once wait for one `make`; where it raises, the next of them tries, never two at a time. Keys that are equal
        are one, whatever their types: 1, 1.0 and True.
        """
        with self._lock:
            kept = self._known(key)
            if kept is None:
                turn = self._making.setdefault(key, _Turn())
                turn.wanted += 1
        if kept is None:
            try:
                with turn.lock:
                    kept = self._made(key, make)
            finally:
                with self._lock:
                    turn.wanted -= 1
                    if not turn.wanted:
                        del self._making[key]
        return copy.deepcopy(kept[0])

    def _known(self, key: Hashable) -> tuple[Any, int] | None:
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)

    def _made(self, key: Hashable, make: Callable[[], Any]) -> tuple[Any, int]:
        with self._lock:
            kept = self._known(key)
        if kept is None:
            value = make()
            kept = value, size_of(key) + size_of(value)
            with self._lock:
                self._keep(key, kept)
        return kept

    def _keep(self, key: Hashable, kept: tuple[Any, int]) -> None:
        if kept[1] > self._most:
            return
        self._bytes += kept[1] - self._found.pop(key, (None, 0))[1]
        self._found[key] = kept
        while self._bytes > self._most:
            _, (_, freed) = self._found.popitem(last=False)
            self._bytes -= freed


def size_of(value: Any) -> int:
    """Bytes that a value takes, estimated: columns of frames and arrays by their buffers, containers with all that is
    in them, what two of them share counted twice."""
    estimated = getattr(value, "estimated_size", None)  # polars
    if callable(estimated):
        return int(estimated()) + 1024
    own = sys.getsizeof(value)
    if isinstance(value, Mapping):
        return own + sum(size_of(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return own + sum(map(size_of, value))
    if is_dataclass(value):  # first: those with slots have no `__dict__`
        return own + sum(size_of(getattr(value, each.name)) for each in fields(value))
    inner = {} if isinstance(value, type | Enum) else getattr(value, "__dict__", {})
    return own + int(getattr(value, "nbytes", 0)) + sum(map(size_of, inner.values()))
