"""Many requests at once, each tried until it succeeds, is refused for good, or has used its attempts."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self

import httpx

from workbench.endpoints.account import Account
from workbench.endpoints.answers import Answer, GarbageError, understand
from workbench.endpoints.cache import Cache
from workbench.endpoints.settings import Endpoint, Request
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.visible import one_line

_LARGEST = 64 << 20
_AHEAD = 8  # requests handed out for each connection: a slow answer lets the others go on so far
_JSON = {"Content-Type": "application/json"}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
# What the next attempt may change: too many requests, conflicts, time-outs, and the server's own troubles.
_PASSING = frozenset({408, 409, 425, 429})
_PASSES = frozenset({"created", "permission"})  # of a model's card: some servers write the present time there
_FATAL = {401: "refused the key", 403: "refuses access", 404: "knows no such model or address"}


class Client:
    """Asks one endpoint; safe for use by several threads.

    cache: file of answers (`Cache`); answers to requests whose body asks for chance without a seed are cached as well,
    under `salt`, so give another salt to draw anew. transport: for tests. pause: how a thread waits. Raises UserError
    for a key that no header can carry.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        cache: Path | None = None,
        salt: str = "",
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        key = _key(endpoint.key_env)
        self.endpoint = endpoint
        self.account = Account()
        self.salt = salt
        self._pause = pause
        self._cache = Cache(cache) if cache is not None else None
        self._next_start = 0.0
        self._lock = threading.Lock()
        limits = httpx.Limits(max_connections=endpoint.concurrency)
        # A redirect could carry the key elsewhere, and a proxy has no business on this machine.
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=endpoint.timeout_s,
            limits=limits,
            follow_redirects=False,
            trust_env=not endpoint.is_local,
            transport=transport,
        )

    def ask(self, requests: Sequence[Request], listener: Listener | None = None) -> Iterator[Answer]:
        """The answers in the order of the requests, as soon as each and all before it are there.

        What was yielded is not kept, and only a window of requests is handed out at a time: a job may be of any length.
        Raises UserError when the server refuses everything (exit 4), and when the budget is used up (exit 3): what was
        answered until then is in the cache.
        """
        with ThreadPoolExecutor(self.endpoint.concurrency) as pool:
            window: deque[Future[Answer]] = deque()
            coming = iter(requests)
            try:
                for number in range(1, len(requests) + 1):
                    for request in islice(coming, _AHEAD * self.endpoint.concurrency - len(window)):
                        window.append(pool.submit(self.one, request))
                    yield window.popleft().result()
                    if listener is not None:
                        counts = {"requests": number, "failed": self.account.failed, "cached": self.account.cached}
                        listener(Event("progress", "asking", counts=counts, fraction=number / len(requests)))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def is_cached(self, request: Request) -> bool:
        """Whether the answer is there already."""
        return self._cache is not None and self._cache.get(request.key(self.endpoint, self.salt)) is not None

    def one(self, request: Request) -> Answer:
        """The answer to one request: from the cache, or from the server after as many attempts as it takes."""
        key = request.key(self.endpoint, self.salt)
        stored = self._cache.get(key) if self._cache is not None else None
        if stored is not None:
            answer = replace(understand(stored), cached=True)
        else:
            answer = self._fetch(request)
            if self._cache is not None and answer.error is None:
                self._cache.put(key, dict(answer.body))
        self.account.add(self.endpoint, answer)
        return answer

    def card(self) -> dict[str, Any]:
        """What the server's list of models says of this one, but for the time: empty where it lists nothing.

        A server that names a fingerprint of the weights there, as `train serve` does, so tells apart what it serves
        under one name.
        """
        for row in self._listed():
            if row.get("id") == self.endpoint.model:
                return {name: value for name, value in row.items() if name not in _PASSES}
        return {}

    def models(self) -> list[str]:
        """The names of the models that the server lists."""
        return [row["id"] for row in self._listed() if isinstance(row.get("id"), str)]

    def _listed(self) -> list[dict[str, Any]]:
        for _ in range(min(self.endpoint.attempts, 2)):
            try:
                with self._http.stream("GET", f"{self.endpoint.url}/models") as response:
                    listed = _json(_body(response))
            except (httpx.HTTPError, GarbageError):
                continue
            rows = listed.get("data") if isinstance(listed, dict) and response.is_success else None
            return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return []

    def _fetch(self, request: Request) -> Answer:
        error = ""
        for attempt in range(1, self.endpoint.attempts + 1):
            self._check_budget()
            self._take_turn()
            began = time.monotonic()
            wait = None
            try:
                answer = self._send(request)
                return replace(answer, attempts=attempt, seconds=time.monotonic() - began)
            except httpx.HTTPStatusError as failed:
                error = _status(failed.response)
                if failed.response.status_code not in _PASSING and failed.response.status_code < 500:
                    return Answer(attempts=attempt, error=error)
                wait = _retry_after(failed.response)
            except GarbageError as failed:
                error = str(failed)
            except httpx.TimeoutException:
                error = f"no answer within {self.endpoint.timeout_s:g} s"
            except httpx.HTTPError as failed:
                error = one_line(f"{type(failed).__name__}: {failed}")[:200]
            if attempt < self.endpoint.attempts:
                doubled = min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S)
                self._pause(doubled if wait is None else min(wait, _LONGEST_PAUSE_S))
        return Answer(attempts=self.endpoint.attempts, error=error)

    def _send(self, request: Request) -> Answer:
        url = f"{self.endpoint.url}/{request.path}"
        body = json.dumps({"model": self.endpoint.model, **request.body})  # ASCII only: text may hold lone surrogates
        with self._http.stream("POST", url, content=body, headers=_JSON) as response:
            data = _body(response)
            if response.status_code in _FATAL:
                self._refused(response.status_code, data)
            if not response.is_success:
                raise httpx.HTTPStatusError("", request=response.request, response=_read(response, data))
        return understand(_json(data))

    def _refused(self, status: int, data: bytes) -> None:
        message = f"{self.endpoint.url} {_FATAL[status]} (HTTP {status}){_said(data)}"
        hint = f"check the model's name '{self.endpoint.model}' and the address"
        if status != 404:
            hint = f"set the environment variable {self.endpoint.key_env} to a key that the server accepts"
        raise UserError(message, hint=hint, code=Exit.INPUT)

    def _check_budget(self) -> None:
        budget = self.endpoint.budget
        if budget is not None and self.account.cost >= budget:
            message = f"the budget of {budget:g} is used up after {self.account.requests:,} requests"
            raise UserError(message, hint="raise the budget; answered requests are not paid again", code=Exit.PARTIAL)

    def _take_turn(self) -> None:
        rate = self.endpoint.requests_per_minute
        if rate is None:
            return
        with self._lock:
            present = time.monotonic()
            start = max(present, self._next_start)
            self._next_start = start + 60.0 / rate
        if start > present:
            self._pause(start - present)

    def close(self) -> None:
        """Close connections and cache."""
        self._http.close()
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key(name: str) -> str:
    """The key in an environment variable, without the blanks and line ends that files and shells leave around it."""
    key = os.environ.get(name, "").strip()
    if not (key.isascii() and key.isprintable()):
        # What the client library says of such a header quotes it.
        message = f"the key in the environment variable {name} holds characters that no key has"
        raise UserError(message, hint="set it to printable ASCII, on one line", code=Exit.INPUT)
    return key


def _body(response: httpx.Response) -> bytes:
    data = b""
    for piece in response.iter_bytes():
        data += piece
        if len(data) > _LARGEST:
            raise GarbageError(f"the answer is longer than {_LARGEST >> 20} MB")
    return data


def _read(response: httpx.Response, data: bytes) -> httpx.Response:
    return httpx.Response(response.status_code, headers=response.headers, content=data, request=response.request)


def _json(data: bytes) -> Any:
    try:
        return httpx.Response(200, content=data).json()
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise GarbageError("the answer is no JSON") from None


def _said(data: bytes) -> str:
    """What the server said about its refusal, in one short line."""
    try:
        found = _json(data)
    except GarbageError:
        return ""
    error = found.get("error", found.get("message", "")) if isinstance(found, dict) else ""
    message = error.get("message", "") if isinstance(error, dict) else error
    return f": {one_line(str(message))[:200]}" if message else ""


def _status(response: httpx.Response) -> str:
    return f"HTTP {response.status_code}{_said(response.content)}"


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number or a date)."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
