from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from evalkit.models.endpoint import Served
from evalkit.models.open import open_model
from evalkit.models.types import Asking, Decoding, Pair, Prompt, Windows
from train.open import open_model as open_train
from train.serve import Engine, Server
from workbench.endpoints import Endpoint, Price
from workbench.errors import Exit, UserError

PAIRS = [
    Pair("Question: the cat sat on?\nAnswer:", " mat"),
    Pair("Question: the cat sat on?\nAnswer: ", "the old river"),
    Pair("", "the cat"),
]


@pytest.fixture(scope="module")
def address(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tiny Llama behind our own server."""
    opened = open_train(str(tiny), tmp_path_factory.mktemp("root"))
    with Server(Engine(opened, "tiny"), body_limit=100_000) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1#tiny"
        server.shutdown()
        thread.join()


def echoed(prompt: str, cut: tuple[int, ...], **changes: Any) -> dict[str, Any]:
    """A server's answer that cuts the prompt into tokens at these places; each has a log-probability of -1, -2 ..."""
    tokens = [prompt[begin:end] for begin, end in zip((0, *cut), (*cut, len(prompt)), strict=True)] + [" more"]
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [None, *(-float(place) for place in range(1, len(tokens)))],
        "text_offset": [0, *cut, len(prompt)],
        "top_logprobs": [None] + [{"x": -1.5} for _ in tokens[1:]],
    }
    usage = {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1}
    return {"choices": [{"text": prompt + " more", "logprobs": logprobs | changes, "finish_reason": "length"}]} | {
        "usage": usage
    }


def served(reply: Callable[[dict[str, Any]], Any], card: dict[str, Any] | None = None, **said: Any) -> Served:
    """A server that answers by `reply`: a body, or (status, body); card: its entry in the list of models."""

    def transport(request: httpx.Request) -> httpx.Response:
        found = {"data": [card or {}]} if request.method == "GET" else reply(json.loads(request.content))
        status, body = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    endpoint = Endpoint(url="http://127.0.0.1:9/v1", model="m", attempts=1, **said.pop("settings", {}))
    return Served(endpoint, transport=httpx.MockTransport(transport), **said)


def test_a_served_model_says_what_it_says_here(address: str, tiny: Path, tmp_path: Path) -> None:
    here, there = open_model(str(tiny), root=tmp_path), open_model(address, root=tmp_path)
    expected = dict(here.loglikelihoods(PAIRS))
    for number, answer in there.loglikelihoods(PAIRS):
        assert answer.logprob == pytest.approx(expected[number].logprob, abs=1e-4)
        assert answer._replace(logprob=0) == expected[number]._replace(logprob=0)
    [(_, one)], [(_, other)] = (model.rolling(["The cat sat on the mat."], Windows()) for model in (here, there))
    np.testing.assert_allclose(other.logprobs, one.logprobs, atol=1e-5)
    assert other.starts.tolist() == one.starts.tolist()
    there.close()


def test_a_served_model_goes_on_as_it_does_here(address: str, tiny: Path, tmp_path: Path) -> None:
    prompts, decoding = [Prompt("The cat"), Prompt("the old king")], Decoding(max_new=6)
    there = open_model(address, root=tmp_path)
    found = [dict(model.generate(prompts, decoding)) for model in (open_model(str(tiny), root=tmp_path), there)]
    for number in range(2):
        assert [answer.text for answer in found[0][number]] == [answer.text for answer in found[1][number]]
    there.close()


def test_what_is_too_long_for_the_server_fails_alone(address: str, tmp_path: Path) -> None:
    there = open_model(address, root=tmp_path)
    found = dict(there.loglikelihoods([PAIRS[0], Pair("the cat " * 100, "sat")]))
    assert found[0].error is None
    assert "HTTP 400" in str(found[1].error)
    there.close()


def test_answers_are_paid_once(address: str, tmp_path: Path) -> None:
    answers = []
    for cache in (True, True, False):
        model = open_model(address, root=tmp_path, cache=cache)
        forecast = model.forecast(Asking(pairs=PAIRS))
        answers.append((dict(model.loglikelihoods(PAIRS)), forecast.cached, model.account()["cached"]))
        model.close()
    assert answers[0][0] == answers[1][0] == answers[2][0]
    assert [each[1:] for each in answers] == [(0, 0), (3, 3), (0, 0)]


