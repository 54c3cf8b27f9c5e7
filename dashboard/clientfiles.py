"""The files of Streamlit's client, from memory: a page asks for more than a hundred of them at once, and reading each
from the disk through threads kept the server busy while the page waited for its own answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# Their names change with their content, so that they never grow old.
_TYPES = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8", ".woff2": b"font/woff2"}
_UNDER = "/static/"


class ClientFiles:
    """ASGI middleware: answers for the files under Streamlit's `static` that were there when it began.

    Names are looked up, and never made into a path. A file stays in memory once it was asked for: 23 MB in all, and
    the five or so that pages of ours need.
    """

    def __init__(self, app: ASGIApp) -> None:
        import streamlit

        self._app = app
        build = Path(streamlit.__file__).with_name("static")
        found = (path for path in (build / _UNDER.strip("/")).rglob("*") if path.suffix in _TYPES and path.is_file())
        self._files = {f"/{path.relative_to(build).as_posix()}": path for path in found}
        self._read: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._files.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if path is None:
            await self._app(scope, receive, send)
            return
        name = scope["path"]
        if name not in self._read:
            self._read[name] = await asyncio.to_thread(path.read_bytes)
        content = self._read[name]
        headers = [
            (b"content-type", _TYPES[path.suffix]),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"public, immutable, max-age=31536000"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
