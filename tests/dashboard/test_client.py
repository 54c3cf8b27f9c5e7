"""How our server sends the files of Streamlit's client."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.clientfiles import ClientFiles

streamlit = pytest.importorskip("streamlit")
BUILD = Path(streamlit.__file__).with_name("static")


@pytest.fixture
def client() -> TestClient:
    async def other(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"Streamlit's own: {request.scope['path']}")

    return TestClient(ClientFiles(Starlette(routes=[Route("/{path:path}", other, methods=["GET", "HEAD"])])))


def test_files_of_the_client_come_whole_and_stay_in_the_browser(client: TestClient) -> None:
    for suffix, kind in ((".js", "text/javascript"), (".css", "text/css"), (".woff2", "font/woff2")):
        path = next(iter(sorted((BUILD / "static").rglob(f"*{suffix}"))))
        for _ in range(2):  # from the disk, then from memory
            answer = client.get(f"/{path.relative_to(BUILD).as_posix()}")
            assert answer.content == path.read_bytes() and answer.headers["content-type"].startswith(kind)
            assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/static/",
        "/static/js",
        "/static/js/nothing.js",
        "/static/%2e%2e/index.html",  # plain dots are taken out before they are sent
        "/static/%2e%2e/manifest.json",
        "/static/%2e%2e%2fstatic/js/%2e%2e/%2e%2e/index.html",
    ],
)
def test_any_other_name_is_streamlits_affair(client: TestClient, path: str) -> None:
    assert client.get(path).text == f"Streamlit's own: {unquote(path)}"