def test_the_continuation_begins_with_the_token_that_reaches_into_it() -> None:
    model = served(lambda body: echoed(body["prompt"], (2, 4)))
    found = dict(model.loglikelihoods([Pair("abcd", "ef"), Pair("abc", "def")]))
    assert (found[0].logprob, found[0].tokens, found[0].greedy) == (-2.0, 1, False)
    assert (found[1].logprob, found[1].tokens, found[1].greedy) == (-3.0, 2, False)


def test_a_token_that_the_server_puts_before_the_text_is_no_part_of_it() -> None:
    def reply(body: dict[str, Any]) -> Any:
        tokens = ["<s>", "ab", "cd", " more"]
        given = {"tokens": tokens, "token_logprobs": [None, -1.0, -2.0, -3.0], "text_offset": [0, 3, 5, 7]}
        return echoed(body["prompt"], (), **given, top_logprobs=[None, {"ab": -1.0}, {"cd": -2.0}, {"x": -3.0}])

    model = served(reply)
    assert dict(model.loglikelihoods([Pair("", "abcd"), Pair("ab", "cd")])) == {
        0: (-3.0, 2, True, 0, None),
        1: (-2.0, 1, True, 0, None),
    }
    [(_, rolled)] = model.rolling(["abcd"], Windows())
    assert (rolled.logprobs.tolist(), rolled.starts.tolist()) == ([-1.0, -2.0], [0, 2])
    [(_, rolled)] = model.rolling(["abcd"], Windows(bos="none"))
    assert (rolled.logprobs.tolist(), rolled.starts.tolist()) == ([-2.0], [2])


def test_a_first_token_without_a_number_is_no_zero() -> None:
    model = served(lambda body: echoed(body["prompt"], (2,)))
    [(_, answer)] = model.loglikelihoods([Pair("", "abcd")])
    assert "no log-probability" in str(answer.error)
    assert math.isnan(answer.logprob)
    [(_, rolled)] = model.rolling(["abcd"], Windows())
    assert (rolled.logprobs.tolist(), rolled.starts.tolist()) == ([-1.0], [2])


def test_parts_of_a_letter_stand_where_the_server_says() -> None:
    given = {
        "tokens": ["bytes:\\xc3", "bytes:\\xa9", " a", " more"],
        "token_logprobs": [None, -1.0, -2.0, -3.0],
        "text_offset": [0, 0, 1, 3],
    }
    model = served(lambda body: echoed(body["prompt"], (), **given, top_logprobs=None))
    [(_, answer)] = model.loglikelihoods([Pair("é", " a")])
    assert (answer.logprob, answer.tokens) == (-2.0, 1)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ((500, {"error": {"message": "on fire"}}), "HTTP 500: on fire"),
        ((429, {}), "HTTP 429"),
        (b"<html>", "the answer is no JSON"),
        ({"choices": []}, "the answer has no choices"),
        (b"", "the answer is no JSON"),
        (echoed("abcd", (2,), token_logprobs=[None, "x", -1.0]), "a log-probability that is none"),
        (echoed("abcd", (2,), token_logprobs=[None, float("nan"), -1.0]), "a log-probability that is none"),
        (echoed("abcd", (2,), token_logprobs=[None]), "garbled"),
        (echoed("abcd", (2,), tokens=["zz", "z", "z"], text_offset=[0, "2", None]), "where its tokens begin"),
        (echoed("abcd", (2,), tokens=["c", "d", " more"], text_offset=[0, 1, 2]), "do not stand in the prompt"),
        (echoed("abcd", (2,), tokens=["a", "?", "d"], text_offset=[3, 0, 3]), "do not stand in the prompt"),
        (echoed("abcd", (2,)) | {"choices": [{"text": "abcd"}]}, "no log-probabilities of the prompt"),
    ],
)
def test_a_bad_answer_is_an_error_of_its_own_request(bad: Any, said: str) -> None:
    model = served(lambda body: bad if body["prompt"] == "abcd" else echoed(body["prompt"], (2,)))
    found = dict(model.loglikelihoods([Pair("ef", "gh"), Pair("ab", "cd"), Pair("ij", "kl")]))
    assert found[0].error is found[2].error is None
    assert said in str(found[1].error)
    assert dict(model.rolling(["efgh", "abcd"], Windows()))[1].error is not None


