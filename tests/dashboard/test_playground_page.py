"""The playground as a visitor meets it, over a server in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from dashboard_app import APP, page, texts
from dashboard_trainings import training

from dashboard import asking, settings

BAD = "<img src=x onerror=alert(1)>\u202e"


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test leaves its settings to another."""
    monkeypatch.setattr(asking, "_PAUSE_S", 0.0)
    yield
    settings.use(settings.Settings())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the playground sends; every answer is hostile and tells probabilities, on port 2 it is an error."""
    sent: list[tuple[str, Any]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "small"}]})
        body = json.loads(request.content)
        sent.append((f"{request.url.port}{request.url.path}", body))
        if request.url.port == 2:
            return httpx.Response(400, json={"error": {"message": BAD}})
        told = {"content": [{"token": BAD, "logprob": -1.0, "top_logprobs": []}]}
        choice = {
            "message": {"content": BAD},
            "finish_reason": "stop",
            "logprobs": told if "logprobs" in body else None,
        }
        return httpx.Response(200, json={"choices": [choice]})

    monkeypatch.setattr(asking, "ask", partial(asking.ask, transport=httpx.MockTransport(respond)))
    return sent


def shared(root: Path, *endpoints: str) -> Any:
    from streamlit.testing.v1 import AppTest

    settings.use(settings.Settings(root=root, shared=True, endpoints=endpoints))
    return AppTest.from_file(str(APP), default_timeout=60).switch_page("app_pages/playground.py").run()


def test_a_conversation_with_two_models(tmp_path: Path, asked: list[tuple[str, Any]]) -> None:
    app = page("playground", tmp_path, two="true", temperature="0.5", seed="7", longest="20")
    app.text_input(key="p-url-A").set_value("http://127.0.0.1:1/v1")
    app.text_input(key="p-url-B").set_value("http://127.0.0.1:2/v1")
    app.text_area(key="p-system").set_value("Be kind.")
    app.text_area(key="p-stop").set_value("END\n\nSTOP").run()
    app.chat_input(key="p-prompt").set_value(f"Hello {BAD}").run()
    app.chat_input(key="p-prompt").set_value("Again").run()
    assert not app.exception
    said = texts(app)
    assert "<img" not in said and "\u202e" not in said
    assert said.count("B: HTTP 400: &lt;img src=x") == 2
    assert 'class="tok t2"' in said and "small · ended by itself" in said
    path, body = max((each for each in asked if each[0].startswith("1")), key=lambda each: len(each[1]["messages"]))
    assert path == "1/v1/chat/completions"
    assert body == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": f"Hello {BAD}"},
            {"role": "assistant", "content": BAD},
            {"role": "user", "content": "Again"},
        ],
        "temperature": 0.5,
        "top_p": 1.0,
        "max_tokens": 20,
        "seed": 7,
        "stop": ["END", "STOP"],
        "logprobs": True,
        "top_logprobs": 5,
    }
    other = [body["messages"] for path, body in asked if path.startswith("2")]
    assert [len(messages) for messages in other] == [2, 2]  # what it did not answer is not told again


def test_base_models_continue_a_text(tmp_path: Path, asked: list[tuple[str, Any]]) -> None:
    training(tmp_path, "base", kind="train.pretrain")
    (tmp_path / "base" / "checkpoints" / "step-00000008").mkdir(parents=True)
    (tmp_path / "base" / "checkpoints" / "step-00000008" / "COMPLETE").write_text("{}")
    app = page("playground", tmp_path, mode="completion", probabilities="false")
    app.chat_input(key="p-prompt").set_value("Once upon").run()
    assert asked == [
        (
            "8000/v1/completions",
            {"model": "small", "prompt": "Once upon", "temperature": 1.0, "top_p": 1.0, "max_tokens": 256},
        )
    ]
    assert not app.exception and "tok t" not in texts(app)


def test_no_url_says_where_prompts_and_keys_go(tmp_path: Path, asked: list[tuple[str, Any]]) -> None:
    hostile = {"p-url-A": "http://evil.example/v1", "p-key-A": "OPENAI_API_KEY", "p-prompt": "hi", "url": "http://evil"}
    app = page("playground", tmp_path, **hostile)
    assert app.text_input(key="p-url-A").value == "http://127.0.0.1:8000/v1"
    assert app.text_input(key="p-key-A").value == "" and asked == []


def test_for_others_there_is_a_list(tmp_path: Path, asked: list[tuple[str, Any]]) -> None:
    app = shared(tmp_path)
    assert "dashboard --endpoint http" in texts(app) and not app.chat_input
    app = shared(tmp_path, "http://127.0.0.1:1/v1")
    assert app.selectbox(key="p-url-A").options == ["http://127.0.0.1:1/v1"]
    assert not [each for each in app.text_input if each.key == "p-url-A"]
    app.chat_input(key="p-prompt").set_value("hi").run()
    assert [path for path, _ in asked] == ["1/v1/chat/completions"]
