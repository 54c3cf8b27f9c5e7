"""A server may answer anything: rows without a score have the reason, and are counted apart from wrong answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from small_tasks import write_tasks

from evalkit.models.endpoint import Served
from evalkit.run.forecast import expected, seconds_a_token, total
from evalkit.run.make import Evaluation, evaluate
from evalkit.run.rows import read_rows, read_summary
from evalkit.run.settings import EvalSettings
from workbench.endpoints import Endpoint, Price
from workbench.errors import Exit, UserError
from workbench.runs import Run

Handler = Callable[[httpx.Request], httpx.Response]


def body(text: str, logprobs: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"text": text, "logprobs": logprobs, "finish_reason": "stop"}]})


def completed(request: dict[str, Any]) -> httpx.Response:
    """What a good server says: twice, the sum is 4; every character of an echoed prompt is a token of log p -1."""
    prompt = request["prompt"]
    if request.get("echo"):
        letters = list(prompt)
        told = {
            "tokens": [*letters, "!"],
            "token_logprobs": [-1.0] * (len(letters) + 1),
            "text_offset": list(range(len(letters) + 1)),
        }
        return body(prompt + "!", told)
    choices = [{"text": " 4", "finish_reason": "stop"}] * request.get("n", 1)
    return httpx.Response(200, json={"choices": choices, "usage": {"completion_tokens": 2}})


def nothing(request: dict[str, Any]) -> httpx.Response:
    raise httpx.ReadTimeout("")


BAD: dict[str, tuple[Callable[[dict[str, Any]], httpx.Response], str]] = {
    "1 + 1": (lambda request: httpx.Response(429, headers={"retry-after": "0"}), "HTTP 429"),
    "3 + 3": (
        lambda request: httpx.Response(500, json={"error": {"message": "out \x1b[2J of memory"}}),
        "HTTP 500: out",
    ),
    "4 + 4": (lambda request: httpx.Response(200, content=b"<html>\xff garbage"), "the answer is no JSON"),
    "5 + 5": (lambda request: httpx.Response(200, json=[1, 2]), "the answer is no JSON object"),
    "6 + 6": (lambda request: httpx.Response(200, json={"choices": [{"text": 7}]}), "a choice has no text"),
    "7 + 7": (lambda request: httpx.Response(200, json={"choices": []}), "the answer has no choices"),
    "8 + 8": (nothing, "no answer within 120 s"),
    "9 + 9": (lambda request: httpx.Response(200, content=b""), "the answer is no JSON"),
    "10 + 10": (lambda request: body(" 20"), "the server gave 1 answers, not 2"),
    "11 + 11": (lambda request: httpx.Response(400, json={"error": "too long"}), "HTTP 400: too long"),
    "thing 2?": (lambda request: body("x", {"tokens": ["a"], "token_logprobs": [], "text_offset": [0]}), "garbled"),
    "thing 4?": (
        lambda request: body("x", {"tokens": ["a"], "token_logprobs": ["no"], "text_offset": [0]}),
        "log-probability that is none",
    ),
}


def handler(request: httpx.Request) -> httpx.Response:
    asked = json.loads(request.content)
    lines = str(asked.get("prompt")).strip().rsplit("\n", 2)
    for marked, (say, _) in BAD.items():
        if any(line.startswith(marked) or line.endswith(f"What colour is {marked}") for line in lines):
            return say(asked)
    return completed(asked)


def unlisted(handle: Handler) -> Handler:
    """The same server, which has no list of its models."""
    return lambda request: httpx.Response(404) if request.method == "GET" else handle(request)


def run(folder: Path, handle: Handler, *tasks: str, **endpoint: Any) -> Run:
    write_tasks(folder)
    settings = {"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1, **endpoint}
    model = Served(
        Endpoint(**settings), transport=httpx.MockTransport(unlisted(handle)), cache=folder / "answers.sqlite"
    )
    names = tuple(str(folder / f"{task}.yaml") for task in tasks)
    made = EvalSettings(model=model.name, tasks=names, data_root=(str(folder),), shots=0)
    try:
        asked = Evaluation.of(made, model, folder / "workspace", folder)
        return evaluate(asked, folder / "workspace", out=folder / "run")
    finally:
        model.close()


def test_each_failure_is_a_failed_row_with_its_reason(tmp_path: Path) -> None:
    made = run(tmp_path, handler, "sums", "colours", "pages")
    rows = read_rows(made.path, "items").collect().to_dicts()
    said = {row["prompts"][0].removesuffix(" ="): row for row in rows if row["task"] == "sums"}
    for marked, (_, reason) in BAD.items():
        if "+" in marked:
            assert said[marked]["state"] == "failed" and reason in said[marked]["reason"], marked
            assert said[marked]["outputs"] == [] and said[marked]["predicted"] is None
    good = [row for row in said.values() if row["state"] == "scored"]
    assert len(good) == 20
    summary = {task["task"]: task for task in read_summary(made.path)["tasks"]}
    assert summary["sums"]["failed"] == 10 and summary["sums"]["metrics"]["exact_match"]["n"] == 20
    assert summary["sums"]["metrics"]["exact_match"]["value"] == pytest.approx(1 / 20)  # 2 + 2, and nothing else
    colours = [row for row in rows if row["task"] == "colours" and row["state"] == "failed"]
    assert [row["row"] for row in colours] == [2, 3, 4, 5, 7]
    assert "garbled" in colours[0]["reason"] and colours[0]["logprobs"] == [None] * 4
    assert summary["pages"]["failed"] == 0
    scores = read_rows(made.path, "scores").collect()
    failed = {row["item"] for row in rows if row["state"] == "failed"}
    assert not failed & set(scores["item"]) and scores.filter(pl.col("value").is_nan()).height == 0


def test_choices_without_a_likelihood_of_their_own_lack_one_metric(tmp_path: Path) -> None:
    def begins(request: httpx.Request) -> httpx.Response:
        """As most servers: the first token of a text has no log-probability."""
        said = json.loads(completed(json.loads(request.content)).content)
        said["choices"][0]["logprobs"]["token_logprobs"][0] = None
        return httpx.Response(200, json=said)

    found = read_summary(run(tmp_path, begins, "colours").path)["tasks"][0]
    assert found["scored"] == 27 and found["metrics"]["acc"]["n"] == 27
    assert "acc_mutual_info" not in found["metrics"]


def test_what_failed_is_asked_again_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, handler, "sums")
    asked: list[str] = []

    def recovered(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["prompt"])
        return completed(json.loads(request.content))

    settings = EvalSettings(model="m", tasks=(str(tmp_path / "sums.yaml"),), data_root=(str(tmp_path),), shots=0)
    endpoint = Endpoint(url="http://127.0.0.1:9/v1", model="m", attempts=1)
    model = Served(endpoint, transport=httpx.MockTransport(unlisted(recovered)))
    plan = Evaluation.of(settings, model, tmp_path / "workspace", tmp_path)
    made = evaluate(plan, tmp_path / "workspace", out=tmp_path / "again")
    assert len(asked) == 10 and read_summary(made.path)["tasks"][0]["failed"] == 0


def test_a_server_that_is_not_there_ends_the_run_early_and_it_can_go_on(tmp_path: Path) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(UserError, match="failed on all of the first 100 requests: ConnectError") as caught:
        run(tmp_path, refused, "colours")
    assert caught.value.code == Exit.PARTIAL
    made = run(tmp_path, lambda request: completed(json.loads(request.content)), "colours")
    assert read_summary(made.path)["tasks"][0]["scored"] == 27


def test_a_refused_key_ends_the_run_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="refused the key") as caught:
        run(tmp_path, lambda request: httpx.Response(401), "sums")
    assert caught.value.code == Exit.INPUT


def test_a_budget_ends_the_run_and_what_was_paid_is_kept(tmp_path: Path) -> None:
    answered: list[str] = []

    def counting(request: httpx.Request) -> httpx.Response:
        answered.append(json.loads(request.content)["prompt"])
        return completed(json.loads(request.content))

    price = {"completion": 1e6}
    with pytest.raises(UserError, match="budget of 20 is used up") as caught:
        run(tmp_path, counting, "sums", price=price, budget=20.0, concurrency=1)
    assert caught.value.code == Exit.PARTIAL and len(answered) == 10
    made = run(tmp_path, counting, "sums", price=price, budget=2000.0, concurrency=1)
    assert len(answered) == 30 and len(set(answered)) == 30
    assert read_summary(made.path)["tasks"][0]["scored"] == 30


def test_a_forecast_asks_a_server_for_nothing(tmp_path: Path) -> None:
    write_tasks(tmp_path)
    asked: list[str] = []

    def counting(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            asked.append(json.loads(request.content)["prompt"])
        return completed(json.loads(request.content)) if request.method == "POST" else httpx.Response(404)

    endpoint = Endpoint(url="http://127.0.0.1:9/v1", model="m", attempts=1, price=Price(prompt=1000.0))
    model = Served(endpoint, transport=httpx.MockTransport(counting))
    names = tuple(str(tmp_path / f"{task}.yaml") for task in ("colours", "sums"))
    settings = EvalSettings(model="m", tasks=names, data_root=(str(tmp_path),))
    plan = Evaluation.of(settings, model, tmp_path / "workspace", tmp_path)
    whole = total(expected(plan, tmp_path / "workspace"))
    assert (whole.requests, whole.known, whole.estimated) == (142, 0, True)
    assert whole.cost == pytest.approx(whole.tokens / 1000) and whole.tokens > 1000
    assert seconds_a_token(model, plan.planned) is None and asked == []
