"""Asking model servers for the playground: which may be asked, what is sent, and what came back as it may be shown."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dashboard.odds import Token, read_tokens
from dashboard.settings import Settings
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import httpx

    from workbench.endpoints import Answer, Client, Request

LONGEST = 100_000
"""Characters of an answer that are kept."""
TOKENS = 600
"""Tokens of an answer whose probabilities are shown."""
_ATTEMPTS = 2
_PAUSE_S = 2.0  # a visitor waits: a server that asks for more patience is asked again by hand
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
SHARED_VARIABLE = "WINNOW_ENDPOINT_API_KEY"
"""The one variable whose value may be sent where others reach the dashboard, to the servers named at the start."""


def address(url: str) -> str:
    """The base address of a server in one form: scheme and host in small letters, no usual port, no slash at the end.

    UserError (exit 2) for anything but http and https, and for an address with a key, a query or a fragment in it.
    """
    hint = "give the base address with its version: http://127.0.0.1:8000/v1"
    text = url.strip()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not text.isprintable() or not text.isascii() or " " in text or "\\" in text:
        raise UserError("that is not the address of a server", hint=hint, code=Exit.USAGE)
    if parts.scheme not in ("http", "https"):
        raise UserError("only http and https are spoken here", hint=hint, code=Exit.USAGE)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UserError(
            "an address holds no name, key, query or fragment",
            hint="put the key into an environment variable and name the variable",
            code=Exit.USAGE,
        )
    name = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    place = name if port is None or port == usual else f"{name}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def allowed(url: str, settings: Settings) -> str:
    """`address` of a server that visitors may have asked. Where others than the user of this machine reach the
    dashboard, these are the endpoints of its start alone: else it would ask any machine of its network for them."""
    found = address(url)
    if settings.shared and found not in settings.endpoints:
        raise UserError(
            "this dashboard asks only the endpoints that it was started with",
            hint="whoever runs it adds one: dashboard --endpoint URL",
            code=Exit.USAGE,
        )
    return found


@dataclass(frozen=True, slots=True)
class Server:
    """One model to be asked. variable: the environment variable with the key; "" sends none. model: "" takes the first
    one that the server lists."""

    url: str
    model: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said, or in `problem` and `hint` why it did not. chars: of the whole text, of which `text` is the
    beginning; seconds: until it was here. tokens: the first ones, where the server told their probabilities; cut: there
    are more."""

    text: str = ""
    chars: int = 0
    reason: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    tokens: tuple[Token, ...] = ()
    problem: str = ""
    hint: str = ""
    cut: bool = False


def ask(
    servers: Sequence[Server],
    requests: Sequence[Request],
    settings: Settings,
    patience_s: float,
    transport: httpx.BaseTransport | None = None,
) -> list[Said]:
    """Ask each server its request, all at once; nothing takes longer than `patience_s`, and nothing raises."""
    open_: list[Client] = []
    coming = [
        _begun(partial(_one, server, request, settings, patience_s, transport, open_))
        for server, request in zip(servers, requests, strict=True)
    ]
    in_time, _ = wait(coming, timeout=patience_s)
    if len(in_time) < len(coming):
        for client in open_:  # who sends a byte now and then is not waited for either
            with suppress(RuntimeError, OSError):
                client.close()
    late = Said(problem=f"no whole answer within {patience_s:g} s", hint="ask for fewer tokens, or wait longer")
    # One that ends because its client was closed has failed, and is late all the same.
    return [each.result() if each in in_time else late for each in coming]


def _begun(work: Callable[[], Said]) -> Future[Said]:
    """The work in a thread that nobody has to wait for, not even the end of the process."""
    future: Future[Said] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _one(
    server: Server,
    request: Request,
    settings: Settings,
    patience_s: float,
    transport: httpx.BaseTransport | None,
    open_: list[Client],
) -> Said:
    import httpx

    from workbench.endpoints import Client, Endpoint

    def opened(model: str) -> Client:
        endpoint = Endpoint(
            url=url, model=model, key_env=variable, timeout_s=patience_s, attempts=_ATTEMPTS, concurrency=1
        )
        open_.append(Client(endpoint, transport=transport, pause=_pause))
        return open_[-1]

    try:
        url = allowed(server.url, settings)
        variable = _variable(server.variable, url, settings)
        model = server.model
        if not model:
            with opened("") as client:
                model = next(iter(client.models()), "")
        if not model:
            return Said(problem=f"{url} lists no model", hint="is it running? Else give the name of the model")
        with opened(model) as client:
            return _said(client.one(request), model)
    except UserError as error:
        return Said(problem=f"{error}", hint=error.hint)
    except (httpx.InvalidURL, UnicodeError):
        return Said(problem="that is not the address of a server", hint="http://127.0.0.1:8000/v1")


def _pause(seconds: float) -> None:
    time.sleep(min(seconds, _PAUSE_S))


def _variable(name: str, url: str, settings: Settings) -> str:
    """A variable whose value may be sent to a server, or "" where none is to be."""
    if not name:
        return ""
    if not _VARIABLE.fullmatch(name):
        raise UserError("that is not the name of an environment variable", hint="OPENAI_API_KEY", code=Exit.USAGE)
    if settings.shared and name != SHARED_VARIABLE:
        what = f"where others reach the dashboard, the one key that may be sent is in {SHARED_VARIABLE}"
        raise UserError(what, hint="name that variable, or none", code=Exit.USAGE)
    if not os.environ.get(name):
        hint = "set it where the dashboard is started; a key is never typed into a page"
        raise UserError(f"the environment variable {name} is not set", hint=hint, code=Exit.USAGE)
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise UserError("a key is not sent over plain http to another machine", hint="use https", code=Exit.USAGE)
    return name


def _said(answer: Answer, model: str) -> Said:
    if answer.error is not None:
        return Said(model=model, problem=answer.error, hint=_hint(answer.error), seconds=answer.seconds)
    tokens = read_tokens(answer.body)
    return Said(
        text=answer.text[:LONGEST],
        chars=len(answer.text),
        reason=answer.reasons[0] if answer.reasons else "",
        model=model,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        seconds=answer.seconds,
        tokens=tuple(tokens[:TOKENS]),
        cut=len(tokens) > TOKENS,
    )


def _hint(error: str) -> str:
    if error.startswith("HTTP 429"):
        return "the server has too much to do, or the key's quota is used up; wait and ask again"
    if error.startswith("HTTP 4"):
        return "the server refuses a setting: leave out seed, stop texts or token probabilities"
    if "Connect" in error:
        return "does the server run, and is the address right?"
    if error.startswith("the answer"):
        return "is the address the base of an OpenAI-compatible API, with its version (/v1)?"
    return "look at the server's own log"
