"""Who may reach it, what pages may load, and what our own code never does."""

from __future__ import annotations

import ast
import asyncio
import importlib.metadata
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dashboard
from dashboard import security
from workbench.errors import UserError

PACKAGE = Path(dashboard.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_loopback_needs_no_login(host: str) -> None:
    security.check_exposure(host, login=False, unsafe=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "127.0.0.1.example.org"])
def test_other_addresses_need_a_login_or_the_flag(host: str) -> None:
    with pytest.raises(UserError, match="nobody would have to log in"):
        security.check_exposure(host, login=False, unsafe=False)
    security.check_exposure(host, login=True, unsafe=False)
    security.check_exposure(host, login=False, unsafe=True)


def test_only_those_who_are_allowed_enter() -> None:
    allow = ("Ann@example.org", "@example.com")
    assert security.may_enter({"email": "anybody@else.example"}, ())
    assert security.may_enter({"email": "ann@Example.org"}, allow)
    assert security.may_enter({"email": "bob@example.com", "email_verified": True}, allow)
    for email in ("bob@example.org", "x@notexample.com", "a@example.com@evil.example", "@example.com@x.example", ""):
        assert not security.may_enter({"email": email}, allow)
    assert not security.may_enter({"email": "ann@example.org", "email_verified": False}, allow)
    assert not security.may_enter({}, allow)


def _ended(*arguments: str) -> int:
    from dashboard.cli import app

    return int(app([*arguments, "--json"], prog_name="dashboard", standalone_mode=False) or 0)


def test_the_command_refuses_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    root = str(tmp_path)
    assert _ended("--host", "0.0.0.0", "--root", root) == 2
    assert "nobody would have to log in" in capsys.readouterr().err
    (tmp_path / "file").write_text("x")
    assert _ended("--root", str(tmp_path / "file")) == 4
    assert _ended("--root", root, "--run", "nothing") == 4
    assert _ended("--root", root, "--port", "99999") == 2
    assert _ended("serve") == 2
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text("[auth")
    assert _ended("--root", root) == 2


def test_a_taken_port_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("streamlit")
    monkeypatch.chdir(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert _ended("--root", str(tmp_path), "--port", str(other.getsockname()[1])) == 5


def test_nothing_is_loaded_from_elsewhere() -> None:
    policy = security.policy("127.0.0.1", 8501)
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
    assert "http:" not in policy and "https:" not in policy and "*;" not in policy.replace(":*;", ";")
    config = security.server_config("127.0.0.1", 8501)
    assert config["browser.gatherUsageStats"] is False
    assert "*" not in security.names("127.0.0.1") and security.names("0.0.0.0") == ["*"]
    assert "[::1]" in security.names("::1")  # as a browser writes it
    assert config["client.showErrorDetails"] == "none"


def _answer(kind: str, body: bytes, *headers: tuple[bytes, bytes]) -> tuple[dict[bytes, bytes], bytes]:
    """What the middleware makes of an application that answers so."""
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        length = (b"content-length", str(len(body)).encode())
        given = [(b"content-type", kind.encode()), length, *headers]
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": body})

    async def keep(message: Any) -> None:
        sent.append(message)

    wrapped = security.SafeHeaders(application, security.headers("127.0.0.1", 8501))
    scope = {"type": "http", "headers": [(b"accept", b"text/html"), (b"accept-encoding", b"gzip")]}
    asyncio.run(wrapped(scope, None, keep))  # type: ignore[arg-type]
    return dict(sent[0]["headers"]), sent[1]["body"]


def test_every_answer_carries_the_headers() -> None:
    headers, body = _answer("application/json", b"{}")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert body == b"{}"


def test_an_answer_keeps_its_own_policy() -> None:
    headers, _ = _answer("text/plain", b"x", (b"content-security-policy", b"sandbox"))
    assert headers[b"content-security-policy"] == b"sandbox"


def test_a_page_is_sent_anew_whatever_the_browser_had(tmp_path: Path) -> None:
    static = pytest.importorskip("starlette.staticfiles")
    testing = pytest.importorskip("starlette.testclient")
    (tmp_path / "index.html").write_text("<html><head></head></html>")
    files = static.StaticFiles(directory=tmp_path, html=True)
    had = testing.TestClient(files).get("/").headers
    client = testing.TestClient(security.SafeHeaders(files, security.headers("127.0.0.1", 8501)))
    for condition in ({"If-None-Match": had["etag"]}, {"If-Modified-Since": had["last-modified"]}):
        answer = client.get("/", headers={"Accept": "text/html", **condition})
        assert answer.status_code == 200 and "window.__streamlit" in answer.text
        assert "etag" not in answer.headers and "last-modified" not in answer.headers


def test_pages_know_their_server() -> None:
    headers, body = _answer("text/html; charset=utf-8", b"<html><head><title>x</title></head></html>")
    assert b"<head><script>\nwindow.__streamlit" in body
    assert headers[b"content-length"] == str(len(body)).encode()


FORBIDDEN = {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_code_of_ours_lets_text_become_markup_or_code(path: Path) -> None:
    source = path.read_text("utf-8")
    for word in (
        "unsafe_allow_html",
        "unsafe_allow_javascript",
        "components.v1",
        "pickle",
        "st.iframe",
        "shell=True",
        ".map_elements(",
    ):
        assert word not in source, word
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        assert name not in FORBIDDEN
        if name == "st.html":
            assert path.name == "texts.py"
        if name in {"st.markdown", "st.write", "st.caption", "st.title", "st.header", "st.subheader"}:
            for argument in node.args:
                for part in _markdown(argument):
                    _harmless(part, path)


# What may stand in Markdown: numbers with a format, names made harmless, and words of our own.
_MADE_SAFE = {"texts.label", "label", "count", "percent", "duration", "size", "len", "short"}


def _markdown(node: ast.AST) -> Iterator[ast.FormattedValue]:
    """What is put into Markdown, but for what a function makes harmless as a whole."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _MADE_SAFE:
        return
    if isinstance(node, ast.FormattedValue):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _markdown(child)


def _harmless(part: ast.FormattedValue, path: Path) -> None:
    value = part.value
    words = isinstance(value, ast.IfExp) and all(isinstance(each, ast.Constant) for each in (value.body, value.orelse))
    safe = isinstance(value, ast.Call) and ast.unparse(value.func) in _MADE_SAFE
    assert words or safe or part.format_spec is not None, f"{path.name}: {ast.unparse(value)} in Markdown"


def test_no_module_shadows_another() -> None:
    """Streamlit puts the folder of the entry script first on the path."""
    names = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    names -= {"__init__", "__main__", "__pycache__"}
    taken = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    taken |= {"workbench", "curate", "train", "evalkit", "dashboard", "tests"}
    assert not names & taken


def test_pages_never_import_torch() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in {"torch", "transformers"} for name in names), path
