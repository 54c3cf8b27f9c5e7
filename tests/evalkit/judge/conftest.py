"""A server that judges, without a network."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import httpx
import pytest

from evalkit.judge import settings
from train.ask import open_voice


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], str]], list[str]]:
    """Puts a server in the place of every endpoint; it answers by `reply`, and notes what it was asked."""

    def serve(reply: Callable[[str], str]) -> list[str]:
        asked: list[str] = []

        def handle(request: httpx.Request) -> httpx.Response:
            asked.append(json.loads(request.content)["messages"][-1]["content"])
            return httpx.Response(200, json={"choices": [{"message": {"content": reply(asked[-1])}}]})

        transport = httpx.MockTransport(handle)
        monkeypatch.setattr(settings, "open_voice", functools.partial(open_voice, transport=transport))
        return asked

    return serve
