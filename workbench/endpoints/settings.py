"""What a server is, what a request is, and what a token costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import xxhash
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from workbench.recipes import Section


class Price(Section):
    """Money for a million tokens, in any currency the user thinks in."""

    prompt: NonNegativeFloat = 0.0
    completion: NonNegativeFloat = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


class Endpoint(Section):
    """A server and how it may be asked. The key is read from the environment and is part of no recipe."""

    url: str
    """Base address, with the version: `https://host/v1`."""
    model: str
    key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; where it is not set, none is sent."""
    concurrency: PositiveInt = 8
    requests_per_minute: PositiveFloat | None = None
    timeout_s: PositiveFloat = 120.0
    attempts: PositiveInt = 6
    price: Price = Price()
    budget: PositiveFloat | None = None
    """No request is sent any more once the account has reached this much money."""

    @field_validator("url")
    @classmethod
    def _base(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not the address of a server (http://host:port/v1)")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("give the bare address; the key belongs into the environment (key_env)")
        return url.rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the path below the base address, and the body without the model's name."""

    path: Literal["completions", "chat/completions"]
    body: Mapping[str, Any]

    def key(self, endpoint: Endpoint, salt: str) -> str:
        """Name of its answer in the cache: 128 bits of server, model, body and `salt` (what else it hangs on)."""
        named = [endpoint.url, endpoint.model, self.path, self.body, salt]
        text = json.dumps(named, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return xxhash.xxh3_128_hexdigest(text.encode())

    @property
    def prompt_chars(self) -> int:
        """Characters that the server has to read."""
        if "prompt" in self.body:
            prompt = self.body["prompt"]
            return len(prompt)
        return sum(len(str(message.get("content", ""))) for message in self.body["messages"])


def completion(prompt: str | Sequence[int], **options: Any) -> Request:
    """A request to continue a text (or token ids); `options` as the protocol names them: max_tokens, logprobs ..."""
    return Request("completions", {"prompt": prompt if isinstance(prompt, str) else list(prompt), **options})


def chat(messages: Sequence[Mapping[str, str]], **options: Any) -> Request:
    """A request to answer a conversation of `{role, content}`."""
    return Request("chat/completions", {"messages": [dict(message) for message in messages], **options})
