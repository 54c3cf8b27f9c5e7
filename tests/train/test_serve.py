"""The server over real sockets, by clients of the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import speaking_models
import torch

from train.losses import token_logprobs
from train.sampler import Params
from train.serve import Engine, Server
from train.serve.requests import ApiError
from workbench.errors import UserError

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    torch.set_num_threads(1)
    with Server(Engine(speaking_models.speaker(context=128), "small"), body_limit=100_000) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)


def ask(server: Server, path: str, body: Any = None, method: str = "", **headers: str) -> tuple[int, Any]:
    connection = connect(server)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method or ("GET" if body is None else "POST"), path, data, (JSON if data else {}) | headers)
    answer = connection.getresponse()
    status, read = answer.status, answer.read()
    connection.close()
    return status, json.loads(read) if read else None


def complete(server: Server, **body: Any) -> Any:
    status, answer = ask(server, "/v1/completions", {"model": "small", **body})
    assert status == 200, answer
    return answer


def events(server: Server, path: str, body: Any) -> list[Any]:
    connection = connect(server)
    connection.request("POST", path, json.dumps(body | {"stream": True}), JSON)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = answer.read().decode().split("\n\n")
    connection.close()
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_models(server: Server) -> None:
    status, listed = ask(server, "/v1/models")
    assert status == 200
    assert [each["id"] for each in listed["data"]] == ["small"]
    assert listed["data"][0]["max_model_len"] == 128
    assert listed["data"][0]["fingerprint"] == server.engine.opened.digest
    assert ask(server, "/v1/models/small") == (200, listed["data"][0])
    assert ask(server, "/v1/models/large")[0] == 404
    assert ask(server, "/health") == (200, {"status": "ok"})


def test_a_completion(server: Server) -> None:
    body = {"prompt": "the quick", "max_tokens": 12, "seed": 3}
    answer = complete(server, **body)
    assert answer["object"] == "text_completion"
    [choice] = answer["choices"]
    assert choice["index"] == 0 and choice["logprobs"] is None
    assert choice["finish_reason"] == "length"
    read = len(speaking_models.tokenizer().encode("the quick")) + 1  # the begin of text
    assert answer["usage"] == {"prompt_tokens": read, "completion_tokens": 12, "total_tokens": read + 12}
    assert complete(server, **body)["choices"] == answer["choices"]
    assert complete(server, **body | {"seed": 4})["choices"] != answer["choices"]
    assert complete(server, prompt="the")["usage"]["completion_tokens"] <= 16
    # Without a seed no two answers need be the same.
    free = [complete(server, prompt="the", max_tokens=20)["choices"][0]["text"] for _ in range(3)]
    assert len(set(free)) > 1


def test_several_prompts_and_choices(server: Server) -> None:
    together = complete(server, prompt=["one", "two three"], n=2, seed=5, max_tokens=10)["choices"]
    assert [each["index"] for each in together] == [0, 1, 2, 3]
    alone = [complete(server, prompt=text, n=2, seed=5, max_tokens=10)["choices"] for text in ("one", "two three")]
    assert [each["text"] for each in together] == [each["text"] for choices in alone for each in choices]


def test_echo_gives_the_log_probabilities_of_a_full_forward(server: Server) -> None:
    opened = speaking_models.speaker(context=128)
    text = "über den 🤖 Hügeln"
    ids = opened.tokenizer.encode(text)
    whole = torch.tensor([[opened.tokenizer.bos, *ids]])
    with torch.no_grad():
        wanted = token_logprobs(opened.model(whole)[:, :-1], opened.model.head, whole[:, 1:])[0].tolist()
    [choice] = complete(server, prompt=text, max_tokens=0, echo=True, logprobs=2)["choices"]
    found = choice["logprobs"]
    assert choice["text"] == text and choice["finish_reason"] == "length"
    assert found["token_logprobs"] == pytest.approx(wanted, abs=1e-5)
    assert len(found["tokens"]) == len(found["top_logprobs"]) == len(found["text_offset"]) == len(ids)
    assert all(len(top) in (2, 3) for top in found["top_logprobs"])
    assert all(
        text[offset:].startswith(name)
        for name, offset in zip(found["tokens"], found["text_offset"], strict=True)
        if "bytes:" not in name
    )
    assert any(name.startswith("bytes:") for name in found["tokens"])
    # Tokens are taken as they are, so nothing stands before the first.
    [choice] = complete(server, prompt=[opened.tokenizer.bos, *ids], max_tokens=0, echo=True, logprobs=1)["choices"]
    assert choice["logprobs"]["token_logprobs"][0] is None
    assert choice["logprobs"]["token_logprobs"][1:] == pytest.approx(wanted, abs=1e-5)
    assert choice["logprobs"]["top_logprobs"][0] is None
    assert choice["text"] == text


def test_log_probabilities_of_what_was_written(server: Server) -> None:
    [choice] = complete(server, prompt="one", max_tokens=15, temperature=0, logprobs=3, echo=True)["choices"]
    own = len(speaking_models.tokenizer().encode("one"))
    found = choice["logprobs"]
    for value, top in zip(found["token_logprobs"][own:], found["top_logprobs"][own:], strict=True):
        assert value == max(top.values())
    offsets = found["text_offset"]
    assert offsets == sorted(offsets) and offsets[own] == 3
    [scored] = complete(server, prompt="one", max_tokens=15, temperature=0, logprobs=0)["choices"]
    assert scored["logprobs"]["token_logprobs"] == found["token_logprobs"][own:]
    assert all(len(top) == 1 for top in scored["logprobs"]["top_logprobs"])


def test_stop_texts(server: Server) -> None:
    body = {"prompt": "the", "max_tokens": 40, "seed": 8, "logprobs": 0}
    free = complete(server, **body)["choices"][0]
    stop = free["text"][5:8]
    for given in (stop, [stop, "never there"]):
        [choice] = complete(server, **body, stop=given)["choices"]
        assert choice["text"] == free["text"].split(stop)[0]
        assert choice["finish_reason"] == "stop"
        assert all(offset < len(choice["text"]) for offset in choice["logprobs"]["text_offset"])


@pytest.mark.parametrize(
    "more", [{}, {"echo": True}, {"logprobs": 2}, {"logprobs": 1, "echo": True, "stop": ["a", "日"]}]
)
def test_a_stream_brings_the_same_in_pieces(server: Server, more: dict) -> None:
    body = {"model": "small", "prompt": ["日本語", "one"], "max_tokens": 30, "seed": 2, "n": 2, **more}
    whole = complete(server, **body)
    found = events(server, "/v1/completions", body | {"stream_options": {"include_usage": True}})
    assert found[-1]["choices"] == [] and found[-1]["usage"] == whole["usage"]
    for wanted in whole["choices"]:
        own = [each for event in found for each in event["choices"] if each["index"] == wanted["index"]]
        assert "".join(each["text"] for each in own) == wanted["text"]
        assert [each["finish_reason"] for each in own[:-1]] == [None] * (len(own) - 1)
        assert own[-1]["finish_reason"] == wanted["finish_reason"]
        if wanted["logprobs"] is None:
            assert all(each["logprobs"] is None for each in own)
            continue
        for name, values in wanted["logprobs"].items():
            assert [value for each in own for value in each["logprobs"][name]] == values, name
    assert len({event["id"] for event in found}) == 1


def test_chat(server: Server) -> None:
    opened = speaking_models.speaker(context=128)
    messages = [{"role": "system", "content": "short"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    body = {
        "model": "small",
        "messages": messages,
        "seed": 1,
        "max_completion_tokens": 20,
        "logprobs": True,
        "top_logprobs": 2,
    }
    status, answer = ask(server, "/v1/chat/completions", body)
    assert status == 200 and answer["object"] == "chat.completion"
    [choice] = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert all(len(each["top_logprobs"]) == 2 for each in choice["logprobs"]["content"])
    plain = [messages[0], {"role": "user", "content": "hi"}]
    same = complete(server, prompt=opened.chat_prompt(plain), seed=1, max_tokens=20, stop_token_ids=opened.chat_ends())
    assert same["choices"][0]["text"] == choice["message"]["content"]
    assert same["usage"] == answer["usage"]
    found = events(server, "/v1/chat/completions", body)
    assert found[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in found) == choice["message"]["content"]
    assert found[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]
    entries = [entry for event in found for entry in event["choices"][0]["logprobs"]["content"]]
    assert entries == choice["logprobs"]["content"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{no json", 400, None),
        (b'"text"', 400, None),
        (b"[" * 90_000, 400, None),
        ({"model": "other", "prompt": "a"}, 404, "model"),
        ({}, 400, "prompt"),
        ({"prompt": ""}, 200, None),
        ({"prompt": []}, 400, "prompt"),
        ({"prompt": [[]]}, 400, None),
        ({"prompt": ["a", [1]]}, 400, "prompt"),
        ({"prompt": [1, True]}, 400, "prompt"),
        ({"prompt": [10**9]}, 400, None),
        ({"prompt": "a", "max_tokens": -1}, 400, "max_tokens"),
        ({"prompt": "a", "max_tokens": "5"}, 400, "max_tokens"),
        ({"prompt": "a", "temperature": -1}, 400, "temperature"),
        ({"prompt": "a", "temperature": 1e-40, "max_tokens": 2, "logprobs": 1, "echo": True}, 200, None),
        ({"prompt": "a", "top_p": 0}, 400, "top_p"),
        ({"prompt": "a", "n": 0}, 400, "n"),
        ({"prompt": ["a"] * 300, "n": 2}, 400, "n"),
        ({"prompt": "a", "logprobs": 21}, 400, "logprobs"),
        ({"prompt": "a", "stop": [""]}, 400, "stop"),
        ({"prompt": "a", "tempreature": 1}, 400, "tempreature"),
        ({"prompt": "a", "presence_penalty": 0.5}, 400, "presence_penalty"),
        ({"prompt": "a", "presence_penalty": 0, "user": "me", "suffix": None, "max_tokens": None}, 200, None),
        ({"prompt": [40] * 128}, 400, None),
        ({"prompt": [40] * 128, "max_tokens": 0, "echo": True}, 200, None),
        ({"prompt": "word " * 500, "stream": True}, 400, None),
        ({"prompt": "x" * 100_001}, 413, None),
    ],
)
def test_what_is_wrong_is_told(server: Server, body: Any, status: int, param: str | None) -> None:
    found, answer = ask(server, "/v1/completions", body)
    assert found == status, answer
    if status != 200:
        error = answer["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["param"] == param
        assert error["type"] == "invalid_request_error" and error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        {"messages": [{"role": "user", "content": "hi"}], "tools": [{}]},
        {"messages": [{"role": "user", "content": "hi " * 200}]},
    ],
)
def test_chats_that_are_wrong(server: Server, body: Any) -> None:
    status, answer = ask(server, "/v1/chat/completions", body)
    assert status == 400, answer
    assert answer["error"]["type"] == "invalid_request_error"


def test_ways_and_methods(server: Server) -> None:
    assert ask(server, "/v1/nothing")[0] == 404
    assert ask(server, "/v1/nothing", {})[0] == 404
    assert ask(server, "/v1/completions")[0] == 405
    assert ask(server, "/v1/models", {})[0] == 405
    assert ask(server, "/v1/completions", method="DELETE")[0] == 405
    assert ask(server, "/v1/completions", method="BREW")[0] == 501
    assert ask(server, "/v1/completions", b'{"prompt": "a"}', **{"Content-Type": "text/plain"})[0] == 415
    for digits, status in (("9" * 5_000, 413), ("0" * 5_000 + "15", 200), ("100001", 413)):
        assert ask(server, "/v1/completions", b'{"prompt": "a"}', **{"Content-Length": digits})[0] == status
    assert ask(server, "/v1/completions", b"", **{"Transfer-Encoding": "chunked", "Content-Length": "x"})[0] == 411


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:9"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://localhost:8501"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
    ],
)
def test_pages_of_other_sites_are_refused(server: Server, headers: dict[str, str], status: int) -> None:
    found, answer = ask(server, "/v1/models", **headers)
    assert found == status
    assert ask(server, "/v1/completions", {"prompt": "a", "max_tokens": 1}, **headers)[0] == status
    assert "error" in answer or status == 200


def test_a_connection_serves_several_requests(server: Server) -> None:
    connection = connect(server)
    for body in ({"prompt": "a", "max_tokens": 2}, {"prompt": "b", "max_tokens": 2, "stream": True}, {"prompt": "c"}):
        connection.request("POST", "/v1/completions", json.dumps(body), JSON)
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    connection.close()


def test_concurrent_requests_get_what_they_get_alone(server: Server) -> None:
    bodies = [
        {"prompt": text, "max_tokens": 25, "seed": seed, "n": 1 + seed % 3, "logprobs": 1, "echo": seed % 2 == 0}
        for seed in range(6)
        for text in ("one two", "日本語の文章", "the lazy dog jumps over the quick brown fox")
    ]
    alone = [complete(server, **body)["choices"] for body in bodies]
    with ThreadPoolExecutor(18) as pool:
        together = list(pool.map(lambda body: complete(server, **body)["choices"], bodies))
    assert together == alone


def test_a_short_request_does_not_wait_for_a_long_one(server: Server) -> None:
    order = []

    def go(name: str, body: dict[str, Any]) -> None:
        complete(server, **body)
        order.append(name)

    started = threading.Thread(target=go, args=("long", {"prompt": ["a"] * 200, "max_tokens": 120, "ignore_eos": True}))
    started.start()
    while server.engine._present == 0:
        time.sleep(0.001)
    go("short", {"prompt": "b", "max_tokens": 3})
    started.join()
    assert order == ["short", "long"]


def test_a_client_that_goes_is_not_served_on(server: Server) -> None:
    before = server.engine.tokens
    connection = connect(server)
    body = {"prompt": ["a"] * 400, "max_tokens": 120, "ignore_eos": True}
    connection.request("POST", "/v1/completions", json.dumps(body), JSON)
    while server.engine.tokens == before:
        time.sleep(0.001)
    connection.close()
    while server.engine._present:
        time.sleep(0.001)
    assert server.engine.tokens - before < 400 * 120


def test_who_waits_sees_the_client_go_and_the_server_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.serve.engine._AT_ONCE", 1)
    engine = Engine(speaking_models.speaker(context=128), "small")

    def run(gone: bool = False) -> Iterator[Any]:
        return engine.run([[40]], Params(max_new=5, ignore_eos=True), seed=1, n=1, echo=False, gone=lambda: gone)

    first = run()
    next(first)  # holds the only place, and reads no further
    with pytest.raises(ApiError) as caught:
        next(run(gone=True))
    assert caught.value.status == 499 and engine._present == 1
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(list, run()) for _ in range(2)]
        while engine._present < 3:
            time.sleep(0.001)
        first.close()  # the places go round, and none was lost with who went away
        assert [len(each.result(60)) for each in waiting] == [5, 5]
    second = run()
    next(second)
    engine.stop()
    with pytest.raises(ApiError) as caught:
        next(run())
    assert caught.value.status == 503


def test_a_client_that_reads_no_more_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.serve.engine._AT_ONCE", 1)
    monkeypatch.setattr("train.serve.http._WRITING_S", 0.2)
    engine = Engine(speaking_models.speaker(context=128), "small")
    body = {"prompt": ["a"] * 256, "max_tokens": 120, "ignore_eos": True, "logprobs": 20, "stream": True}
    with Server(engine) as made, socket.socket() as raw:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", made.server_address[1]))
        data = json.dumps(body).encode()
        raw.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        raw.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        while engine.tokens == 0:
            time.sleep(0.001)
        began = time.monotonic()
        complete(made, prompt="b", max_tokens=2)
        assert time.monotonic() - began < 40  # and not the minute that a connection may be idle
        assert engine.tokens < 256 * 120
        made.shutdown()
        thread.join()


def test_half_requests_and_noise(server: Server) -> None:
    port = server.server_address[1]
    for noise in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n",
        b"GET " + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(noise)
            said = b""
            while b"error" not in said:
                piece = raw.recv(100_000)
                assert piece, said
                said += piece
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1000) == b""
    assert ask(server, "/health")[0] == 200


def test_an_address_in_use(server: Server) -> None:
    with pytest.raises(UserError, match="in use") as error:
        Server(server.engine, port=server.server_address[1])
    assert "--port" in error.value.hint
    with pytest.raises(UserError, match="cannot listen"):
        Server(server.engine, host="192.0.2.1")


def test_other_addresses_take_any_host_but_no_foreign_page() -> None:
    engine = Engine(speaking_models.speaker(context=128), "small")
    with Server(engine, host="0.0.0.0") as open_to_all:
        thread = threading.Thread(target=open_to_all.serve_forever, args=(0.01,))
        thread.start()
        assert ask(open_to_all, "/v1/models", Host="box.example:8000")[0] == 200
        assert ask(open_to_all, "/v1/models", Host="box.example", Origin="http://box.example:80")[0] == 200
        assert ask(open_to_all, "/v1/models", Host="box.example", Origin="http://evil.example")[0] == 403
        open_to_all.shutdown()
        thread.join()


def test_the_end_of_the_server_ends_its_requests() -> None:
    engine = Engine(speaking_models.speaker(context=128), "small")
    with ThreadPoolExecutor(1) as pool:
        with Server(engine) as ending:
            thread = threading.Thread(target=ending.serve_forever, args=(0.01,))
            thread.start()
            body = {"prompt": ["a"] * 400, "max_tokens": 120, "ignore_eos": True}
            asked = pool.submit(ask, ending, "/v1/completions", body)
            while engine.tokens == 0:
                time.sleep(0.001)
            ending.shutdown()
            thread.join()
        status, answer = asked.result()
    assert status == 503 and answer["error"]["type"] == "server_error"