def test_a_server_that_repeats_no_prompts_is_refused_at_once() -> None:
    model = served(lambda body: {"choices": [{"text": "x", "logprobs": None}]})
    with pytest.raises(UserError, match="no log-probabilities of the prompt") as raised:
        list(model.loglikelihoods([Pair("ab", "cd")]))
    assert raised.value.code == Exit.INPUT


def test_a_server_of_conversations_gives_no_log_probabilities() -> None:
    asked: list[Any] = []

    def reply(body: dict[str, Any]) -> Any:
        asked.append(body)
        return {
            "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
            "usage": {"completion_tokens": 3},
        }

    model = served(reply, only_chat=True)
    assert model.can == {"generate", "chat"}
    [(_, [answer])] = model.generate([Prompt("Is it?")], Decoding(max_new=5, stop=("\n",)))
    assert (answer.text, answer.reason, answer.tokens) == ("yes", "stop", 3)
    assert asked[0]["messages"] == [{"role": "user", "content": "Is it?"}]
    assert (asked[0]["max_tokens"], asked[0]["stop"]) == (5, ["\n"])
    with pytest.raises(UserError, match="gives no log-probabilities"):
        list(model.loglikelihoods([Pair("ab", "cd")]))


def test_answers_that_fail_or_are_too_few() -> None:
    def reply(body: dict[str, Any]) -> Any:
        return (500, {}) if body["prompt"] == "bad" else {"choices": [{"text": "one", "finish_reason": "length"}]}

    found = dict(served(reply).generate([Prompt("bad"), Prompt("good")], Decoding(n=2, temperature=1.0)))
    assert [answer.error for answer in found[0]] == ["HTTP 500"] * 2
    assert [answer.error for answer in found[1]] == ["the server gave 1 answers, not 2"] * 2


def test_what_a_server_cannot_do_is_refused() -> None:
    model = served(lambda body: None)
    for windows in (Windows(context=5), Windows(stride=2), Windows(bos="scored")):
        with pytest.raises(UserError, match="reads texts whole"):
            list(model.rolling(["ab"], windows))
    with pytest.raises(UserError, match="reads texts whole"):
        list(model.rolling(["ab"], Windows(), moments=True))


def test_nothing_to_say_needs_no_request() -> None:
    model = served(lambda body: None)
    assert dict(model.loglikelihoods([Pair("ab", "")]))[0].error == "the continuation adds no token"
    assert dict(model.rolling([""], Windows()))[0].total == 0


def test_the_price_is_foretold() -> None:
    model = served(lambda body: None, settings={"price": Price(prompt=1e6, completion=2e6)})
    forecast = model.forecast(Asking(pairs=[Pair("abcd", "efgh")], prompts=[Prompt("abcd")], decoding=Decoding(10)))
    assert (forecast.tokens, forecast.new, forecast.requests, forecast.estimated) == (3, 11, 2, True)
    assert forecast.cost == 3 + 2 * 11


def test_other_weights_behind_the_same_name_are_another_model(tmp_path: Path) -> None:
    def asked(fingerprint: str, logprob: float) -> tuple[str, float, int]:
        card = {"id": "m", "fingerprint": fingerprint}
        logprobs = [None, logprob, -9.0]
        model = served(
            lambda body: echoed(body["prompt"], (2,), token_logprobs=logprobs), card, cache=tmp_path / "answers.sqlite"
        )
        [(_, answer)] = model.loglikelihoods([Pair("ab", "cd")])
        model.close()
        return model.digest, answer.logprob, model.account()["cached"]

    first, again, other = asked("a", -1.0), asked("a", -2.0), asked("b", -3.0)
    assert first[0] == again[0] != other[0]
    assert [each[1:] for each in (first, again, other)] == [(-1.0, 0), (-1.0, 1), (-3.0, 0)]
