from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from workbench.endpoints import Client, Endpoint, Price, Request, cache, chat, completion, forecast
from workbench.endpoints.cache import Cache
from workbench.errors import Exit, UserError
from workbench.events import Event

URL = "http://127.0.0.1:9/v1"


def endpoint(**settings: Any) -> Endpoint:
    return Endpoint(url=URL, model="small", **settings)


def answer(text: str = "yes", **fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    return {"choices": [{"text": text, "finish_reason": "stop"}], "usage": usage, **fields}


class Server:
    """Replies in turn, the last one for ever; a reply is a body, (status, body, headers) or an error."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.asked.append(request)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Callable):
            reply = reply(request)
        status, body, headers = (*reply, {})[:3] if isinstance(reply, tuple) else (200, reply, {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, content=content, headers=headers)


def client(server: Server, pauses: list[float] | None = None, **options: Any) -> Client:
    settings = options.pop("settings", endpoint())
    waited = [] if pauses is None else pauses
    return Client(settings, transport=httpx.MockTransport(server), pause=waited.append, **options)


def test_a_completion_and_a_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    said = {"choices": [{"message": {"content": "hello"}, "finish_reason": "length"}]}
    server = Server(answer(), said)
    with client(server) as asking:
        first = asking.one(completion("1 + 1 =", max_tokens=3))
        second = asking.one(chat([{"role": "user", "content": "hi"}]))
    assert (first.text, first.reasons, first.prompt_tokens, first.completion_tokens) == ("yes", ("stop",), 10, 2)
    assert (second.text, second.reasons, second.prompt_tokens) == ("hello", ("length",), 0)
    assert json.loads(server.asked[0].content) == {"model": "small", "prompt": "1 + 1 =", "max_tokens": 3}
    assert [str(each.url) for each in server.asked] == [f"{URL}/completions", f"{URL}/chat/completions"]
    assert server.asked[0].headers["authorization"] == "Bearer secret"


def test_text_with_lone_surrogates_travels() -> None:
    server = Server(answer())
    with client(server) as asking:
        asking.one(completion("a\ud800"))
    assert json.loads(server.asked[0].content)["prompt"] == "a\ud800"


def test_no_key_no_header_and_no_key_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = Server(answer())
    with client(server) as asking:
        asking.one(completion("a"))
    assert "authorization" not in server.asked[0].headers
    monkeypatch.setenv("KEY", "secret")
    settings = endpoint(key_env="KEY")
    with client(server, settings=settings) as asking:
        asking.one(completion("a"))
        assert "secret" not in repr(asking.account) + repr(settings) + settings.model_dump_json()


def test_a_key_that_no_header_can_carry_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(answer())
    monkeypatch.setenv("KEY", " secret\n")
    with client(server, settings=endpoint(key_env="KEY")) as asking:
        asking.one(completion("a"))
    assert server.asked[0].headers["authorization"] == "Bearer secret"
    for key in ("se\ncret", "secr\u00e9t", "sec\x7fret", "secret\udcff"):
        monkeypatch.setenv("KEY", key)
        with pytest.raises(UserError, match="KEY") as refused:
            client(server, settings=endpoint(key_env="KEY"))
        assert "sec" not in str(refused.value) + refused.value.hint and refused.value.code is Exit.INPUT


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((429, {"error": {"message": "slow down"}}), "HTTP 429: slow down"),
        ((503, b"<html>"), "HTTP 503"),
        ((200, b"garbage"), "the answer is no JSON"),
        ((200, b""), "the answer is no JSON"),
        ([1], "the answer is no JSON object"),
        ({"choices": []}, "the answer has no choices"),
        ({"choices": [3]}, "a choice is no object"),
        ({"choices": [{"text": 3}]}, "a choice has no text"),
        (httpx.ReadTimeout("late"), "no answer within 120 s"),
        (httpx.ConnectError("refused"), "ConnectError: refused"),
    ],
)
def test_passing_troubles_are_tried_again(reply: Any, error: str) -> None:
    pauses: list[float] = []
    with client(Server(reply, reply, answer()), pauses) as asking:
        found = asking.one(completion("a"))
        assert (found.text, found.attempts, found.error) == ("yes", 3, None)
        assert pauses == [0.5, 1.0]
        assert asking.account.retries == 2
    with client(Server(reply), settings=endpoint(attempts=2)) as asking:
        found = asking.one(completion("a"))
        assert (found.text, found.attempts, found.error) == ("", 2, error)
        assert asking.account.failed == 1


def test_the_servers_own_wait_counts() -> None:
    pauses: list[float] = []
    far = (429, {}, {"retry-after": "3000"})
    with client(
        Server((429, {}, {"retry-after": "7"}), far, (429, {}, {"retry-after": "x"}), answer()), pauses
    ) as asking:
        asking.one(completion("a"))
    assert pauses == [7.0, 60.0, 2.0]


def test_a_refused_request_is_an_answer_with_an_error() -> None:
    pauses: list[float] = []
    with client(Server((400, {"error": {"message": "too\nlong"}})), pauses) as asking:
        found = asking.one(completion("a"))
    assert found.error is not None and "\n" not in found.error
    assert (found.attempts, pauses) == (1, [])


def test_redirects_are_not_followed() -> None:
    server = Server((307, {}, {"location": "http://elsewhere/v1/completions"}))
    with client(server) as asking:
        assert asking.one(completion("a")).error == "HTTP 307"
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "word"), [(401, "key"), (403, "access"), (404, "model")])
def test_what_would_refuse_everything_ends_the_job(status: int, word: str) -> None:
    with client(Server((status, {"error": "no"}))) as asking, pytest.raises(UserError, match=f"{word}.*: no") as failed:
        list(asking.ask([completion("a"), completion("b")]))
    assert failed.value.code is Exit.INPUT


def test_answers_come_in_order_whatever_is_ready_first() -> None:
    gate = threading.Event()

    def reply(request: httpx.Request) -> dict[str, Any]:
        prompt = json.loads(request.content)["prompt"]
        if prompt == "0":
            gate.wait(10)
        if prompt == "3":
            gate.set()
        return answer(prompt)

    events: list[Event] = []
    with client(Server(reply)) as asking:
        found = [each.text for each in asking.ask([completion(str(n)) for n in range(4)], events.append)]
    assert found == ["0", "1", "2", "3"]
    assert events[-1].fraction == 1.0


class Endless(Sequence[Request]):
    """So many requests, made when they are asked for."""

    def __init__(self, number: int) -> None:
        self.number, self.made = number, 0

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: Any) -> Any:
        if index >= self.number:
            raise IndexError
        self.made = max(self.made, index + 1)
        return completion(str(index))


def test_a_long_job_is_handed_out_piece_by_piece() -> None:
    requests = Endless(100)
    server = Server(lambda request: answer(json.loads(request.content)["prompt"]))
    with client(server, settings=endpoint(concurrency=2)) as asking:
        coming = asking.ask(requests)
        assert next(coming).text == "0" and requests.made == 16
        assert [each.text for each in coming] == [str(number) for number in range(1, 100)]
        assert len(server.asked) == 100
        broken = asking.ask(Endless(100))
        next(broken)
        broken.close()
        assert len(server.asked) <= 116


def test_the_cache_answers_for_the_same_request_alone(tmp_path: Path) -> None:
    server = Server(answer("one"), answer("two"), answer("three"), answer("four"))
    with client(server, cache=tmp_path / "answers") as asking:
        assert asking.one(completion("a", seed=1)).text == "one"
        again = asking.one(completion("a", seed=1))
        assert (again.text, again.cached, again.attempts) == ("one", True, 0)
        assert asking.one(completion("a", seed=2)).text == "two"
        assert asking.is_cached(completion("a", seed=2)) and not asking.is_cached(completion("b"))
        assert (asking.account.requests, asking.account.cached, asking.account.prompt_tokens) == (3, 1, 20)
    with client(server, cache=tmp_path / "answers", salt="other") as asking:
        assert asking.one(completion("a", seed=1)).text == "three"
    other = endpoint().model_copy(update={"model": "large"})
    with client(server, cache=tmp_path / "answers", settings=other) as asking:
        assert asking.one(completion("a", seed=1)).text == "four"


def test_failures_are_not_cached(tmp_path: Path) -> None:
    with client(Server((400, {}), answer()), cache=tmp_path / "answers") as asking:
        assert asking.one(completion("a")).error == "HTTP 400"
        assert asking.one(completion("a")).text == "yes"


def test_a_damaged_entry_is_asked_again_and_a_foreign_file_refused(tmp_path: Path) -> None:
    import sqlite3

    with client(Server(answer()), cache=tmp_path / "answers") as asking:
        asking.one(completion("a"))
    with sqlite3.connect(tmp_path / "answers") as connection:
        connection.execute("UPDATE answers SET body = x'00'")
    with client(Server(answer("new")), cache=tmp_path / "answers") as asking:
        assert asking.one(completion("a")).text == "new"
    (tmp_path / "foreign").write_text("hello, this is no database at all")
    with pytest.raises(UserError, match="no cache of answers"):
        client(Server(answer()), cache=tmp_path / "foreign")


def test_a_cache_that_cannot_be_used_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    def refused(path: Path) -> UserError:
        with pytest.raises(UserError) as caught:
            Cache(path)
        return caught.value

    (tmp_path / "file").touch()
    assert refused(tmp_path).code is Exit.OUTPUT
    assert refused(tmp_path / "file" / "answers").code is Exit.OUTPUT
    with sqlite3.connect(tmp_path / "other") as connection:
        connection.execute("CREATE TABLE answers (question TEXT)")
    connection.close()
    assert refused(tmp_path / "other").code is Exit.INPUT
    monkeypatch.setattr(cache, "_PATIENCE_S", 0.01)
    with Cache(tmp_path / "answers") as held:
        writer = sqlite3.connect(tmp_path / "answers", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="locked") as caught:
            held.put("a", {})
        assert caught.value.code is Exit.OUTPUT
        writer.execute("DROP TABLE answers")
        writer.execute("COMMIT")
        writer.close()
        with pytest.raises(UserError, match="no cache of answers") as caught:
            held.get("a")
        assert caught.value.code is Exit.INPUT


def test_budget_ends_the_job_and_keeps_what_was_answered(tmp_path: Path) -> None:
    price = Price(prompt=1e5, completion=0)  # 1 for an answer
    settings = endpoint(price=price, budget=2.5, concurrency=1)
    requests = [completion(str(n)) for n in range(5)]
    with client(Server(answer()), settings=settings, cache=tmp_path / "answers") as asking:
        with pytest.raises(UserError, match="used up after 3 requests") as failed:
            list(asking.ask(requests))
        assert failed.value.code is Exit.PARTIAL
        assert asking.account.cost == 3.0
    with client(Server(answer()), cache=tmp_path / "answers") as asking:
        assert [asking.is_cached(each) for each in requests] == [True, True, True, False, False]


def test_rate() -> None:
    pauses: list[float] = []
    with client(Server(answer()), pauses, settings=endpoint(requests_per_minute=6, concurrency=1)) as asking:
        list(asking.ask([completion(str(n)) for n in range(3)]))
    assert [round(each, 1) for each in pauses] == [10.0, 20.0]  # nobody really waits here, so the turns pile up


def test_forecast(tmp_path: Path) -> None:
    settings = endpoint(price=Price(prompt=1.0, completion=4.0))
    requests = [
        completion("x" * 400, max_tokens=50, n=2),
        chat([{"role": "user", "content": "y" * 40}]),
        completion([1, 2]),
    ]
    found = forecast(settings, requests)
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (100 + 10 + 2, 100 + 256 + 256, True)
    assert found.cost == pytest.approx((112 + 4 * 612) / 1e6)
    counted = forecast(settings, requests, count=len, is_cached=lambda each: each is requests[2])
    assert (counted.prompt_tokens, counted.cached, counted.estimated) == (440, 1, False)


@pytest.mark.parametrize("url", ["ftp://a/v1", "host:80", "http://user:pass@host/v1", "http://host/v1?key=1", ""])
def test_addresses(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Endpoint(url=url, model="m")


def test_local() -> None:
    assert endpoint().is_local
    assert not Endpoint(url="https://api.example.org/v1/", model="m").is_local


def test_keys_differ_by_every_part() -> None:
    base = completion("a", max_tokens=1)
    keys = {
        base.key(endpoint(), ""),
        base.key(endpoint(), "salt"),
        completion("a", max_tokens=2).key(endpoint(), ""),
        Request("chat/completions", base.body).key(endpoint(), ""),
        base.key(Endpoint(url=URL, model="other"), ""),
        base.key(Endpoint(url="http://127.0.0.1:10/v1", model="small"), ""),
    }
    assert len(keys) == 6
    assert base.key(endpoint(), "") == base.key(endpoint(timeout_s=1), "")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"data": [{"id": "large"}, {"id": "small", "created": 3, "fingerprint": "a"}]}, {"fingerprint": "a"}),
        ({"data": [{"id": "large"}, 3]}, None),
        ({"data": None}, None),
        (b"garbage", None),
        ((404, {"data": [{"id": "small"}]}), None),
        (httpx.ConnectError("nobody there"), None),
    ],
)
def test_what_a_server_says_of_a_model(reply: Any, expected: dict[str, Any] | None) -> None:
    server = Server(reply)
    with client(server) as asking:
        assert asking.card() == ({} if expected is None else {"id": "small", **expected})
    assert str(server.asked[0].url) == f"{URL}/models"
    assert len(server.asked) <= 2


def test_the_models_that_a_server_lists() -> None:
    with client(Server({"data": [{"id": "large"}, 3, {"id": 4}, {"id": "small"}]})) as asking:
        assert asking.models() == ["large", "small"]
    for reply in ({"data": {"id": "small"}}, (500, {"data": [{"id": "small"}]}), b"<html>"):
        with client(Server(reply)) as asking:
            assert asking.models() == []
