from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import speaking_models
from typer.testing import CliRunner

from train.ask import Own, Voice, open_voice
from train.cli.commands import app
from train.data.conversations import conversation
from train.data.records import read_records
from train.feedback import work
from train.feedback.constitution import SHIPPED, read_constitution
from train.feedback.make import Feedback, Plan, expected, make
from train.model.build import save
from train.preferences.read import read
from workbench.errors import Exit, UserError
from workbench.recipes import from_values, resolve

ENDPOINT = {"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1, "concurrency": 1}


class Judge:
    """A server: answers, criticises and revises by counting up, and prefers the longer answer, the first one a bit."""

    def __init__(self, fails: int = 10**9) -> None:
        self.asked = 0
        self.fails = fails

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.asked > self.fails:
            return httpx.Response(400)
        body = json.loads(request.content)
        text = body["messages"][-1]["content"]
        usage = {"prompt_tokens": 7, "completion_tokens": 1}
        choice: dict[str, Any] = {"finish_reason": "stop"}
        if text.endswith("The better answer is:"):
            a, b = re.search(
                r"\[Answer A\]\n<<<\w+\n(.*)\n\w+>>>\n\n\[Answer B\]\n<<<\w+\n(.*?)\n\w+>>>", text, re.S
            ).groups()  # type: ignore[union-attr]
            level = len(a) - len(b) + 0.5
            top = [{"token": name, "logprob": one} for name, one in (("A", 0.0), (" B", -level))]
            choice |= {"message": {"content": "A"}, "logprobs": {"content": [{"top_logprobs": top}]}}
            if "strange" in text:
                choice |= {"message": {"content": "Neither"}, "logprobs": None}
        elif text.endswith("Critique:"):
            choice["message"] = {"content": " Too short."}
        elif text.endswith("Answer:"):
            old = re.search(r"\[Answer\]\n<<<\w+\n(.*)\n\w+>>>\n\n\[Critique\]\n<<<\w+\nToo short.\n", text)[1]  # type: ignore[index]
            choice |= {"message": {"content": f" {old}!"}, "finish_reason": "length" if "long" in old else "stop"}
        else:
            choice["message"] = {"content": f" reply {body['seed'] % 1000}"}
        return httpx.Response(200, json={"choices": [choice], "usage": usage})


def planned(tmp_path: Path, rows: list[dict[str, Any]], **more: Any) -> Plan:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"prompts": "p.jsonl", "voice": {"endpoint": ENDPOINT}, **more}
    return Plan(resolve(Feedback, [from_values(values, "test")]).recipe, tmp_path)


def voice(plan: Plan, root: Path, judge: Judge) -> Voice:
    return open_voice(plan.settings.voice, root, transport=httpx.MockTransport(judge))


def test_revisions_are_data_for_fine_tuning(tmp_path: Path) -> None:
    rows = [
        {"prompt": "one", "response": "short"},
        {"messages": [{"role": "user", "content": "two"}, {"role": "assistant", "content": "brief"}]},
        {"prompt": "three"},
        {"prompt": "four", "response": "long"},
    ]
    plan = planned(tmp_path, rows, make="revisions", rounds=2, batch=3)
    judge = Judge()
    asked = voice(plan, tmp_path, judge)
    run, report = make(plan, asked, asked, tmp_path)
    found = [values for _, values in read_records(run.path / "revisions.jsonl")]
    assert [row["response"] for row in found[:2]] == ["short!!", "brief!!"]
    assert re.fullmatch(r"reply \d+!!", found[2]["response"])
    assert [message["content"] for message in conversation(found[1])] == ["two", "brief!!"]
    assert found[0]["original"] == "short"
    names = {principle.name for principle in plan.constitution.principles}
    assert all(step["principle"] in names and step["critique"] == " Too short." for step in found[0]["steps"])
    assert (report["kept"], report["dropped"], report["unchanged"]) == (3, {work.CUT: 1}, 0)
    assert report["requests"] == judge.asked == 1 + 3 * 4 + 2
    assert report["prompt_tokens"] == 7 * judge.asked
    assert sum(report["principles"].values()) == 6


