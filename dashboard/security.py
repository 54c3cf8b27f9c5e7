"""Who may reach the dashboard, and what a page may load: itself, and nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dashboard import pagehead
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def names(host: str) -> list[str]:
    """The names by which requests may call the server: a page of the web that resolves its own name to this machine
    must not be let in. Where others reach it, it has names that only they know."""
    named = f"[{host}]" if ":" in host else host  # as a request writes an address of IPv6
    return ["localhost", "127.0.0.1", named] if is_loopback(host) else ["*"]


def check_exposure(host: str, *, login: bool, unsafe: bool) -> None:
    """UserError (exit 2) for an address that others reach, unless they log in or the user says that it is safe."""
    if is_loopback(host) or login or unsafe:
        return
    raise UserError(
        f"--host {host} shows the runs to everybody who reaches this machine, and nobody would have to log in",
        hint="set up OIDC in .streamlit/secrets.toml (docs/dashboard.md), forward the port over ssh, or, on a network "
        "that you trust whole, add --unsafe-allow-unauthenticated",
        code=Exit.USAGE,
    )


def may_enter(user: Mapping[str, object], allow: Sequence[str]) -> bool:
    """Whether one who has logged in is let in: the verified address, or its domain, is in `allow`."""
    if not allow:
        return True
    mail = str(user.get("email") or "").lower()
    if user.get("email_verified") is False or mail.count("@") != 1:
        return False
    return any(mail == each.lower() or (each.startswith("@") and mail.endswith(each.lower())) for each in allow)


def policy(host: str, port: int) -> str:
    """The Content-Security-Policy of every page. Streamlit needs inline scripts and eval (its chart library compiles
    expressions); requests, pictures and forms may go nowhere but here."""
    sockets = (
        f"ws://{host}:{port} wss://{host}:{port}" if not is_loopback(host) else "ws://127.0.0.1:* ws://localhost:*"
    )
    return (
        "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        f"worker-src 'self' blob:; connect-src 'self' {sockets}; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-src 'none'; frame-ancestors 'none'"
    )


# Of requests for a page. What is compressed cannot be added to; and what Streamlit calls unchanged is its own file,
# without our part, which may be another one since.
_DROPPED = {b"accept-encoding", b"if-none-match", b"if-modified-since"}
_OF_THE_FILE = {b"etag", b"last-modified"}


class SafeHeaders:
    """ASGI middleware that puts the headers on every answer that does not bring them, and our part into the pages."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        if any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in _DROPPED]}
        start: list[Message] = []

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_sealed(message):
                await send(self._with_headers(message))
                return
            if message["type"] == "http.response.start":
                start.append(self._with_headers(message))
                return
            if start:
                message = _with_head(start[0], message)
                await send(start.pop())
            await send(message)

        await self._app(scope, receive, send_safely)

    def _with_headers(self, message: Message) -> Message:
        had = {name.lower() for name, _ in message.get("headers", ())}
        extra = [(name, value) for name, value in self._headers if name not in had]
        return {**message, "headers": [*message.get("headers", ()), *extra]}


def _is_sealed(start: Message) -> bool:
    """Whether the answer brings a policy of its own: it is a report, not a page of Streamlit's."""
    return any(name.lower() == b"content-security-policy" for name, _ in start.get("headers", ()))


def _with_head(start: Message, body: Message) -> Message:
    """The body, with our part in its head where it is a page; `start` then gets the new length,
    and loses what told Streamlit's file from others."""
    given = {name.lower(): value for name, value in start["headers"]}
    if not given.get(b"content-type", b"").startswith(b"text/html") or body.get("more_body"):
        return body
    if pagehead.HEAD not in body.get("body", b""):
        return body
    content = body["body"].replace(pagehead.HEAD, pagehead.ADDITION, 1)
    replaced = {b"content-length": str(len(content)).encode()}
    start["headers"] = [
        (name, replaced.get(name.lower(), value))
        for name, value in start["headers"]
        if name.lower() not in _OF_THE_FILE
    ]
    return {**body, "body": content}


def headers(host: str, port: int) -> dict[str, str]:
    """What every answer carries."""
    return {
        "Content-Security-Policy": policy(host, port),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def middleware(host: str, port: int) -> list[Middleware]:
    """What every request and answer goes through."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from dashboard.clientfiles import ClientFiles

    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=names(host), www_redirect=False),
        Middleware(SafeHeaders, headers=headers(host, port)),
        Middleware(ClientFiles),
    ]


def server_config(host: str, port: int) -> dict[str, Any]:
    """Streamlit's settings: loopback unless said otherwise, no telemetry, no watching of files, no uploads."""
    config: dict[str, Any] = {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.enableStaticServing": False,
        "server.maxUploadSize": 1,
        "server.maxMessageSize": 20,
        "server.disconnectedSessionTTL": 30,
        "server.enableXsrfProtection": True,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "runner.magicEnabled": False,
        "logger.level": "warning",
    }
    return config | THEME


_SHARED = {
    "theme.font": "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif",
    "theme.codeFont": "ui-monospace, Menlo, Consolas, monospace",
    "theme.baseFontSize": 15,
    "theme.baseRadius": "small",
    "theme.paddingTop": "4rem",
    "theme.linkUnderline": True,
    "theme.headingFontSizes": ["1.7rem", "1.2rem", "1.05rem", "1rem", "0.95rem", "0.9rem"],
}
# Okabe and Ito's palette: told apart with every common colour blindness.
_LIGHT = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#595959", "#8A7A00"]
_DARK = ["#56B4E9", "#E69F00", "#2DC79B", "#E3A1C6", "#F0E442", "#7FB2FF", "#B5B5B5", "#FF8A4C"]
THEME: dict[str, Any] = _SHARED | {
    "theme.light.primaryColor": "#1F6B5C",
    "theme.light.backgroundColor": "#FDFDFB",
    "theme.light.secondaryBackgroundColor": "#F1F3EF",
    "theme.light.textColor": "#1D2024",
    "theme.light.chartCategoricalColors": _LIGHT,
    "theme.dark.primaryColor": "#55B39D",
    "theme.dark.backgroundColor": "#16181B",
    "theme.dark.secondaryBackgroundColor": "#202428",
    "theme.dark.textColor": "#E4E6E3",
    "theme.dark.chartCategoricalColors": _DARK,
}
