"""The HTTP side: who may ask, how much, and how answers and errors travel."""

from __future__ import annotations

import errno
import select
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from train.serve import api
from train.serve.engine import Engine
from train.serve.requests import ApiError
from workbench.errors import UserError

LOOPBACK = "127.0.0.1"
BODY_LIMIT = 16 * 1024 * 1024
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_CONNECTIONS = 256
_PATIENCE_S = 60.0
_WRITING_S = 10.0  # for one event: a client that reads no more holds a place that others wait for
_CALLS = {"/v1/completions": api.completions, "/v1/chat/completions": api.chat}
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Retry-After: 1\r\nContent-Length: %d\r\n\r\n%s"
)


class Server(ThreadingHTTPServer):
    """Listens from the moment it is made, answers while `serve_forever` runs; a thread for each connection.

    Without `host` only this machine can reach it, and requests that name another host (a page that had its own name
    resolved to this machine) are refused. `log` takes a line for each request. Raises UserError when the address
    cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        engine: Engine,
        *,
        port: int = 0,
        host: str = LOOPBACK,
        body_limit: int = BODY_LIMIT,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.engine = engine
        self.body_limit = body_limit
        self.log = log
        self.is_local = host in _LOCAL
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise _cannot_listen(error, host, port) from None

    @property
    def url(self) -> str:
        """What clients call the base URL."""
        host, port = self.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}/v1"

    def server_bind(self) -> None:
        """As the base class does it, without asking a name server for this machine's name."""
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the connection, or turn it away when there are too many."""
        if not self._slots.acquire(blocking=False):
            body = orjson.dumps(ApiError(503, "too many connections").body())
            request.sendall(_BUSY % (len(body), body))
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is no error of ours; anything else is a bug and told."""
        if not isinstance(sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1], OSError):
            self.log(traceback.format_exc())

    def server_close(self) -> None:
        """Stop listening, and end the requests that are running."""
        self.engine.stop()
        super().server_close()


def _cannot_listen(error: OSError, host: str, port: int) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return UserError(f"port {port} of {host} is in use", hint="choose another --port, or 0 for any that is free")
    if error.errno == errno.EACCES:
        return UserError(f"port {port} may not be used", hint="choose a --port above 1023")
    return UserError(f"cannot listen at {host}: {(error.strerror or str(error)).lower()}", hint="name an own address")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "winnow"
    sys_version = ""
    timeout = _PATIENCE_S
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """The models, and whether the server is there."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """The two calls."""
        self._answer(self._post)

    def _refuse(self) -> None:
        self._answer(self._other)

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = _refuse

    def _answer(self, work: Callable[[], None]) -> None:
        """Do the work; what goes wrong becomes an answer as long as none has begun."""
        self._begun = False
        try:
            self._check_origin()
            work()
        except ApiError as error:
            self._failed(error)
        except UserError as error:
            self._failed(ApiError(400, f"{error}{f'; {error.hint}' if error.hint else ''}"))
        except OSError:
            self.close_connection = True  # the client has gone
        except Exception:
            self.server.log(traceback.format_exc())
            self._failed(ApiError(500, "the server failed; its log says how"))

    def _check_origin(self) -> None:
        """Refuse what a page of some site makes a browser send here."""
        host = _host_name("//" + self.headers.get("Host", ""))
        if self.server.is_local and host not in _LOCAL:
            raise ApiError(403, "requests must name this machine as their host", code="foreign_host")
        origin = self.headers.get("Origin")
        if origin is not None and _host_name(origin) not in {*_LOCAL, host}:
            raise ApiError(403, "requests from pages of other sites are refused", code="foreign_origin")

    def _get(self) -> None:
        path, name = urlsplit(self.path).path, self.server.engine.name
        card = {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "winnow",
            "max_model_len": self.server.engine.sampler.context,
            "fingerprint": self.server.engine.opened.digest,
        }
        if path == "/health":
            self._send(200, {"status": "ok"})
        elif path == "/v1/models":
            self._send(200, {"object": "list", "data": [card]})
        elif path.startswith("/v1/models/"):
            if unquote(path.removeprefix("/v1/models/")) != name:
                raise ApiError(404, f"there is no such model here, only '{name}'", code="model_not_found")
            self._send(200, card)
        else:
            self._other()

    def _post(self) -> None:
        call = _CALLS.get(urlsplit(self.path).path)
        if call is None:
            self._other()
            return
        body = self._body()
        stream, events = call(self.server.engine, body, self._gone)
        first = next(events)  # what is wrong with the request is found here, before anything is sent
        if stream:
            self._send_events(chain([first], events))
        else:
            self._send(200, first)

    def _other(self) -> None:
        path = urlsplit(self.path).path
        allowed = "POST" if path in _CALLS else "GET"
        if path in _CALLS or path in ("/health", "/v1/models") or path.startswith("/v1/models/"):
            self.close_connection = True  # there may be a body that nobody reads
            error = ApiError(405, f"{path} takes {allowed} only")
            self._send(405, error.body(), {"Allow": allowed})
            return
        raise ApiError(404, f"there is nothing at {path[:200]}", code="unknown_url")

    def _body(self) -> Any:
        """The JSON of the request. ApiError: 411, 413, 415, or 400."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise ApiError(411, "a Content-Length is needed")
        digits, limit = length.lstrip("0") or "0", self.server.body_limit
        if len(digits) > len(str(limit)) or int(digits) > limit:
            raise ApiError(413, f"the body may have {limit:,} bytes")
        if self.headers.get_content_type() != "application/json":
            raise ApiError(415, "the Content-Type must be application/json")
        data = self.rfile.read(int(digits))
        if len(data) < int(digits):
            raise ConnectionAbortedError
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ApiError(400, f"the body is no JSON: {error}") from None

    def _gone(self) -> bool:
        """Whether the client has closed the connection; a next request that already lies there is none of that."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def _failed(self, error: ApiError) -> None:
        self.close_connection = True  # a body may be left unread
        if not self._begun:
            headers = {"Retry-After": "1"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
            self._send(error.status, error.body(), headers)
            return
        try:  # the status is sent; an event can still say what happened
            self._chunk(b"data: " + orjson.dumps(error.body()) + b"\n\n")
            self._chunk(b"")
        except OSError:
            return

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = orjson.dumps(value)
        self._begun = True
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _send_events(self, events: Iterator[dict[str, Any]]) -> None:
        """Server-sent events, each a chunk."""
        self._begun = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.connection.settimeout(_WRITING_S)  # what is too slow ends the connection as a closed one does
        for event in events:
            self._chunk(b"data: " + orjson.dumps(event) + b"\n\n")
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")
        self.connection.settimeout(self.timeout)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses (a broken request line, endless headers), in the same JSON."""
        self.close_connection = True
        self._send(code, ApiError(code, message or HTTPStatus(code).phrase).body())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """One line a request."""
        self.server.log(f"{self.command or '-'} {getattr(self, 'path', '-')} {int(code)}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing beyond the lines of `log_request`."""


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
