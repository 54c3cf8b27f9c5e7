"""Every request is answered once, by the model that it names, whatever was asked before or broke off."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hashed_model import HashedModel

from evalkit.models.types import Decoding, Generated, Likelihood, Pair, Prompt, Windows
from evalkit.run.ask import UNIT_REQUESTS, Asker, Failed, units
from evalkit.run.keys import Continued, Read, Request, answer_key
from evalkit.run.store import Answer, Store
from workbench.errors import Exit, UserError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite") as opened:
        yield opened


def said(model: HashedModel, request: Request) -> Answer:
    """What the model says, without any store."""
    if isinstance(request, Pair):
        return model.loglikelihood(request)
    if isinstance(request, Continued):
        return model.say(request.prompt, request.decoding, request.seed)
    return model.read(request.text, request.windows)


def plain(answer: Any) -> Any:
    return answer if isinstance(answer, list | Likelihood) else (answer.logprobs.tolist(), answer.starts.tolist())


BASE: dict[str, Any] = {
    "weights": "a",
    "context": "Question: one?\nAnswer:",
    "continuation": " yes",
    "said": "Once",
    "max_new": 8,
    "temperature": 0.0,
    "top_p": 1.0,
    "stop": (),
    "n": 1,
    "seed": 0,
    "stride": None,
    "bos": "context",
    "positions": None,
}
OTHERS: dict[str, list[Any]] = {
    "weights": ["b", "a ", "a\x00", ""],
    "context": ["", "Question: one?\nAnswer", "Question: one?\nAnswer: ", "question: one?\nAnswer:", "\ud800", "é"],
    "continuation": ["yes", " yes ", " no", " ye", "e\u0301"],
    "said": ["Once ", "once", ({"role": "user", "content": "Once"},), ({"role": "system", "content": "Once"},)],
    "max_new": [9, 80],
    "temperature": [0.5, 1.0],
    "top_p": [0.9, 0.99],
    "stop": [("\n",), ("\n", "\n"), ("\n\n",)],
    "n": [2, 3],
    "seed": [1, -1, 2**40],
    "stride": [1, 2],
    "bos": ["scored", "none"],
    "positions": [1, 64],
}


def asked(config: dict[str, Any]) -> list[Request]:
    names = ("max_new", "temperature", "top_p", "stop", "n")
    return [
        Pair(config["context"], config["continuation"]),
        Continued(Prompt(config["said"]), Decoding(*(config[name] for name in names)), config["seed"]),
        Read(config["context"], Windows(config["positions"], config["stride"], config["bos"])),
    ]


def test_a_thousand_changes_never_find_the_answer_to_another_question(store: Store) -> None:
    draw = random.Random(7)
    config, reused = dict(BASE), 0
    for _ in range(1000):
        name = draw.choice(list(OTHERS))
        config[name] = draw.choice([BASE[name], *OTHERS[name]])
        asker = Asker(HashedModel(config["weights"]), store)
        requests = asked(config)
        asker.answer(requests)
        for request in requests:
            found = asker.find(request)
            assert not isinstance(found, Failed)
            assert plain(found) == plain(said(asker.model, request)), config  # type: ignore[arg-type]
        reused += asker.reused
    assert 500 < reused < 3000  # the store was of use, and not only in the test's beginning


def test_keys_of_different_requests_differ() -> None:
    made: dict[str, Any] = {}
    for name, values in OTHERS.items():
        for value in values:
            config = {**BASE, name: value}
            for request in asked(config):
                identity = (config["weights"], repr(request))
                assert made.setdefault(answer_key(config["weights"], request), identity) == identity


def test_equal_requests_are_asked_once_and_never_again(store: Store) -> None:
    model = HashedModel("a")
    asker = Asker(model, store)
    pairs = [Pair("x", "1"), Pair("x", "2"), Pair("x", "1")]
    heard: list[int] = []
    asker.answer(pairs, heard.append)
    asker.answer(pairs, heard.append)
    assert (model.answers, asker.asked, asker.reused, sum(heard)) == (2, 2, 2, 4)
    again = Asker(HashedModel("a"), store)
    assert again.is_known(pairs[0]) and not again.is_known(Pair("y", "1"))
    again.answer(pairs)
    assert again.asked == 0 and again.find(pairs[1]) == model.loglikelihood(pairs[1])


def test_units_follow_from_the_requests_alone_and_hold_one_kind() -> None:
    pairs = [Pair(f"c{number}", " x") for number in range(UNIT_REQUESTS + 5)]
    texts = [Read(f"text {number}", Windows()) for number in range(3)]
    other = [Read("text 0", Windows(bos="none"))]
    found = list(units([pairs[0], *texts, *pairs, *other]))
    assert [len(unit) for unit in found] == [UNIT_REQUESTS, 5, 3, 1]
    assert [request for unit in found for request in unit] == [*pairs, *texts, *other]
    shots = "shot " * 20_000
    long = [Pair(f"{shots}{number}" + "x" * 10_000, " y") for number in range(50)]
    assert [len(unit) for unit in units(long)] == [29, 21]  # the shots count once a unit


def test_a_model_that_breaks_off_costs_one_unit(store: Store) -> None:
    pairs = [Pair(f"c{number}", " x") for number in range(2 * UNIT_REQUESTS)]

    def breaks(number: int) -> None:
        if number == UNIT_REQUESTS + 7:
            raise KeyboardInterrupt

    broken = HashedModel("a", before=breaks)
    with pytest.raises(KeyboardInterrupt):
        Asker(broken, store).answer(pairs)
    model = HashedModel("a")
    Asker(model, store).answer(pairs)
    assert model.calls == [UNIT_REQUESTS]  # the same unit as without the break


def test_failures_are_told_by_their_reason_and_asked_again_next_time(store: Store) -> None:
    model = HashedModel("a", errors=lambda text: "HTTP 500" if "bad" in text else None)
    asker = Asker(model, store)
    good, bad, text = Pair("good", "x"), Pair("bad", "x"), Continued(Prompt("bad"), Decoding(n=2))
    asker.answer([good, bad, text])
    assert [asker.find(each) for each in (bad, text)] == [Failed("HTTP 500")] * 2
    assert asker.find(good) == model.loglikelihood(good)
    better = Asker(HashedModel("a"), store)
    better.answer([good, bad])
    assert (better.asked, better.failed) == (1, {})


class Odd(HashedModel):
    """Says nothing, too little, or what is no number."""

    def loglikelihoods(self, pairs: Any, *, listener: Any = None) -> Iterator[tuple[int, Likelihood]]:
        yield 0, Likelihood(float("nan"), 1, False)
        yield 1, Likelihood(float("-inf"), 1, False)

    def generate(self, prompts: Any, decoding: Any, **_: Any) -> Iterator[tuple[int, list[Generated]]]:
        yield 0, []


def test_no_answer_is_a_failure_and_never_a_number(store: Store) -> None:
    asker = Asker(Odd("a"), store)
    pairs = [Pair("x", str(number)) for number in range(3)]
    text = Continued(Prompt("x"), Decoding())
    asker.answer([*pairs, text])
    assert [asker.find(request) for request in [*pairs, text]] == [
        Failed("the log-probability is nan"),
        Failed("the log-probability is -inf"),
        Failed("the model gave no answer"),
        Failed("no text came"),
    ]


def test_a_model_that_only_fails_is_not_asked_for_hours(store: Store) -> None:
    asker = Asker(HashedModel("a", errors=lambda text: "no answer within 120 s"), store)
    with pytest.raises(UserError, match="all of the first 100 requests: no answer within") as caught:
        asker.answer([Pair(f"c{number}", " x") for number in range(5 * UNIT_REQUESTS)])
    assert caught.value.code == Exit.PARTIAL


def test_a_damaged_answer_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    pair, text = Pair("x", "1"), Continued(Prompt("x"), Decoding())
    model = HashedModel("a")
    with Store(path) as store:
        Asker(model, store).answer([pair, text])
    with sqlite3.connect(path) as file:
        rows = file.execute("SELECT key, body FROM answers").fetchall()
        bent = [(bytes([*body[:-1], body[-1] ^ 1]), key) for key, body in rows]
        file.executemany("UPDATE answers SET body = ? WHERE key = ?", bent)
    file.close()
    with Store(path) as store:
        asker = Asker(model, store)
        assert not asker.is_known(pair) and not asker.is_known(text)
        store.put({answer_key(model.digest, replace(pair, context="z")): [Generated("", "eos", 1)]})
        assert not asker.is_known(replace(pair, context="z"))  # an answer of another kind
        asker.answer([pair, text])
        assert asker.find(pair) == model.loglikelihood(pair)


def test_several_texts_and_long_documents_come_back_as_they_were(store: Store) -> None:
    asker = Asker(HashedModel("a"), store)
    requests = [Continued(Prompt("\ud800 hostile \x1b[2J"), Decoding(n=3)), Read("three words here", Windows())]
    asker.answer(requests)
    for request in requests:
        found = asker.find(request)
        assert not isinstance(found, Failed)
        assert plain(found) == plain(said(asker.model, request))  # type: ignore[arg-type]
