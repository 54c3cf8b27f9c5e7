from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
import speaking_models

from train.ask import Chosen, How, Own, Voice, VoiceSettings, once, open_voice
from workbench.errors import Exit, UserError
from workbench.recipes import from_values, resolve

ENDPOINT = {"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1, "concurrency": 1, "price": {"prompt": 1e6}}


def remote(tmp_path: Path, reply: Any, **settings: Any) -> tuple[Voice, list[dict[str, Any]]]:
    asked: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        found = reply(asked[-1])
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    given = resolve(VoiceSettings, [from_values({"endpoint": ENDPOINT, **settings}, "test")]).recipe
    return open_voice(given, tmp_path, transport=httpx.MockTransport(handle)), asked


def test_a_server_is_asked_for_text_or_chat(tmp_path: Path) -> None:
    def chat(body: dict[str, Any]) -> dict[str, Any]:
        usage = {"prompt_tokens": 3, "completion_tokens": 1}
        choice = {"message": {"content": f"seed {body['seed']}"}, "finish_reason": "length"}
        return {"choices": [choice], "usage": usage}

    voice, asked = remote(tmp_path, chat)
    said = voice.say(["hi", "hi", "ho"], How(max_new=5, stop=("x",)), seed=7)
    assert [(one.text, one.reason) for one in said] == [
        ("seed 7", "length"),
        ("seed 8", "length"),
        ("seed 7", "length"),
    ]
    assert {"max_tokens": 5, "stop": ["x"], "messages": [{"role": "user", "content": "ho"}]}.items() <= asked[
        -1
    ].items()
    assert voice.account.cost == 9
    assert voice.forecast(["hi" * 8], How(max_new=5)).completion_tokens == 5
    voice.close()


def test_a_server_that_tells_likelihoods_chooses_softly(tmp_path: Path) -> None:
    def chat(body: dict[str, Any]) -> dict[str, Any]:
        top = [
            {"token": token, "logprob": math.log(p)} for token, p in (("A", 0.3), (" A", 0.3), ("B", 0.2), ("C", 0.1))
        ]
        choice = {"message": {"content": "A"}, "logprobs": {"content": [{"top_logprobs": top}]}}
        return {"choices": [choice]}

    voice, asked = remote(tmp_path / "1", chat)
    assert voice.choose(["?"], ("A", "B"))[0].shares == pytest.approx([0.75, 0.25])
    assert (asked[0]["logprobs"], asked[0]["max_tokens"]) == (True, 1)

    def text(body: dict[str, Any]) -> dict[str, Any]:
        told = {"top_logprobs": [{" B": math.log(0.9), " A": math.log(0.1)}]}
        return {"choices": [{"text": " B", "logprobs": told}]}

    assert remote(tmp_path / "2", text, chat=False)[0].choose(["?"], ("A", "B"))[0].shares == pytest.approx([0.1, 0.9])
    for said, chosen in (("B.", Chosen([0, 1])), ("Neither", Chosen(error="the answer begins with none of A, B"))):
        body = {"choices": [{"message": {"content": said}}]}
        assert remote(tmp_path / said, lambda _: body)[0].choose(["?"], ("A", "B")) == [chosen]  # noqa: B023
    for status, hint in (
        (500, "run the same command again"),
        (400, "the server refused what it was asked"),
        (429, "run"),
    ):
        with pytest.raises(UserError, match=f"m failed on all 1 requests; the first: HTTP {status}") as caught:
            remote(tmp_path / str(status), lambda body: status)[0].choose(["?"], ("A", "B"))  # noqa: B023
        assert caught.value.hint.startswith(hint) and caught.value.code == Exit.PARTIAL


def test_a_model_of_ones_own() -> None:
    voice = Own("own", speaking_models.speaker(), chat=True)
    how = How(max_new=4)
    said = voice.say(["one", "two", "one"], how, seed=1)
    assert said[0].text != said[2].text
    assert voice.say(["two"], how, seed=1) == [said[1]]
    assert voice.say(["six " * 99], how)[0].error
    assert voice.account.failed == 1
    chosen = voice.choose(["one", "six " * 99, "two"], ("A", "B", "C"))
    assert chosen.pop(1) == Chosen(error="longer than the 96 tokens that own reads")
    assert [sum(one.shares) for one in chosen] == pytest.approx([1, 1])
    assert voice.choose(["two"], ("A", "B", "C"))[0].shares == pytest.approx(chosen[1].shares, rel=1e-5)
    assert (
        Own("own", speaking_models.speaker(), chat=False).say([[{"role": "user", "content": "a"}]], how)[0].error
        is None
    )


def test_either_a_model_or_a_server() -> None:
    with pytest.raises(UserError, match="either a model of your own"):
        resolve(VoiceSettings, [from_values({}, "test")])


def test_made_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.json"
    assert once(path, lambda: {"a": 1}) == {"a": 1}
    assert once(path, lambda: {"a": 2}) == {"a": 1}
    path.write_text('{"a":')
    assert once(path, lambda: {"a": 3}) == {"a": 3}
