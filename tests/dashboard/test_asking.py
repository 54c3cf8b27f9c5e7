"""Which servers the playground asks, what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard import asking, playing
from dashboard.asking import Said, Server
from dashboard.odds import Token, read_tokens
from dashboard.settings import Settings
from workbench.endpoints import chat, completion
from workbench.errors import UserError

URL = "http://127.0.0.1:9/v1"
OWN, SHARED = Settings(), Settings(shared=True, endpoints=(URL, "https://models.example/v1"))
ASKED = chat([{"role": "user", "content": "hi"}])
LISTED = {"data": [{"id": "first"}, {"id": "second"}]}


def answer(text: str = "hello", logprobs: Any = None) -> dict[str, Any]:
    choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": logprobs}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}


def says(reply: Any) -> Callable[[httpx.Request], httpx.Response]:
    """A server that lists two models and answers with a body, or with a status and a body."""

    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(reply, Exception):
            raise reply
        if request.method == "GET":
            return httpx.Response(200, json=LISTED)
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    return respond


def one(reply: Any, server: Server = Server(URL), settings: Settings = OWN, **options: Any) -> Said:
    handler = reply if callable(reply) else says(reply)
    return asking.ask([server], [ASKED], settings, 30.0, httpx.MockTransport(handler), **options)[0]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSE_S", 0.0)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (" HTTP://LocalHost:8000/v1/ ", "http://localhost:8000/v1"),
        ("https://models.example:443/v1", "https://models.example/v1"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_address_has_one_form(given: str, address: str) -> None:
    assert asking.address(given) == address


@pytest.mark.parametrize(
    "given",
    [
        *("", "models.example", "file:///etc/passwd", "ftp://a/b", "javascript:alert(1)", "http://", "http://a:99999"),
        *("http://user:key@a/v1", "http://@a/v1", "http://a/v1?key=1", "http://a/v1#x", "http://a b/", "http://a\n/"),
        *("http://a\\@b/", "http://\u0430.example/", "gopher://127.0.0.1:11211/"),
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(UserError):
        asking.address(given)


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:9",
        "http://127.0.0.1:9/v2",
        "http://169.254.169.254/v1",
        "http://models.example/v1",
        "http://x",
    ],
)
def test_for_others_only_the_endpoints_of_the_start_are_asked(given: str) -> None:
    assert asking.allowed(given, OWN) == given
    said = one(AssertionError("it was asked"), Server(given), SHARED)
    assert "asks only the endpoints" in said.problem and "--endpoint" in said.hint
    assert asking.allowed("HTTP://127.0.0.1:9/v1/", SHARED) == URL


def test_an_answer_and_the_first_model_of_the_list() -> None:
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return says(answer())(request)

    said = one(respond)
    assert (said.text, said.model, said.reason, said.prompt_tokens, said.problem) == ("hello", "first", "stop", 3, "")
    assert [str(each.url) for each in asked] == [f"{URL}/models", f"{URL}/chat/completions"]
    assert json.loads(asked[1].content)["model"] == "first"
    assert "authorization" not in asked[1].headers
    assert one(answer(), Server(URL, "named")).model == "named"


def test_a_key_comes_from_the_variable_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "never")
    monkeypatch.setenv("MY_API_KEY", "hidden-key")
    seen: list[str | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return says((400, {"error": {"message": "no such setting"}}))(request)

    said = one(respond, Server(URL, "m", "MY_API_KEY"))
    assert seen == ["Bearer hidden-key"] and "hidden-key" not in repr(said)
    assert said.problem == "HTTP 400: no such setting" and "leave out" in said.hint
    one(respond, Server(URL, "m"))
    assert seen[1:] == [None]


@pytest.mark.parametrize(
    ("url", "variable", "settings", "problem"),
    [
        (URL, "sk-1234", OWN, "not the name of an environment variable"),
        (URL, "NOT_THERE_API_KEY", OWN, "is not set"),
        ("http://models.example/v1", "MY_API_KEY", OWN, "not sent over plain http"),
        (URL, "AWS_SECRET_ACCESS_KEY", SHARED, "WINNOW_ENDPOINT_API_KEY"),
    ],
)
def test_variables_that_are_not_read(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str, settings: Settings, problem: str
) -> None:
    for name in ("MY_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hidden-key")
    said = one(AssertionError("it was asked"), Server(url, "m", variable), settings)
    assert problem in said.problem and "hidden-key" not in repr(said)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (httpx.ConnectError("refused"), "ConnectError: refused"),
        (httpx.ReadTimeout("slow"), "no answer within 30 s"),
        ((400, {"error": {"message": "<b>\u202ebad</b>"}}), "HTTP 400: <b>⟨U+202E⟩bad</b>"),
        ((401, {"error": {"message": "who are you"}}), "refused the key (HTTP 401): who are you"),
        ((404, b""), "knows no such model or address (HTTP 404)"),
        ((429, {"error": "slow down"}), "HTTP 429: slow down"),
        ((302, b""), "HTTP 302"),
        ((500, b"<html>"), "HTTP 500"),
        ((200, b"<html>hello</html>"), "the answer is no JSON"),
        ((200, b"[" * 100_000), "the answer is no JSON"),
        ({"choices": []}, "the answer has no choices"),
    ],
)
def test_what_goes_wrong_is_told(reply: Any, problem: str) -> None:
    said = one(reply, Server(URL, "m"))
    assert problem in said.problem and said.hint and said.text == ""


def test_a_server_that_lists_nothing_needs_a_name() -> None:
    said = one(lambda request: httpx.Response(200, json={"data": "none"}))
    assert said.problem == f"{URL} lists no model"


def test_an_answer_of_ten_megabytes_is_cut() -> None:
    said = one(answer("x" * 10_000_000), Server(URL, "m"))
    assert len(said.text) == asking.LONGEST and said.chars == 10_000_000


def test_two_are_asked_at_once_and_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, both = threading.Event(), threading.Barrier(2)
    monkeypatch.setattr(asking, "wait", lambda coming, timeout: wait(coming[1:]))  # the time is over when one is there

    def respond(request: httpx.Request) -> httpx.Response:
        both.wait(60)  # neither goes on before both are asked
        if request.url.port == 1:
            hanging.wait(60)
        return says(answer())(request)

    servers = [Server("http://127.0.0.1:1/v1", "slow"), Server(URL, "quick")]
    transport = httpx.MockTransport(respond)
    late, quick = asking.ask(servers, [ASKED, completion("a")], OWN, 60.0, transport)
    hanging.set()
    assert late.problem == "no whole answer within 60 s"
    assert quick.text == "hello"


def test_the_command_takes_endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import server
    from dashboard.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    used: list[Settings] = []
    monkeypatch.setattr(server, "serve", lambda settings, host, port, ready: used.append(settings))

    def ended(*arguments: str) -> int:
        return int(app(["--root", str(tmp_path), *arguments], prog_name="dashboard", standalone_mode=False) or 0)

    assert ended("--endpoint", "http://A:8000/v1/", "--endpoint", "http://a:8000/v1") == 0
    assert ended("--host", "0.0.0.0", "--unsafe-allow-unauthenticated") == 0
    assert [(each.endpoints, each.shared) for each in used] == [(("http://a:8000/v1",), False), ((), True)]
    assert ended("--endpoint", "http://user:key@a/v1") == 2
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth]\n")
    assert ended() == 0 and used[-1].shared


CHAT = {
    "content": [
        {
            "token": "A",
            "logprob": -0.5,
            "top_logprobs": [{"token": "B", "logprob": -2}, {"token": "A", "logprob": -0.5}],
        },
        {"token": "<b>\u202e", "logprob": -3.0},
    ]
}
COMPLETION = {
    "tokens": ["A", "<b>\u202e"],
    "token_logprobs": [-0.5, -3.0],
    "top_logprobs": [{"B": -2, "A": -0.5}, None],
    "text_offset": [0, 1],
}
TOKENS = (Token("A", -0.5, (("A", -0.5), ("B", -2.0))), Token("<b>\u202e", -3.0))


def test_probabilities_of_chats_and_completions() -> None:
    assert one(answer(logprobs=CHAT), Server(URL, "m")).tokens == TOKENS
    assert tuple(read_tokens({"choices": [{"logprobs": COMPLETION}]})) == TOKENS


@pytest.mark.parametrize(
    "told",
    [
        *(None, [], 3, {}, {"content": [{"token": "A"}]}, {"content": [{"token": "A", "logprob": "x"}]}),
        *({"content": [{"token": "A", "logprob": 4.0}]}, {"tokens": ["a"], "token_logprobs": []}),
        {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [["b"]]},
    ],
)
def test_probabilities_in_another_form_are_none(told: Any) -> None:
    said = one(answer(logprobs=told), Server(URL, "m"))
    assert (said.text, said.tokens, said.problem) == ("hello", (), "")


def test_tokens_are_text_and_say_their_number() -> None:
    assert playing.shaded(TOKENS) == (
        '<span class="tok t1" title="“A”: 60.7 %; likeliest: “A” 60.7 %, “B” 13.5 %">A</span>'
        '<span class="tok t4" title="“&lt;b&gt;⟨U+202E⟩”: 5.0 %">&lt;b&gt;<span class="hidden">⟨U+202E⟩</span></span>'
    )
    assert playing.probability(-20.0) == "2e-07 %"