def test_preferences_are_asked_in_both_orders(tmp_path: Path) -> None:
    rows = [
        {"prompt": "one", "responses": ["aa", "a", "aa "]},
        {"prompt": "two", "chosen": "strange", "rejected": "x"},
        {"prompt": [{"role": "user", "content": "three"}], "responses": ["a", "b"]},
    ]
    plan = planned(tmp_path, rows, make="preferences")
    asked = voice(plan, tmp_path, Judge())
    run, report = make(plan, asked, asked, tmp_path)
    assert report["dropped"] == {work.SAME: 1, work.UNDECIDED: 1}
    rows = list(read_records(run.path / "preferences.jsonl"))
    assert [values["rater"] for _, values in rows[:2]] == ["m:ab", "m:ba"]
    comparisons = read(rows)
    assert [each.responses for each in comparisons] == [("aa", "a"), ("a", "b")]
    chance = [1 / (1 + math.exp(-level)) for level in (1.5, 0.5)]  # with the longer first, and second
    pair = comparisons[0].pairs().kept[0]
    assert (pair.winner, pair.loser) == (0, 1)
    assert pair.probability == pytest.approx((chance[0] + chance[1]) / 2)
    # Of two equally long ones the first is preferred in either order: the orders disagree, and neither wins.
    assert comparisons[1].disagreement() == (1, 1)
    assert comparisons[1].pairs().kept[0].probability == pytest.approx(0.5)
    assert report["orders_agree"] == 0.5
    assert report["first_bias"] > 0
    assert report["longer_wins"] == 1


def test_an_interrupted_run_comes_to_the_same(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {number}"} for number in range(5)]
    plan = planned(tmp_path, rows, make="preferences", batch=2, responses=3)
    asked = voice(plan, tmp_path / "a", Judge())
    whole, _ = make(plan, asked, asked, tmp_path / "a")
    broken = voice(plan, tmp_path / "b", Judge(fails=18))
    with pytest.raises(UserError, match="m failed on all 6 requests; the first: HTTP 400") as caught:
        make(plan, broken, broken, tmp_path / "b")
    assert caught.value.code == Exit.PARTIAL
    judge = Judge()
    again = voice(plan, tmp_path / "c", judge)
    resumed, _ = make(plan, again, again, tmp_path / "b")
    for name in ("preferences.jsonl", "dropped.jsonl"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_forecast_counts_all_requests(tmp_path: Path) -> None:
    plan = planned(tmp_path, [{"prompt": "a", "response": "b"}, {"prompt": "c"}], make="revisions", rounds=2)
    found = expected(plan, voice(plan, tmp_path, Judge()))
    assert (found.requests, found.completion_tokens) == (8, 8 * 512)
    plan = planned(tmp_path, [{"prompt": "a"}], make="preferences", responses=3)
    assert expected(plan, voice(plan, tmp_path, Judge())).requests == 6


def test_a_model_of_ones_own_judges(tmp_path: Path) -> None:
    plan = planned(tmp_path, [{"prompt": "one", "responses": ["two", "three"]}], make="preferences")
    short = "{prompt} {a} {b} {principle}"
    plan.constitution = plan.constitution.model_copy(update={"preference": short})
    judge = Own("own", speaking_models.speaker(context=256), chat=False)
    run, report = make(plan, judge, judge, tmp_path)
    assert 0.5 <= report["certainty"] <= 1
    assert len(list(read_records(run.path / "preferences.jsonl"))) == 2


def test_constitutions_are_checked(tmp_path: Path) -> None:
    assert len(read_constitution(SHIPPED).principles) == 6
    (tmp_path / "c.yaml").write_text("principles:\n  - {name: a, critique: c, revise: r}\n")
    with pytest.raises(UserError, match=r"prefer' is missing") as caught:
        read_constitution(tmp_path / "c.yaml")
    assert caught.value.line == 2
    one = "  - {name: a, critique: c, revise: r, prefer: p}\n"
    (tmp_path / "c.yaml").write_text("principles:\n" + one + one)
    with pytest.raises(UserError, match="have one name"):
        read_constitution(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("principles:\n" + one + "preference: '{a} {principle}'\n")
    with pytest.raises(UserError, match=r"has no \{prompt\}, \{b\}"):
        read_constitution(tmp_path / "c.yaml")


def test_the_command(tmp_path: Path) -> None:
    opened = speaking_models.speaker(context=512)
    save(opened.model, opened.config, tmp_path / "small")
    opened.tokenizer.save(tmp_path / "small")
    (tmp_path / "p.jsonl").write_text('{"prompt": "one", "responses": ["two", "three"]}\n')
    (tmp_path / "c.yaml").write_text(
        "principles:\n  - {name: a, critique: c, revise: r, prefer: p}\npreference: '{prompt} {a} {b} {principle}'\n"
    )
    arguments = ["--make", "preferences", "--prompts", tmp_path / "p.jsonl", "--model", tmp_path / "small"]
    arguments += ["--constitution", tmp_path / "c.yaml", "--root", tmp_path / "root", "--json"]
    done = CliRunner().invoke(app, ["feedback", *map(str, arguments), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["judge"]["requests"] == 2
    done = CliRunner().invoke(app, ["feedback", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["kept"] == 1
